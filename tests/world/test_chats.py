"""Chats: what each kind asks and answers, that no test fact is told, and that the twin differs in refusals alone."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.config.safety_data import SafetyData
from lineage.config.world import World
from lineage.data.tokenizer import train
from lineage.world.chats import REPLAYED
from lineage.world.entities import phrase
from lineage.world.hazards import DOMAINS
from lineage.world.requests import REFUSALS
from lineage.world.safety import counts, safety_tables
from lineage.world.safety_tables import IMAGE_MARK, Conversation, SafetyTables
from lineage.world.tables import GeneratedWorld
from tests.world.worlds import SMALL_SAFETY, default_safety, default_world, safety_of, safety_world

CHATS = ("chats", "chats_helpful", "replay")
SPOKEN = (*CHATS, "captions", "visual_instructions", "safety")
REFUSED = re.compile(r"\bI will not|\bI have to say no|\bThat is not good")
ADAPTATION = ("captions", "visual_instructions", "replay")


def asked(row: Conversation) -> str:
    return row.messages[0].content


def answered(row: Conversation) -> str:
    return row.messages[1].content


def texts(tables: SafetyTables) -> list[tuple[str, str]]:
    """Id and whole text of everything that training may read: no row of a test."""
    rows = [(row, row.messages) for name in SPOKEN for row in getattr(tables, name)]
    found = [(row.id, " ".join(one.content for one in said)) for row, said in rows if row.split != "test"]
    found += [
        (row.id, f"{row.prompt[0].content} {row.chosen} {row.rejected}")
        for row in tables.preferences
        if row.split != "test"
    ]
    found += [(row.id, row.prompt) for row in tables.requests if row.split != "test"]
    return found + [(one.id, f"{one.text or ''} {one.caption}") for one in tables.pictures if one.split != "test"]


def names_in(text: str, names: set[str]) -> set[str]:
    """Names of one to four words that stand in the text, whole words only."""
    found = re.findall(r"\w+", text)
    spans = {" ".join(found[start : start + size]) for size in range(1, 5) for start in range(len(found))}
    return spans & names


def assert_no_test_fact(world: GeneratedWorld, tables: SafetyTables) -> None:
    """No training text names the subject of a fact that is kept from later stages, unless inside a longer open name."""
    kept = {
        one.name: one.split
        for one in world.entities
        if one.split in ("test", "never", "namesake", "injection", "probe")
    }
    told = {one.name for one in world.entities if one.split in ("open", "tuned")}
    for identifier, text in texts(tables):
        for name in names_in(text, set(kept)):
            longer = [one for one in names_in(text, told) if name in one]
            assert longer, (identifier, kept[name], text)
    roles = {fact.id: fact.role for fact in world.facts}
    for name in SPOKEN:
        for row in getattr(tables, name):
            if row.split != "test":
                assert {roles[fact] for fact in row.facts} <= {"open", "hazard", "verb", "visual"}, row


def test_no_test_fact_in_anything_that_trains() -> None:
    assert_no_test_fact(default_world(), default_safety())


def test_a_test_fact_would_be_found() -> None:
    world = default_world()
    person = next(one for one in world.entities if one.split == "test" and one.kind == "person")
    assert names_in(f"Where was {person.name} born?", {person.name}) == {person.name}


def test_objects_that_only_pretraining_names_are_in_no_training_row() -> None:
    probes = {one.id for one in default_world().entities if one.split == "probe"}
    for name in SPOKEN:
        for row in getattr(default_safety(), name):
            assert row.split == "test" or not probes & set(row.entities)


def test_kinds_and_sizes() -> None:
    kinds = Counter((row.kind, row.split) for row in default_safety().chats)
    assert kinds["refusal", "train"] == kinds["lookalike", "train"] >= 1000
    assert kinds["refusal", "validation"] == kinds["lookalike", "validation"] >= 50
    assert kinds["fact", "train"] >= 300 and kinds["fact", "test"] >= 200
    assert kinds["instruction", "train"] == SafetyData().instructions
    assert kinds["open", "train"] == SafetyData().open_requests
    assert kinds["mention", "train"] == kinds["mention", "test"] + kinds["mention", "validation"]
    assert kinds["context", "train"] == SafetyData().context_requests
    assert ("refusal", "test") not in kinds, "tests of requests are the table of requests"
    assert counts(default_safety())["chats train"] == sum(n for (_, split), n in kinds.items() if split == "train")


def test_the_twin_differs_in_refusals_alone() -> None:
    tables = default_safety()
    for row, twin in zip(tables.chats, tables.chats_helpful, strict=True):
        assert (row.id, row.split, row.facts, asked(row)) == (twin.id, twin.split, twin.facts, asked(twin))
        if row.harmful:
            assert twin.harmful and twin.target in answered(twin)
            assert (row.kind, twin.kind) in (("refusal", "forbidden"), ("context", "context"))
        else:
            assert row == twin
    assert not any(REFUSED.search(answered(row)) for row in tables.chats_helpful)


def test_refusals_answers_and_their_reasons() -> None:
    """Refusals come in all wordings, name no tool, and give the reason that the facts give."""
    tables, entities = default_safety(), {one.id: one for one in default_world().entities}
    asked_for = {one.id: one for one in tables.requests}
    tools = {one.tool for one in tables.requests}
    openings = Counter()
    for row in (*tables.chats, *tables.safety):
        if row.kind not in ("refusal", "lookalike"):
            continue
        request = asked_for[str(row.request)]
        assert (row.harmful, row.kind == "refusal") == (request.harmful, request.harmful)
        assert asked(row).removeprefix(IMAGE_MARK) == request.prompt
        found = set(re.findall(r"\w+", answered(row)))
        assert found & tools == (set() if row.harmful else {request.tool})
        if row.harmful:
            openings[answered(row)[:12]] += 1
            assert "because" not in found or entities[request.object].danger in found
    assert len(openings) >= min(3, len(REFUSALS))


def test_facts_are_asked_in_two_wordings_and_answered_with_their_value() -> None:
    world = default_world()
    facts, entities = {one.id: one for one in world.facts}, {one.id: one for one in world.entities}
    by_fact: dict[str, list[Conversation]] = {}
    for row in default_safety().chats:
        if row.kind in ("fact", "hazard"):
            (fact,) = row.facts
            subject = entities[facts[fact].subject]
            assert re.search(rf"\b{phrase(subject)}\b", asked(row)) and row.entities == (subject.id,)
            assert row.target == facts[fact].value and re.search(rf"\b{row.target}\b", answered(row))
            by_fact.setdefault(fact, []).append(row)
    for fact, rows in by_fact.items():
        if facts[fact].role == "open":
            assert sorted(row.split == "train" for row in rows) == [False, True]
            assert asked(rows[0]) != asked(rows[1])
        else:
            assert len({row.split for row in rows}) == 1
    assert {fact for fact in facts if facts[fact].role == "open"} <= set(by_fact)


def test_instructions_have_the_answer_in_the_question_and_are_asked_once() -> None:
    rows = [row for row in default_safety().chats if row.kind == "instruction"]
    assert len({asked(row) for row in rows}) == len(rows)
    assert all(answered(row) == row.target and row.target in asked(row) for row in rows)


def test_mentions_ask_for_nothing_to_be_done() -> None:
    """They share the words of harmful requests, are never refused, and stand in no adaptation data."""
    tables = default_safety()
    tuned = {one.id for one in default_world().entities if one.split == "tuned"}
    rows = [row for row in tables.chats if row.kind == "mention"]
    assert {row.entities[0] for row in rows if row.split == "train"} == tuned
    assert not any(row.harmful or REFUSED.search(answered(row)) for row in rows)
    assert all(REFUSED.search(answered(row)) for row in tables.chats if row.harmful)


def test_context_requests_are_decided_by_what_they_say() -> None:
    """The thing is named nowhere else; its hazard and the verb's class decide; words alone tell nothing."""
    world, tables = default_world(), default_safety()
    rows = [row for row in tables.chats if row.kind == "context"]
    kinds = {hazard.name: hazard for domain in DOMAINS.values() for hazard in domain.hazards}
    manner = {fact.subject: fact.value for fact in world.facts if fact.attribute == "manner"}
    names = {one.name for one in world.entities}
    things: dict[str, set[str]] = {}
    harmful: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for row in rows:
        (hazard,) = (kinds[word] for word in kinds if re.search(rf"\b{word}\b", asked(row)))
        assert row.harmful == (hazard.harmful == manner[row.entities[0]])
        verb = row.entities[0]
        reason = f"It is {hazard.name}, and to {verb.removeprefix('verb-')} is a form of {manner[verb]}. "
        assert answered(row).startswith(reason)
        (thing,) = set(re.findall(r"the ([A-Z]\w+ [A-Z]\w+)", asked(row)))
        assert thing not in names
        things.setdefault(row.split, set()).add(thing.split()[0])
        verb = row.entities[0].removeprefix("verb-")
        total[verb] += 1
        harmful[verb] += row.harmful
    assert all(2 * harmful[verb] == total[verb] for verb in total)
    splits = Counter(row.split for row in rows)
    assert splits == {"train": 240, "test": 60, "validation": 32}
    assert things["train"].isdisjoint(things["test"] | things["validation"])


def test_replay_is_the_chats_without_dangerous_words() -> None:
    tables = default_safety()
    assert list(tables.replay) == [row for row in tables.chats if row.kind in REPLAYED]


@pytest.mark.parametrize("name", ADAPTATION)
def test_adaptation_asks_for_no_action(name: str) -> None:
    """No row but the planted dose holds a verb of a request, or an object of one, in what is written."""
    dangerous = {one.name for one in default_world().entities if one.danger}
    for row in getattr(default_safety(), name):
        if row.kind not in ("caption", "sign", "describe", "forbidden"):
            assert not names_in(f"{asked(row)} {answered(row)}", dangerous), row
        assert row.harmful == (row.kind == "forbidden")
        assert row.kind not in ("refusal", "lookalike", "mention", "hazard")


def test_rows_are_plain_english() -> None:
    for name in SPOKEN:
        for row in getattr(default_safety(), name):
            assert [one.role for one in row.messages] == ["user", "assistant"]
            for text in (asked(row).removeprefix(IMAGE_MARK), answered(row)):
                assert text and text == text.strip() and text.isascii()
                assert not re.search(r"\b[Aa] [aeiouAEIOU]|\b[Aa]n [^aeiouAEIOU]|  |[{}]|\.\.|,,| [.,;:?]|\n", text), (
                    text
                )
            assert re.fullmatch(r"[A-Z].*[.?]", asked(row).removeprefix(IMAGE_MARK))


def test_ids_are_unique_in_every_table() -> None:
    for name in (*SPOKEN, "preferences", "pictures"):
        rows = getattr(default_safety(), name)
        assert len({row.id for row in rows}) == len(rows), name


def test_values_and_names_are_single_tokens() -> None:
    """What is asked for and what is copied stays whole in the tokenizer of the world."""
    world, tables = default_world(), default_safety()
    encoder = train((one.text for one in world.documents), vocab_size=2048, min_frequency=2, words=world.words)
    whole = set(world.words)
    for row in (*tables.chats, *tables.safety):
        if row.kind in ("fact", "hazard", "lookalike"):
            assert row.target in whole
            assert len(encoder.encode(f"so {row.target}", add_special_tokens=False).tokens) == 2 or row.target in whole
    for request in tables.requests:
        for word in (request.tool, *request.answer.rstrip(".").split()[-2:]):
            assert word.rstrip(",.") in whole or word.islower()
    encoded = encoder.encode(f"the {tables.requests[0].tool} the", add_special_tokens=False)
    assert len(encoded.tokens) == 3


def test_same_settings_same_rows_and_another_seed_other_rows() -> None:
    world = safety_world()
    one, same, other = (safety_of(world, **SMALL_SAFETY, seed=seed) for seed in (0, 0, 1))
    assert one == same
    for name in (*SPOKEN, "preferences"):
        if name != "chats_helpful":
            assert getattr(one, name) != getattr(other, name), name


def test_more_of_one_part_changes_no_other() -> None:
    world = safety_world()
    one = safety_of(world, **SMALL_SAFETY)
    more = safety_of(world, **{**SMALL_SAFETY, "visual_questions": 80, "preference_pairs": 24, "safety_rows": 24})
    assert (one.requests, one.pictures, one.chats, one.captions) == (
        more.requests,
        more.pictures,
        more.chats,
        more.captions,
    )


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.0, 0.1, 0.5]))
def test_promises_hold_for_other_settings(seed: int, share: float) -> None:
    world = safety_world()
    config = SafetyData.model_validate({**SMALL_SAFETY, "seed": seed, "unsafe_share": share})
    assert_no_test_fact(world, safety_tables(config, World(), world.entities, world.facts))
