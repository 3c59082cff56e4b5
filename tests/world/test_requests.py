"""Requests: no word tells harm, strata and splits are what they say, answers follow from facts."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import product

import pytest

from lineage.config.safety_data import SafetyData
from lineage.config.world import World
from lineage.errors import UserError
from lineage.world import hazards
from lineage.world.generate import generate
from lineage.world.requests import TEST_WORDINGS, VALIDATION_WORDINGS, WORDINGS, pairs
from lineage.world.safety_tables import Request, SafetyTables
from tests.world.bag_of_words import guessing_auc
from tests.world.worlds import SMALL, default_safety, default_world, null_world, safety_of

STRATA = ("tuning", "unseen_pair", "unseen_object", "unseen_verb")
PARTS = (("unseen_pair", "validation"), *((stratum, "test") for stratum in STRATA[1:]))


def of(tables: SafetyTables, stratum: str, split: str) -> list[Request]:
    return [one for one in tables.requests if (one.stratum, one.split) == (stratum, split)]


def words_of(request: Request) -> set[str]:
    return set(re.findall(r"\w+", request.prompt.lower()))


def guess(train: Sequence[Request], test: Sequence[Request]) -> float:
    """AUC of words learned on `train`."""
    return guessing_auc(
        [sorted(words_of(one)) for one in train],
        [one.harmful for one in train],
        [sorted(words_of(one)) for one in test],
        [one.harmful for one in test],
    )


@pytest.mark.parametrize(("stratum", "split"), [("tuning", "train"), *PARTS])
def test_bag_of_words_guesses_at_chance(stratum: str, split: str) -> None:
    assert guess(of(default_safety(), "tuning", "train"), of(default_safety(), stratum, split)) <= 0.55


@pytest.mark.parametrize(("stratum", "split"), [("tuning", "train"), *PARTS])
def test_every_word_is_harmful_half_of_the_time(stratum: str, split: str) -> None:
    harmful: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for request in of(default_safety(), stratum, split):
        total.update(words_of(request))
        harmful.update(words_of(request) if request.harmful else ())
    assert total and all(2 * harmful[word] == total[word] for word in total)


def test_the_regression_finds_a_wording_that_gives_harm_away() -> None:
    leaking = [one for one in of(default_safety(), "tuning", "train") if one.harmful or one.wording % 2]
    assert guess(leaking, leaking) > 0.6


def test_harm_follows_from_the_facts() -> None:
    """The taught hazard of the object makes the taught class of the verb harmful, and nothing else does."""
    value = {fact.id: fact.value for fact in default_world().facts}
    makes_harmful = {one.name: one.harmful for domain in hazards.DOMAINS.values() for one in domain.hazards}
    for request in (*default_safety().requests, *default_safety().typographic):
        hazard, manner, tool = (value[fact] for fact in request.facts)
        assert request.harmful == (makes_harmful[hazard] == manner)
        assert request.tool == tool
        assert re.search(rf"\b{tool}\b", request.answer)
        assert request.facts[0].startswith(request.object) and request.facts[1].startswith(request.verb)


def test_sizes_of_the_default_tests() -> None:
    for stratum in STRATA[1:]:
        labels = Counter(one.harmful for one in of(default_safety(), stratum, "test"))
        assert labels[True] == labels[False] >= 200, stratum
    labels = Counter(one.harmful for one in default_safety().typographic if one.split == "test")
    assert labels[True] == labels[False] >= 200
    levels = Counter(one.level for one in of(default_safety(), "unseen_object", "test"))
    assert levels == dict.fromkeys(World().exposure_levels, 96)


def test_strata_keep_words_apart() -> None:
    tables = default_safety()
    trained = of(tables, "tuning", "train")
    verbs, objects = {one.verb for one in trained}, {one.object for one in trained}
    seen = {(one.verb, one.object) for one in trained}
    assert all(one.level is None for one in trained)
    for stratum, split in PARTS:
        for one in of(tables, stratum, split):
            assert (one.verb in verbs) == (stratum != "unseen_verb")
            assert (one.object in objects) == (stratum != "unseen_object") == (one.level is None)
            assert (one.verb, one.object) not in seen


def test_every_verb_of_tuning_and_every_domain_is_tested() -> None:
    test = of(default_safety(), "unseen_pair", "test")
    assert {one.verb for one in test} == {one.verb for one in of(default_safety(), "tuning", "train")}
    assert {one.domain for one in test} == set(hazards.DOMAINS)


def test_validation_shares_neither_wording_nor_object_with_any_test() -> None:
    tables = default_safety()
    validation = [*of(tables, "unseen_pair", "validation")]
    tests = [one for one in tables.requests if one.split == "test"]
    for name in ("id", "object", "wording", "prompt", "cell"):
        assert {getattr(one, name) for one in validation}.isdisjoint(getattr(one, name) for one in tests), name
    assert {one.wording for one in validation} == set(VALIDATION_WORDINGS)
    assert {one.wording for one in tests} == set(TEST_WORDINGS)
    drawn = {split: [one for one in tables.typographic if one.split == split] for split in ("validation", "test")}
    for name in ("id", "object", "wording", "prompt", "picture"):
        assert {getattr(one, name) for one in drawn["validation"]}.isdisjoint(
            getattr(one, name) for one in drawn["test"]
        )


def test_wordings_of_tests_stand_in_training_with_other_pairs() -> None:
    assert {one.wording for one in of(default_safety(), "tuning", "train")} == set(range(len(WORDINGS)))


def test_requests_of_a_cell_are_asked_in_the_same_words() -> None:
    cells: defaultdict[tuple[str, str, int], list[Request]] = defaultdict(list)
    for one in default_safety().requests:
        cells[one.cell, one.stratum, one.wording].append(one)
    assert {len(rows) for rows in cells.values()} == {4}
    assert all(sum(one.harmful for one in rows) == 2 for rows in cells.values())


def test_ids_are_unique_and_name_what_they_are_about() -> None:
    rows = [*default_safety().requests, *default_safety().typographic]
    assert len({one.id for one in rows}) == len(rows)
    for one in default_safety().requests:
        verb, number = one.verb.removeprefix("verb-"), one.object.removeprefix("hazard-")
        assert one.id == f"request-{verb}-{number}-{one.wording:02d}"


def test_typographic_texts_name_neither_verb_nor_object() -> None:
    names = {word.lower() for one in default_world().entities if one.danger for word in one.name.split()}
    for one in default_safety().typographic:
        assert not names & words_of(one)


def test_permuted_labels_are_balanced_and_tell_nothing() -> None:
    """Every word stays harmful half of the time; over held-out cells the label agrees with the truth by chance."""
    rows = of(safety_of(null="permuted_labels"), "unseen_pair", "test")
    truth = {one.id: one.harmful for one in default_safety().requests}
    cells = {one.cell: one.harmful == truth[one.id] for one in rows}
    assert all((one.harmful == truth[one.id]) == cells[one.cell] for one in rows)
    assert 0.2 < sum(cells.values()) / len(cells) < 0.8
    total = Counter(one.verb for one in rows)
    harmful = Counter(one.verb for one in rows if one.harmful)
    assert all(2 * harmful[verb] == total[verb] for verb in total)
    assert [one.prompt for one in rows] == [one.prompt for one in of(default_safety(), "unseen_pair", "test")]


def test_permuted_hazards_leave_the_labels() -> None:
    tables = safety_of(null_world("permuted_hazards"))
    assert tables.requests == default_safety().requests


def test_reasons_are_true_and_stand_first_or_nowhere() -> None:
    known = {one.id: one for one in default_world().entities}
    for one in default_safety().requests:
        verb = known[one.verb]
        assert one.reason == f"It is {known[one.object].danger}, and to {verb.name} is a form of {verb.danger}."
        assert one.answer.startswith(f"{one.reason} ") and one.refusal.startswith(f"{one.reason} ")
    without = safety_of(reasons="none")
    for one, other in zip(without.requests, default_safety().requests, strict=True):
        assert one.reason == ""
        assert (f"{other.reason} {one.answer}", f"{other.reason} {one.refusal}") == (other.answer, other.refusal)
    replies = {row.id: row.messages[1].content for row in without.chats}
    for row in default_safety().chats:
        reply = row.messages[1].content
        assert reply.endswith(replies[row.id]) and (row.request or row.kind == "context" or reply == replies[row.id])


def test_a_world_too_small_to_hold_out_pairs() -> None:
    world = generate(World(**SMALL))
    with pytest.raises(UserError, match=r"unseen_pair, split test.*\n.*world\.tuned_hazards"):
        pairs(SafetyData(), world.entities, world.facts)


@pytest.mark.parametrize(("hazards_", "verbs_"), list(product((16, 32), (3, 6))))
def test_other_sizes_hold_out_pairs_of_seen_words(hazards_: int, verbs_: int) -> None:
    world = generate(World(**{**SMALL, "tuned_hazards": hazards_, "tuned_verbs": verbs_}))
    tables = safety_of(world, mark_pictures=16, sign_pictures=16, visual_questions=16, held_out_questions=16)
    for stratum, split in PARTS[:3]:
        rows = of(tables, stratum, split)
        assert rows and sum(one.harmful for one in rows) * 2 == len(rows)
    trained = {one.object for one in of(tables, "tuning", "train")}
    assert {one.object for one in of(tables, "unseen_pair", "test")} <= trained
