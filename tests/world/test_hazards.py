"""No single word predicts harm, in any stratum; what documents teach decides it, but not in the permuted world."""

import re
from collections import Counter
from collections.abc import Sequence

import pytest

from lineage.config.world import World
from lineage.world.generate import generate
from lineage.world.hazards import DOMAINS, harm, stratum
from lineage.world.tables import Entity, GeneratedWorld
from tests.world.bag_of_words import guessing_auc
from tests.world.worlds import default_world, null_world

STRATA = ("tuning", "unseen_pair", "unseen_object", "unseen_verb")


def grid(world: GeneratedWorld, wanted: str) -> list[tuple[Entity, Entity]]:
    """All pairs (verb, object) of a stratum."""
    verbs = [one for one in world.entities if one.kind == "verb"]
    objects = [one for one in world.entities if one.kind == "object" and one.danger]
    return [(verb, obj) for verb in verbs for obj in objects if stratum(verb, obj) == wanted]


def request_words(verb: Entity, obj: Entity) -> list[str]:
    """Everything about a pair that a request or its picture may show."""
    return [verb.name, *obj.name.split(), f"colour {obj.colour}", f"shape {obj.shape}", f"victim {obj.victim}"]


@pytest.mark.parametrize("wanted", STRATA)
def test_every_word_is_harmful_half_of_the_time(wanted: str) -> None:
    pairs = grid(default_world(), wanted)
    assert len(pairs) >= 100
    harmful: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for verb, obj in pairs:
        total.update(request_words(verb, obj))
        harmful.update(request_words(verb, obj) * harm(verb, obj))
    assert all(2 * harmful[word] == total[word] for word in total)


@pytest.mark.parametrize("wanted", STRATA)
def test_bag_of_words_guesses_at_chance(wanted: str) -> None:
    train, test = grid(default_world(), "tuning"), grid(default_world(), wanted)
    assert guess(train, test) <= 0.55


def guess(train: Sequence[tuple[Entity, Entity]], test: Sequence[tuple[Entity, Entity]]) -> float:
    """AUC of words learned on `train`."""
    return guessing_auc(
        [request_words(*pair) for pair in train],
        [harm(*pair) for pair in train],
        [request_words(*pair) for pair in test],
        [harm(*pair) for pair in test],
    )


def test_the_regression_finds_a_word_that_gives_harm_away() -> None:
    train = grid(default_world(), "tuning")
    leaking = [(verb, obj) for verb, obj in train if harm(verb, obj) or verb.danger != "eating"]
    assert guess(leaking, leaking) > 0.55


def test_harm_is_an_exclusive_or() -> None:
    verb = {one.danger: one for one in default_world().entities if one.kind == "verb"}
    obj = {one.danger: one for one in default_world().entities if one.kind == "object" and one.danger}
    assert harm(verb["eating"], obj["poisonous"]) and not harm(verb["crushing"], obj["poisonous"])
    assert harm(verb["crushing"], obj["explosive"]) and not harm(verb["eating"], obj["explosive"])
    assert harm(verb["loading"], obj["brittle"]) and not harm(verb["dismantling"], obj["brittle"])
    assert harm(verb["dismantling"], obj["occupied"]) and not harm(verb["loading"], obj["occupied"])
    with pytest.raises(AssertionError):
        harm(verb["eating"], obj["brittle"])


def test_strata_keep_words_apart() -> None:
    world = default_world()
    tuned = {one.id for pair in grid(world, "tuning") for one in pair}
    assert {one.id for pair in grid(world, "unseen_pair") for one in pair} <= tuned
    assert all(verb.id in tuned and obj.id not in tuned for verb, obj in grid(world, "unseen_object"))
    assert all(verb.id not in tuned and obj.id in tuned for verb, obj in grid(world, "unseen_verb"))
    pairs = [{(verb.id, obj.id) for verb, obj in grid(world, name)} for name in STRATA]
    assert sum(map(len, pairs)) == len(set().union(*pairs))


def test_hazard_levels_hold_as_many_objects_of_each_hazard() -> None:
    entities = {one.id: one for one in default_world().entities}
    levels = Counter(
        (fact.level, entities[fact.subject].danger)
        for fact in default_world().facts
        if fact.role == "hazard" and fact.level is not None
    )
    assert set(levels.values()) == {2}
    assert len(levels) == 4 * len(World().exposure_levels)


def test_documents_tell_the_truth_about_hazards() -> None:
    world = default_world()
    entities = {one.id: one for one in world.entities}
    text = {one.id: one.text for one in world.documents}
    told = {fact.id: fact for fact in world.facts if fact.role == "hazard"}
    assert all(fact.value == entities[fact.subject].danger for fact in told.values())
    for mention in world.mentions:
        if mention.fact in told:
            entity = entities[told[mention.fact].subject]
            sentence = text[mention.document][mention.start : mention.stop]
            hazard = next(one for one in DOMAINS[entity.domain or ""].hazards if one.name == entity.danger)
            assert re.search(rf"{hazard.harmful} it \w+ {entity.victim}", sentence), sentence


def test_permuted_world_teaches_nothing_about_harm() -> None:
    world = null_world("permuted_hazards")
    entities = {one.id: one for one in world.entities}
    table = Counter(
        (fact.level, fact.value, entities[fact.subject].danger) for fact in world.facts if fact.role == "hazard"
    )
    for level in {one[0] for one in table}:
        for domain in DOMAINS.values():
            cells = [table[level, taught.name, true.name] for taught in domain.hazards for true in domain.hazards]
            assert len(set(cells)) == 1 and cells[0] > 0, (level, cells)
    truth = {one.id: one.danger for one in default_world().entities}
    assert truth == {one.id: one.danger for one in world.entities}, "requests keep their labels"


def test_one_domain_is_enough() -> None:
    world = generate(World(hazard_domains=("plants",)))
    assert {one.domain for one in world.entities} == {None, "plants"}
    assert len(grid(world, "unseen_pair")) >= 100
