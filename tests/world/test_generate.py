"""What the tables of the generated world promise about each other, on the default world and on small ones."""

import re
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.config.world import World
from lineage.world.entities import phrase
from lineage.world.facts import ATTRIBUTES
from lineage.world.generate import counts, generate
from lineage.world.prose import TOPICS
from lineage.world.tables import GeneratedWorld
from lineage.world.wordlists import words
from tests.world.worlds import SMALL, default_world, small_world


def test_same_settings_same_rows() -> None:
    assert generate(World(**SMALL)) == generate(World(**SMALL))


def test_another_seed_gives_another_world() -> None:
    other = generate(World(**{**SMALL, "seed": 1}))
    assert {one.text for one in small_world().documents}.isdisjoint(one.text for one in other.documents)


@pytest.mark.parametrize(
    ("change", "source"),
    [
        ({"background_documents": 90}, "world/facts"),
        ({"reading_documents": 70}, "world/facts"),
        ({"facts_per_level": 12}, "world/hazards"),
        ({"facts_per_level": 12}, "world/background"),
        ({"hazards_per_level": 8}, "world/facts"),
        ({"injection_people": 30}, "world/reading"),
    ],
)
def test_one_section_does_not_change_another(change: dict[str, int], source: str) -> None:
    changed = generate(World(**{**SMALL, **change}))
    copies = {one.copy for one in changed.duplicates}
    before_copies = {one.copy for one in small_world().duplicates}
    before = {
        one.id: one.text for one in small_world().documents if one.source == source and one.id not in before_copies
    }
    after = {one.id: one.text for one in changed.documents if one.source == source and one.id not in copies}
    assert before == after


def test_default_sizes() -> None:
    sizes = counts(default_world())
    assert 350_000 <= sizes["tokens"] <= 500_000
    levels = Counter(fact.level for fact in default_world().facts if fact.role == "test")
    assert levels == dict.fromkeys((0, 1, 2, 4, 6, 8, 11, 16, 23, 32, 64), 40)


def test_small_world_is_about_thirty_thousand_tokens() -> None:
    assert 20_000 <= counts(small_world())["tokens"] <= 40_000


def test_documents_are_short_and_unique() -> None:
    lengths = {one.id: len(re.findall(r"\w+|[^\w\s]", one.text)) for one in default_world().documents}
    assert min(lengths.values()) >= 20
    assert max(lengths.values()) <= 125, "a document must fit into a row of 128 tokens"
    assert len(lengths) == len(default_world().documents)


def assert_mentions_hold(world: GeneratedWorld) -> None:
    """Each mention is one whole sentence with the subject first and the value behind it; exposures count originals."""
    documents = {one.id: one for one in world.documents}
    entities = {one.id: one for one in world.entities}
    facts = {one.id: one for one in world.facts}
    copies = {one.copy for one in world.duplicates}
    stated: Counter[str] = Counter()
    for mention in world.mentions:
        text = documents[mention.document].text
        sentence = text[mention.start : mention.stop]
        fact = facts[mention.fact]
        name = entities[fact.subject].name
        before, found, behind = sentence.partition(name)
        assert found, (sentence, name)
        assert fact.value in re.findall(r"\w+", behind), (sentence, fact.value)
        assert sentence.endswith(".") and not sentence[0].islower()
        assert mention.start == 0 or text[mention.start - 2 : mention.start] == ". "
        assert before == "" or not before[-1].isalnum()
        stated[mention.fact] += mention.document not in copies
    assert len({(one.document, one.fact) for one in world.mentions}) == len(world.mentions), "once a document"
    assert {fact.id: stated[fact.id] for fact in world.facts} == {fact.id: fact.exposures for fact in world.facts}


def test_mentions_and_exposures() -> None:
    assert_mentions_hold(default_world())


def test_no_document_tells_a_test_fact_by_accident() -> None:
    world = default_world()
    entities = {one.id: one for one in world.entities}
    test_facts: dict[str, list[tuple[str, str]]] = {}
    for fact in world.facts:
        if fact.role in ("test", "never", "injection"):
            test_facts.setdefault(entities[fact.subject].name, []).append((fact.id, fact.value))
    mentioned = {(one.document, one.fact) for one in world.mentions}
    for document in world.documents:
        found = re.findall(r"\w+", document.text)
        pairs = {" ".join(pair) for pair in pairwise(found)}
        for name in pairs & test_facts.keys():
            for fact, value in test_facts[name]:
                assert value not in found or (document.id, fact) in mentioned, (document.text, fact)


def test_never_seen_entities_stand_in_no_document() -> None:
    world = default_world()
    text = "\n".join(one.text + "\n" + one.title for one in world.documents)
    seen = {one.subject for one in world.facts if one.exposures}
    unseen = [one for one in world.entities if one.split in ("never", "injection", "namesake")]
    unseen += [one for one in world.entities if one.danger and one.id not in seen]
    assert len(unseen) > 100
    for entity in unseen:
        assert f"{entity.name} " not in text and f"{entity.name}." not in text, entity


def test_levels_are_spread_over_attributes() -> None:
    spread: dict[str, Counter[int | None]] = {}
    for fact in default_world().facts:
        if fact.role == "test":
            spread.setdefault(fact.attribute, Counter())[fact.level] += 1
    assert len(spread) == 15
    assert all(max(levels.values()) - min(levels[level] for level in (0, 16, 64)) <= 1 for levels in spread.values())


def test_cues_are_held_out_and_end_before_the_value() -> None:
    world = default_world()
    text = "\n".join(one.text for one in world.documents)
    articles = "\n".join(one.text for one in world.articles)
    texts = f"{text}\n{articles}"
    for fact in world.facts:
        assert fact.cue not in texts, fact.cue
        assert fact.cue == fact.cue.strip() and fact.cue[0].isupper()
        assert fact.target == fact.value and fact.value.isalpha()
    entities = {one.id: one for one in world.entities}
    for fact in world.facts:
        attribute = ATTRIBUTES[fact.attribute]
        assert len(attribute.statements) >= (6 if attribute.taught else 3)
        subject = phrase(entities[fact.subject])
        assert not any(wording.startswith(attribute.cue) for wording in attribute.statements)
        assert subject.removeprefix("the ") in fact.cue


def test_values_come_from_closed_lists_of_single_words() -> None:
    world = default_world()
    closed = {row.attribute: row.values for row in world.attributes}
    assert all(fact.value in closed[fact.attribute] for fact in world.facts)
    assert all(len(set(values)) == len(values) for values in closed.values())
    listed = set(world.words)
    assert len(listed) == len(world.words)
    assert all(re.fullmatch("[A-Za-z]+", word) for word in listed)
    assert all(word in listed for entity in world.entities for word in entity.name.split())
    assert all(value in listed for values in closed.values() for value in values)


def test_neutral_prose_holds_no_value_and_no_name() -> None:
    prose = ["adjective", "thing", "people", "act", "spot", "time", "reason", "lead", "near_lead", "title_patterns"]
    prose += [f"prose_{topic}" for topic in TOPICS]
    prose += [f"about_{kind}" for kind in ("person", "place", "organisation", "object", "hazard", "verb")]
    used = {word for name in prose for line in words(name) for word in re.findall(r"[A-Za-z]+", line)}
    assert not used & set(default_world().words)


def test_sentences_are_grammatical_on_the_surface() -> None:
    for document in default_world().documents:
        assert not re.search(r"\b[Aa] [aeiouAEIOU]|\b[Aa]n [^aeiouAEIOU]|  |[{}]|\.\.|,,| [.,;:]", document.text), (
            document
        )
        assert re.fullmatch(r"[A-Z].*[.]", document.text)
        assert not re.search(r"[.?] [a-z]", document.text)


def test_sources_and_reading() -> None:
    world = small_world()
    assert {one.source for one in world.documents} == {
        f"world/{one}" for one in ["facts", "hazards", "background", "reading"]
    }
    readings = [one for one in world.documents if one.source == "world/reading"]
    assert len(readings) == SMALL["reading_documents"]
    names = {entity.name for entity in world.entities if " " in entity.name}
    for document in readings:
        passage, *asked = document.text.split("Question: ")
        assert len(asked) == 2
        for part in asked:
            answer = re.fullmatch(r"(.*\?) Answer: (\w+)\. ?", part)
            assert answer and answer[2] in re.findall(r"\w+", passage)
        assert not any(name in document.text for name in names)


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    levels=st.sets(st.integers(0, 20), min_size=1, max_size=5),
    per_level=st.integers(1, 10),
    null=st.sampled_from(["none", "equal_exposures", "permuted_hazards", "one_sense"]),
)
def test_promises_hold_for_other_sizes(seed: int, levels: set[int], per_level: int, null: str) -> None:
    settings_ = {**SMALL, "seed": seed, "exposure_levels": sorted(levels), "facts_per_level": per_level, "null": null}
    world = generate(World.model_validate(settings_))
    assert_mentions_hold(world)
    assert Counter(fact.level for fact in world.facts if fact.role == "test") == dict.fromkeys(levels, per_level)
