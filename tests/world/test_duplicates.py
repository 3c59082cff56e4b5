"""Planted copies are found by any sensible measure, and nothing else looks like a copy."""

import re
from collections import Counter, defaultdict
from itertools import combinations, pairwise

import pytest

from lineage.config.world import World
from lineage.errors import UserError
from lineage.world.duplicates import NEAR_SIMILARITY, near_copy, similarity
from lineage.world.generate import generate
from lineage.world.prose import Sentence
from lineage.world.randomness import stream
from tests.world.worlds import SMALL, default_world


def shingles(text: str, size: int) -> set[tuple[str, ...]]:
    """Word n-grams, case and punctuation ignored."""
    found = re.findall(r"\w+", text.lower())
    return {tuple(found[i : i + size]) for i in range(len(found) - size + 1)}


def most_similar(texts: dict[str, str], size: int) -> float:
    """The largest Jaccard similarity of two different documents (exact, by an inverted index)."""
    grams = {name: shingles(text, size) for name, text in texts.items()}
    holders: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, own in grams.items():
        for gram in own:
            holders[gram].append(name)
    shared: Counter[tuple[str, str]] = Counter()
    for names in holders.values():
        if len(names) <= 40:  # commoner n-grams are stock phrases; no pair is alike through them alone
            shared.update(combinations(names, 2))
    return max(
        (count / (len(grams[one]) + len(grams[other]) - count) for (one, other), count in shared.items()), default=0.0
    )


def test_distinct_documents_stay_far_apart() -> None:
    world = default_world()
    copies = {one.copy for one in world.duplicates}
    texts = {one.id: one.text for one in world.documents if one.id not in copies}
    assert most_similar(texts, 5) < 0.5


def test_exposures_of_one_fact_are_unlike_each_other() -> None:
    world = default_world()
    copies = {one.copy for one in world.duplicates}
    text = {one.id: one.text for one in world.documents}
    stating: defaultdict[str, list[str]] = defaultdict(list)
    for mention in world.mentions:
        if mention.document not in copies:
            stating[mention.fact].append(mention.document)
    for documents in stating.values():
        grams = [shingles(text[one], 3) for one in documents]
        assert all(2 * len(one & other) < len(one | other) for one, other in combinations(grams, 2))


def test_articles_of_distinct_entities_stay_far_apart() -> None:
    assert most_similar({one.id: one.text for one in default_world().articles}, 5) < 0.5


def test_planted_copies_are_alike() -> None:
    world = default_world()
    text = {one.id: one.text for one in world.documents}
    place = {one.id: index for index, one in enumerate(world.documents)}
    kinds = Counter(one.kind for one in world.duplicates)
    copied = sum(one.source in ("world/background", "world/facts") for one in world.documents) - kinds.total()
    assert kinds == {"exact": int(0.02 * copied), "near": int(0.02 * copied)}
    for pair in world.duplicates:
        alike = similarity(text[pair.original], text[pair.copy])
        assert alike == 1.0 if pair.kind == "exact" else NEAR_SIMILARITY <= alike < 1.0
        assert place[pair.original] < place[pair.copy]
    named = Counter(name for pair in world.duplicates for name in (pair.original, pair.copy))
    assert max(named.values()) == 1, "each document is copied at most once"


def test_copies_state_what_their_originals_state() -> None:
    stated: defaultdict[str, set[str]] = defaultdict(set)
    for mention in default_world().mentions:
        stated[mention.document].add(mention.fact)
    assert all(stated[pair.original] == stated[pair.copy] for pair in default_world().duplicates)


def test_near_copy_never_touches_a_fact() -> None:
    sentences = (Sentence("Mira Soltan plays the harp.", "person-0000.instrument"),) * 9
    assert near_copy(sentences, stream(0, "test")) is None


def test_no_shares_no_copies() -> None:
    world = generate(World(**{**SMALL, "duplicate_share": 0, "near_duplicate_share": 0}))
    assert world.duplicates == ()
    assert all(one.text != other.text for one, other in pairwise(sorted(world.documents, key=lambda one: one.text)))


def test_too_many_near_copies() -> None:
    with pytest.raises(UserError, match="near_duplicate_share"):
        generate(World(**{**SMALL, "duplicate_share": 0.5, "near_duplicate_share": 0.5}))
