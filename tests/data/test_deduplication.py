"""Exact and near duplicates: planted ones are found, different documents stay."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.config.corpus import NearDuplicates
from lineage.data.deduplication import Deduplication, jaccard, normalised, shingles
from lineage.data.schema import Document, Removal
from tests.data.building import numbered

WORDS = [
    f"{first}{second}" for first in "bdfgklmnprstv" for second in ("ana", "elo", "iru", "oma", "uti", "ade", "ipo")
]


def removals(documents: list[Document], *, exact: bool = True, near: NearDuplicates | None) -> list[Removal]:
    deduplication = Deduplication(exact=exact, near=near)
    for document in documents:
        deduplication.note(document)
    decided = list(deduplication.decide(documents))
    assert [one.document for one in decided] == documents
    return [one.removal for one in decided if one.removal is not None]


def clusters(documents: list[Document], together: NearDuplicates | None) -> list[str]:
    """Of each document that of its cluster, where none is removed."""
    deduplication = Deduplication(exact=False, near=None, together=together)
    for document in documents:
        deduplication.note(document)
    decided = list(deduplication.decide(documents))
    assert all(one.removal is None for one in decided)
    assert all(documents[int(one.cluster.id)].source == one.cluster.source for one in decided)
    return [one.cluster.id for one in decided]


def prose(random: Random, num_words: int = 80) -> str:
    return " ".join(random.choices(WORDS, k=num_words))


def changed(text: str, random: Random) -> str:
    """One word replaced, one left out, or the end cut off: Jaccard of word triples 0.85 or more at 80 words."""
    words = text.split()
    kind = random.randrange(3)
    if kind == 0:
        words[random.randrange(len(words))] = "changed"
    elif kind == 1:
        del words[random.randrange(len(words))]
    else:
        words = words[:-6]
    return " ".join(words)


def test_planted_duplicates_are_found_and_nothing_else() -> None:
    random = Random(0)
    documents = numbered(prose(random) for _ in range(1500))
    planted = {}
    for number, original in enumerate(random.sample(documents, 120)):
        text = original.text.upper() if number % 2 else changed(original.text, random)
        documents.append(Document(f"copy{number}", "", text, "notes"))
        planted[f"copy{number}"] = (original.id, "exact" if number % 2 else "near")
    found = {one.id: (one.kept_id, one.reason) for one in removals(documents, near=NearDuplicates())}
    hits = sum(planted.get(copy) == origin for copy, origin in found.items())
    assert hits / len(found) >= 0.95
    assert hits / len(planted) >= 0.95


def test_pages_of_one_template_about_different_subjects() -> None:
    """One changed name among 80 words is Jaccard 75/81: near by the threshold, kept apart by title."""
    words = prose(Random(1)).split()
    documents = [
        Document(name, name, " ".join([*words[:40], name, *words[41:]]), "pages") for name in ("Alma", "Brin", "Cora")
    ]
    assert [one.id for one in removals(documents, near=NearDuplicates())] == ["Brin", "Cora"]
    assert removals(documents, near=NearDuplicates(same_title=True)) == []


def test_the_threshold_is_the_exact_jaccard_similarity() -> None:
    """10 words have 8 triples; another last word leaves 7 of them: 7 / 9."""
    left, right = numbered(["a b c d e f g h i j", "a b c d e f g h i k"])
    assert jaccard(shingles(left.text, 3), shingles(right.text, 3)) == 7 / 9
    found = removals([left, right], near=NearDuplicates(threshold=7 / 9))
    assert found == [Removal("1", "0", "near", 7 / 9)]
    assert removals([left, right], near=NearDuplicates(threshold=7 / 9 + 1e-9)) == []


def test_no_chains() -> None:
    """b is near a, c is near b but not near a: with b gone, c stays."""
    words = [f"w{number}" for number in range(60)]
    a, b, c = words, ["x1", *words[6:]], ["x1", "x2", *words[12:]]
    documents = numbered(" ".join(text) for text in (a, b, c))
    near = NearDuplicates(threshold=0.8, num_permutations=512)
    assert [(one.id, one.kept_id) for one in removals(documents, near=near)] == [("1", "0")]
    assert [(one.id, one.kept_id) for one in removals(documents[1:], near=near)] == [("2", "1")]


def test_clusters_are_what_deduplication_would_reduce_to_their_first_document() -> None:
    """b is near a, c near b but not near a: c stands alone, as it would stay; a copy of b goes with it to a."""
    words = [f"w{number}" for number in range(60)]
    a, b, c = words, ["x1", *words[6:]], ["x1", "x2", *words[12:]]
    documents = numbered(" ".join(text) for text in (a, b, c, b, a, ["other"]))
    near = NearDuplicates(threshold=0.8, num_permutations=512)
    assert clusters(documents, near) == ["0", "0", "2", "0", "0", "5"]
    assert [one.kept_id for one in removals(documents, near=near)] == ["0", "0", "0"]
    assert clusters(documents, None) == ["0", "1", "2", "1", "0", "5"]


def test_copy_of_a_removed_document_points_to_the_kept_one() -> None:
    words = prose(Random(2)).split()
    near = [*words[:-1], "end"]
    documents = numbered([" ".join(words), " ".join(near), " ".join(near)])
    found = removals(documents, near=NearDuplicates())
    assert [(one.id, one.kept_id, one.reason) for one in found] == [("1", "0", "near"), ("2", "0", "near")]


def test_each_kind_can_be_switched_off() -> None:
    words = prose(Random(3))
    documents = numbered([words, words, words + " more"])
    assert [one.id for one in removals(documents, near=None)] == ["1"]
    assert [one.id for one in removals(documents, exact=False, near=NearDuplicates())] == ["1", "2"]
    assert removals(documents, exact=False, near=None) == []


def test_texts_without_words_are_only_compared_whole() -> None:
    assert [one.id for one in removals(numbered(["!!!", "???", "!!!"]), near=NearDuplicates())] == ["2"]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_short_texts_make_one_shingle(size: int) -> None:
    assert len(shingles(" ".join("abc"[:size]), 3)) == 1


@given(st.text(), st.sampled_from([" ", "\n", "\t ", "  "]))
def test_normalisation_ignores_space_and_is_stable(text: str, space: str) -> None:
    once = normalised(text)
    assert normalised(f"{space}{text}{space}") == once
    assert normalised(once) == normalised(normalised(once))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("ab ", max_size=12), max_size=12))
def test_kept_and_removed_are_all_documents_and_kept_ones_stand_for_removed(texts: list[str]) -> None:
    documents = numbered(texts)
    found = removals(documents, near=NearDuplicates(threshold=0.5, num_permutations=32))
    removed = {one.id for one in found}
    assert len(removed) == len(found)
    assert not {one.kept_id for one in found} & removed
    assert len({normalised(one.text) for one in documents if one.id not in removed}) == len(documents) - len(removed)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("ab ", max_size=12), max_size=12))
def test_clusters_without_removal_are_those_of_removal(texts: list[str]) -> None:
    documents, near = numbered(texts), NearDuplicates(threshold=0.5, num_permutations=32)
    stands_for = {one.id: one.kept_id for one in removals(documents, near=near)}
    assert clusters(documents, near) == [stands_for.get(one.id, one.id) for one in documents]


@given(st.lists(st.integers(0, 20)), st.lists(st.integers(0, 20)))
def test_jaccard_of_sets(left: list[int], right: list[int]) -> None:
    expected = len({*left} & {*right}) / len({*left} | {*right}) if left or right else 0.0
    found = jaccard(np.unique(np.array(left, np.uint64)), np.unique(np.array(right, np.uint64)))
    assert found == expected
