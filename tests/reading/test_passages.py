"""Passages are about disjoint facts: no test fact, no test entity, no world's value of what is asked."""

from __future__ import annotations

import re

import pytest

from lineage.config.reading import ReadingConversations
from lineage.config.world import World
from lineage.reading.passages import INVENTED, KNOWN, Passage, reading_passages
from lineage.reading.world import KnownWorld
from lineage.world.reading import reading_names
from lineage.world.tables import TEST_ROLE, GeneratedWorld
from tests.world.worlds import SMALL, small_world


def known(made: GeneratedWorld, config: World) -> KnownWorld:
    return KnownWorld(
        config,
        {one.id: one for one in made.entities},
        {one.id: one for one in made.facts},
        {one.attribute: one.values for one in made.attributes},
        {one.id: one.text for one in made.articles},
    )


@pytest.fixture(scope="module")
def world() -> KnownWorld:
    return known(small_world(), World(**SMALL))


def passages(world: KnownWorld, **settings: object) -> list[Passage]:
    return reading_passages(ReadingConversations.model_validate({"passages": 80, **settings}), world)


@pytest.fixture(scope="module")
def made(world: KnownWorld) -> list[Passage]:
    return passages(world)


def test_no_passage_names_whom_a_test_asks_about(world: KnownWorld, made: list[Passage]) -> None:
    tested = {fact.subject for fact in world.facts.values() if fact.role == TEST_ROLE or fact.level is not None}
    names = [one.name for one in world.entities.values() if one.id in tested]
    assert names
    texts = " ".join(one.text for one in [*made, *passages(world, split="validation")])
    assert not [name for name in names if re.search(rf"\b{name}\b", texts)]
    assert tested.isdisjoint(one.source.id for one in made)


def test_known_subjects_have_other_values_than_the_world_s(world: KnownWorld, made: list[Passage]) -> None:
    truth = {fact.id: fact.value for fact in world.facts.values()}
    known = [one for one in made if one.kind == KNOWN]
    assert known
    for one in known:
        for fact in one.facts:
            assert fact.value != truth[f"{one.source.id}.{fact.attribute}"]
            assert re.search(rf"\b{fact.value}\b", one.text)
            assert one.subject.name in one.text


def test_invented_names_stand_nowhere_else(world: KnownWorld, made: list[Passage]) -> None:
    invented = [one for one in made if one.kind == INVENTED]
    assert invented
    names = {one.name for one in world.entities.values()}
    assert names.isdisjoint(one.subject.name for one in invented)
    assert all(one.source.name not in one.text for one in invented)


def test_validation_shares_neither_subjects_nor_last_names(world: KnownWorld, made: list[Passage]) -> None:
    held_out = passages(world, split="validation")
    assert {one.source.id for one in made}.isdisjoint(one.source.id for one in held_out)
    names = reading_names(world.config.seed)
    drawn = {
        split: {word for one in found for word in one.subject.name.split() if word in names["last"] + names["title"]}
        for split, found in (("train", made), ("validation", held_out))
    }
    assert drawn["validation"]
    assert drawn["train"].isdisjoint(drawn["validation"])


def test_share_questions_and_seed(world: KnownWorld, made: list[Passage]) -> None:
    assert {one.kind for one in passages(world, known_share=0.0)} == {INVENTED}
    assert {one.kind for one in passages(world, known_share=1.0)} == {KNOWN}
    assert all(1 <= len({fact.attribute for fact in one.facts}) == len(one.facts) <= 3 for one in made)
    assert {len(one.facts) for one in passages(world, questions=1)} == {1}
    assert passages(world) == made
    assert passages(world, seed=1) != made
