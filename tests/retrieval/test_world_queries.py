"""Queries about the world: no word of the title, no test fact in training, popularity, unseen articles."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

import pytest

from lineage.config.retrieval_sets import WorldSet
from lineage.errors import UserError
from lineage.world.descriptions import CLAUSES
from lineage.world.facts import ATTRIBUTES, has_article
from lineage.world.queries import Query, Question, unseen_articles, worded, world_queries
from lineage.world.tables import GeneratedWorld
from tests.retrieval.set_building import documents, judged, queries, taken
from tests.stages.building import run_stage
from tests.world.worlds import SMALL, default_world, null_world

BOTH = WorldSet(source="world", kinds=["described", "named"])


@cache
def made() -> list[Query]:
    return world_queries(BOTH, default_world().entities, default_world().facts)


def words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"\w+", text)}


def titles(world: GeneratedWorld) -> dict[str, str]:
    return {one.id: one.title for one in world.articles}


def test_described_queries_hold_no_word_of_a_relevant_title() -> None:
    named = titles(default_world())
    found = [one for one in made() if one.kind == "described"]
    assert len(found) > 2000
    for one in found:
        assert not words(one.text) & words(named[one.subject.id]), one.text


def test_a_wording_that_names_its_subject_is_not_taken() -> None:
    """Its only clue is a value that is a word of its title."""
    [entity] = [one for one in default_world().entities if one.id == "organisation-0000"]
    [fact] = [one for one in default_world().facts if one.id == "organisation-0000.motto"]
    named = replace(fact, value=entity.title.split()[0].lower())
    question = Question(entity, None, (named,), (entity.id,), tells_test_fact=False)
    assert worded("described", [question], 3, Random(0)) == []
    assert len(worded("described", [replace(question, clues=(fact,))], 3, Random(0))) == 2


def test_every_article_that_fits_is_relevant_and_no_other() -> None:
    """Read back from the facts: who has the values of all clues, and is of the same sort."""
    world = default_world()
    theme = {one.id: one.theme for one in world.entities if has_article(one)}
    values = {(one.subject, one.attribute): one.value for one in world.facts}
    for one in (query for query in made() if query.clues):
        fitting = {
            entity
            for entity, sort in theme.items()
            if sort == one.subject.theme
            and all(values.get((entity, clue.attribute)) == clue.value for clue in one.clues)
        }
        assert set(one.documents) == fitting, one.text
        assert all(clue.value in one.text for clue in one.clues)
        assert len(fitting) <= BOTH.max_relevant


def test_answers_are_the_facts_that_are_asked_for() -> None:
    for one in made():
        assert one.answer == (one.fact.value if one.fact else one.subject.title)
        assert one.fact is None or one.documents == (one.subject.id,)
        assert one.fact is None or one.answer not in words(one.text)


def test_no_training_or_validation_query_tells_a_fact_of_known_exposure() -> None:
    """Neither of its subject nor of another article that it is about."""
    facts = {(one.subject, one.attribute): one for one in default_world().facts}
    for one in (query for query in made() if query.split != "test"):
        told = [facts[document, clue.attribute] for document in one.documents for clue in one.clues]
        assert all(fact.level is None for fact in (*told, *([one.fact] if one.fact else [])))


def test_every_fact_of_known_exposure_is_asked_for_in_the_test() -> None:
    world = default_world()
    asked = {kind: {one.fact.id for one in made() if one.kind == kind and one.fact} for kind in BOTH.kinds}
    expected = {one.id for one in world.facts if one.role == "test"}
    assert expected <= asked["named"]
    assert len(expected & asked["described"]) >= 0.95 * len(expected), "some subjects fit no description"
    levels = Counter(one.fact.level for one in made() if one.kind == "described" and one.fact and one.fact.level)
    assert min(levels.values()) >= 36, "of 40 at each level"


def test_no_test_query_is_a_training_query_in_other_words() -> None:
    splits: dict[tuple[object, ...], set[str]] = {}
    for one in made():
        clues = frozenset((clue.attribute, clue.value) for clue in one.clues)
        key = (one.kind, one.subject.theme, one.fact.id if one.fact else None, clues)
        splits.setdefault(key, set()).add(one.split)
    assert {len(one) for one in splits.values()} == {1}
    assert len({one.id for one in made()}) == len(made())
    texts = Counter((one.kind, one.text) for one in made() if one.split == "train")
    assert set(texts.values()) == {1}


def test_a_share_of_articles_stays_unseen() -> None:
    served = titles(default_world())
    for kind in BOTH.kinds:
        training = [one for one in made() if one.kind == kind and one.split == "train"]
        trained = {document for one in training for document in one.documents}
        assert len(trained) <= (1 - BOTH.unseen_share) * len(served)
    never = {one.id for one in default_world().entities if one.split == "never"}
    assert {one.subject.id for one in made() if one.split == "test"} >= never


def test_unseen_articles_are_never_trained() -> None:
    """A quarter of every band of popularity, whatever could be asked about them."""
    served = [one for one in default_world().entities if has_article(one)]
    chosen = unseen_articles(BOTH, served)
    assert len(chosen) == pytest.approx(0.25 * len(served), abs=4)
    trained = {document for one in made() if one.split == "train" for document in one.documents}
    assert not chosen & trained
    validated = {document for one in made() if one.split == "validation" for document in one.documents}
    assert len(chosen & validated) > 20, "but models are chosen on them too"


def test_training_follows_popularity() -> None:
    """The more popular half of the trained articles is asked about more often, and no question in many words."""
    counts = Counter(one.subject.id for one in made() if one.kind == "described" and one.split == "train")
    assert 1300 <= sum(counts.values()) <= 1600, "of 1500; repeated wordings are lost"
    popularity = {one.id: one.popularity for one in default_world().entities}
    ranked = sorted(counts, key=lambda entity: -popularity[entity])
    half = len(ranked) // 2
    assert sum(counts[one] for one in ranked[:half]) > 1.5 * sum(counts[one] for one in ranked[half:])
    questions = Counter(
        (one.subject.id, one.fact and one.fact.id, one.clues)
        for one in made()
        if one.kind == "described" and one.split == "train"
    )
    assert max(questions.values()) == 4


def test_popularity_says_nothing_about_exposure() -> None:
    tested = [one for one in made() if one.kind == "named" and one.fact and one.fact.level is not None]
    high, low = ([one.subject.popularity for one in tested if (one.fact.level >= 11) == side] for side in (True, False))
    assert 0.5 < (sum(high) / len(high)) / (sum(low) / len(low)) < 2


def test_clauses_are_about_attributes_and_hold_the_value() -> None:
    assert set(CLAUSES) <= set(ATTRIBUTES)
    assert all("{v}" in clause for pair in CLAUSES.values() for clause in pair)


@pytest.mark.parametrize("null", ["one_sense", "equal_exposures"])
def test_null_worlds_have_queries_too(null: str) -> None:
    world = null_world(null)
    assert len(world_queries(BOTH, world.entities, world.facts)) > 3000


def test_the_stage(tmp_path: Path) -> None:
    world = run_stage("world", tmp_path / "world", SMALL)
    spec = {"source": "world", "kinds": ["described", "named"], "training_queries": 200}
    first = taken(tmp_path / "one", None, world=world, **spec)
    second = taken(tmp_path / "two", None, world=world, **spec)
    assert first.manifest.to_json() == second.manifest.to_json(), "same spec, same bytes"
    assert first.manifest.counts["documents"] == len(documents(first))
    found = queries(first)
    assert {row["kind"] for row in found.values()} == {"described", "named"}
    trained = {d for q, d, _ in judged(first) if found[q]["split"] == "train"}
    for name, row in found.items():
        assert row["seen"] == bool(trained & {d for q, d, _ in judged(first) if q == name})
        assert (row["fact"] is None) == (row["exposures"] is None)
        assert row["level"] is None or row["exposures"] is not None
    leveled = next(row for row in found.values() if row["level"] is not None)
    assert leveled["fact"].startswith(leveled["cluster"])


def test_a_set_of_the_world_needs_a_world(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs the generated world"):
        taken(tmp_path, None, source="world")
