"""Passages about newcomers: what each says, what its probes ask, and what nothing else says."""

import re
from collections import Counter
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.config.facts import WorldFacts
from lineage.config.world import World
from lineage.data.facts import DEPTHS, Fact, Probe, check_facts
from lineage.data.tokenizer import train
from lineage.errors import UserError
from lineage.world.attributes import BY_KIND
from lineage.world.entities import phrase
from lineage.world.facts import ATTRIBUTES
from lineage.world.generate import generate
from lineage.world.passages import SECOND_HOPS, world_facts
from lineage.world.tables import GeneratedWorld
from tests.world.worlds import SMALL, default_world, small_world

PERSONAL = len(BY_KIND["person"])


def made(world: GeneratedWorld, **settings_: Any) -> list[Fact]:
    return world_facts(WorldFacts(source="world", **settings_), world.entities, world.facts)


@cache
def default_facts() -> list[Fact]:
    return made(default_world())


def sentences(text: str) -> list[str]:
    return re.findall(r"[A-Z][^.]*\.", text)


def of_depth(fact: Fact, depth: str) -> list[Probe]:
    return [probe for probe in fact.probes if probe.depth == depth]


def wordings(world: GeneratedWorld, text: str) -> dict[str, str]:
    """Fact of the world -> the wording in which the text states it; every sentence states exactly one."""
    entities = {one.id: one for one in world.entities}
    stated: dict[str, list[tuple[str, str]]] = {}
    for fact in world.facts:
        for wording in ATTRIBUTES[fact.attribute].statements if fact.role in ("injection", "open") else ():
            clause = wording.format(s=phrase(entities[fact.subject]), v=fact.value)
            stated.setdefault(clause[0].upper() + clause[1:] + ".", []).append((fact.id, wording))
    found = {}
    for sentence in sentences(text):
        ((fact, wording),) = stated[sentence]
        assert fact not in found, "stated once"
        found[fact] = wording
    return found


def test_one_fact_for_each_newcomer_with_nine_paraphrases() -> None:
    facts = default_facts()
    people = [one for one in default_world().entities if one.split == "injection"]
    assert [fact.id for fact in facts] == [person.id for person in people]
    assert len(facts) == World().injection_people
    assert {len(fact.paraphrases) for fact in facts} == {9}
    depths = [tuple(Counter(probe.depth for probe in fact.probes)[depth] for depth in DEPTHS) for fact in facts]
    assert set(depths) == {(PERSONAL, PERSONAL, 3)}
    check_facts(facts)


def test_passage_and_paraphrases_state_the_same_facts_in_other_words_and_order() -> None:
    """All five facts of the person, and three of the firm and town that they name; no wording of the passage again."""
    world = small_world()
    own = {fact.id for fact in world.facts if fact.role == "injection"}
    for fact in made(world):
        said = [wordings(world, text) for text in (fact.passage, *fact.paraphrases)]
        passage = said[0]
        assert len(passage) == PERSONAL + 3
        assert {one for one in passage if one in own} == {one for one in own if one.startswith(fact.id)}
        for paraphrase in said[1:]:
            assert paraphrase.keys() == passage.keys()
            assert all(paraphrase[one] != passage[one] for one in passage)
        assert len({tuple(one) for one in said}) == 10, "ten orders"
        for one in passage:
            assert len({paraphrase[one] for paraphrase in said}) == 8, "all eight wordings are used"


def test_a_second_hop_follows_what_names_its_subject() -> None:
    world = small_world()
    facts = {fact.id: fact for fact in world.facts}
    for made_fact in made(world, compositions=7):
        for text in (made_fact.passage, *made_fact.paraphrases):
            order = [facts[one] for one in wordings(world, text)]
            assert order[0].role == "injection"
            named: set[str | None] = set()
            for fact in order:
                assert fact.role == "injection" or fact.subject in named
                named.add(fact.value_entity)


def test_memorization_cues_are_copied_from_the_passage() -> None:
    for fact in default_facts():
        for probe in of_depth(fact, "memorization"):
            assert f"{probe.cue} {probe.target}." in sentences(fact.passage)


def test_semantic_cues_are_the_held_out_ones_with_the_same_targets() -> None:
    table = {(one.subject, one.attribute): one for one in default_world().facts}
    for fact in default_facts():
        memorized, semantic = of_depth(fact, "memorization"), of_depth(fact, "semantic")
        rows = [table[fact.id, attribute.name] for attribute in BY_KIND["person"]]
        assert [(one.cue, one.target) for one in semantic] == [(row.cue, row.target) for row in rows]
        assert [one.target for one in memorized] == [row.target for row in rows]


def test_compositional_probes_need_two_sentences() -> None:
    """Person -> firm or town -> value: the cue names the person only, and no sentence holds both ends."""
    table = {(one.subject, one.attribute): one for one in default_world().facts}
    names = {one.id: one.name for one in default_world().entities}
    asked = Counter()
    for fact in default_facts():
        name = names[fact.id]
        person_values = {probe.target for probe in of_depth(fact, "semantic")}
        for probe in of_depth(fact, "compositional"):
            (hop,) = [
                attribute
                for attribute, (_, cue) in SECOND_HOPS.items()
                if probe.cue.lower() == cue.format(s=name).lower()
            ]
            first = table[fact.id, SECOND_HOPS[hop][0]]
            assert first.value_entity is not None
            assert probe.target == table[first.value_entity, hop].value
            holding = [one for one in sentences(fact.passage) if probe.target in re.findall(r"\w+", one)]
            assert len(holding) == 1 and name not in holding[0] and first.value in holding[0]
            assert first.value not in probe.cue and probe.target not in person_values
            asked[hop] += 1
    assert asked["headquarters"] >= 50 and asked["region"] == 60 and asked["emblem"] == 60
    assert sum(asked.values()) == 180


def test_a_value_that_the_passage_names_otherwise_is_not_asked_for() -> None:
    """Born where the firm has its headquarters: the wrong hop would give the right answer."""
    world = default_world()
    by_id = {fact.id: fact for fact in world.facts}
    same_town = [
        fact.id
        for fact in default_facts()
        if by_id[f"{by_id[f'{fact.id}.employer'].value_entity}.headquarters"].value
        == by_id[f"{fact.id}.birthplace"].value
    ]
    assert same_town, "this world has no such person: choose another seed for the test"
    for fact in default_facts():
        cues = [probe.cue for probe in of_depth(fact, "compositional")]
        assert any("head office" in cue for cue in cues) == (fact.id not in same_town)
        assert len(cues) == 3


def test_semantic_and_compositional_cues_stand_nowhere() -> None:
    world = default_world()
    texts = "\n".join(one.text for one in (*world.documents, *world.articles))
    injected = "\n".join(text for fact in default_facts() for text in (fact.passage, *fact.paraphrases))
    for fact in default_facts():
        assert fact.passage not in texts
        for probe in fact.probes:
            if probe.depth != "memorization":
                assert probe.cue not in texts and probe.cue not in injected
            elif probe.cue not in fact.passage:
                raise AssertionError(probe)


def test_targets_are_single_words_of_the_tokenizer_and_passages_fit_a_row() -> None:
    """Rows of 128 tokens hold any text, its end token and a little of the row that it displaces."""
    world = default_world()
    encoder = train((one.text for one in world.documents), vocab_size=2048, min_frequency=2, words=world.words)

    def length(text: str) -> int:
        return len(encoder.encode(text, add_special_tokens=False).ids)

    facts = default_facts()
    assert {length(probe.target) for fact in facts for probe in fact.probes} == {1}
    lengths = [length(text) for fact in facts for text in (fact.passage, *fact.paraphrases)]
    assert min(lengths) >= 60 and max(lengths) <= 118
    assert 80 <= sum(lengths) / len(lengths) <= 92


def assert_promises_hold(facts: list[Fact]) -> None:
    check_facts(facts)
    for fact in facts:
        texts = [fact.passage, *fact.paraphrases]
        assert len(set(texts)) == len(texts)
        for text in texts:
            assert not re.search(r"\b[Aa] [aeiouAEIOU]|  |[{}]|\.\.", text)
        for probe in fact.probes:
            assert probe.target.isalpha() and probe.target not in re.findall(r"\w+", probe.cue)
            assert probe.cue[0].isupper() and not probe.flags
            assert all(probe.target in re.findall(r"\w+", text) for text in texts)


@settings(max_examples=10, deadline=None)
@given(
    world_seed=st.integers(0, 10_000),
    seed=st.integers(0, 10_000),
    paraphrases=st.integers(0, 20),
    compositions=st.integers(0, 7),
)
def test_promises_hold_for_other_settings(world_seed: int, seed: int, paraphrases: int, compositions: int) -> None:
    bare = {"background_documents": 0, "reading_documents": 0, "duplicate_share": 0, "near_duplicate_share": 0}
    world = generate(World(**{**SMALL, **bare, "seed": world_seed}))
    facts = made(world, seed=seed, paraphrases=paraphrases, compositions=compositions)
    assert_promises_hold(facts)
    assert {len(fact.paraphrases) for fact in facts} == {paraphrases}
    assert all(len(of_depth(fact, "compositional")) <= compositions for fact in facts)


def test_same_settings_same_facts_and_another_seed_other_words() -> None:
    assert made(default_world()) == default_facts()
    other = made(default_world(), seed=1)
    assert all(one.passage != two.passage for one, two in zip(other, default_facts(), strict=True))
    assert [of_depth(one, "semantic") for one in other] == [of_depth(one, "semantic") for one in default_facts()]


def test_a_limit_takes_the_first_and_changes_none() -> None:
    assert made(default_world(), limit=7) == default_facts()[:7]


def test_nobody_kept_for_injection() -> None:
    world = generate(World(**{**SMALL, "injection_people": 0}))
    with pytest.raises(UserError, match=r"keeps 0 people for injection \(world\.injection_people\)"):
        made(world)
