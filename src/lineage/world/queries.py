"""Queries about the articles of the world: what is asked, of whom, and which query trains.

A *described* query points to its subject by one or two other facts, without a word of its title: "Where was the person
who plays the flute and enjoys chess born?" A *named* one uses the title. Relevant is every article whose subject fits
all that the query says.

No query of training or validation tells or asks for a fact with an exposure level, in its own words or by an article
that it is about by accident; such facts are asked for in the test only. Which query trains is decided for (subject,
what is asked, clues) as a whole, so that no test query is a training query in other words. Training queries are dealt
by popularity; in validation and test every article counts alike, and `weight` is its popularity.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random

import numpy as np

from lineage.config.retrieval_sets import WorldSet
from lineage.world.descriptions import CLAUSES, description, identification
from lineage.world.entities import phrase
from lineage.world.facts import ATTRIBUTES, has_article
from lineage.world.randomness import stream
from lineage.world.tables import Entity, Fact

_MOST_CLUES = 2
_TRAIN_SHARE, _VALIDATION_SHARE = 0.6, 0.2
_NOT_ASKED = ("hazard", "manner", "tool")
"""Attributes whose questions name candidates or verbs."""
_WORDINGS = 4
"""Queries that are one question in other words, at most."""
_BISECTIONS = 60
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Query:
    """One query, its answer, and the articles that it is about."""

    id: str
    kind: str
    """described | named."""
    split: str
    text: str
    fact: Fact | None
    """What is asked for; None: the subject itself."""
    clues: tuple[Fact, ...]
    subject: Entity
    documents: tuple[str, ...]
    """Relevant articles by the id of their entity."""

    @property
    def answer(self) -> str:
        """The value of the fact, or the subject's title."""
        return self.fact.value if self.fact is not None else self.subject.title


@dataclass(frozen=True, slots=True)
class Question:
    """What may be asked in several wordings."""

    subject: Entity
    fact: Fact | None
    clues: tuple[Fact, ...]
    documents: tuple[str, ...]
    tells_test_fact: bool

    @property
    def key(self) -> str:
        """The question as text, the same in every wording."""
        asked = self.fact.attribute if self.fact is not None else "itself"
        return "/".join([self.subject.id, asked, *(one.attribute for one in self.clues)])


def world_queries(config: WorldSet, entities: Sequence[Entity], facts: Sequence[Fact]) -> list[Query]:
    """All queries, in the order of their subjects: training, validation, test."""
    served = [entity for entity in entities if has_article(entity)]
    unseen = unseen_articles(config, served)
    known = _Known(served, facts)
    queries: list[Query] = []
    for kind in config.kinds:
        pools: dict[str, list[Question]] = {}
        for entity in served:
            found = known.described(entity, config.max_relevant) if kind == "described" else known.named(entity)
            pools[entity.id] = list(found)
        splits = {one.id: _by_split(config, pools[one.id], unseen) for one in served}
        dealt = _dealt(config, served, {name: len(split["train"]) for name, split in splits.items()})
        for entity in served:
            queries += _queries_about(config, kind, entity, splits[entity.id], dealt[entity.id])
            queries += _leveled(config, kind, pools[entity.id])
    return queries


def _dealt(config: WorldSet, served: Sequence[Entity], questions: dict[str, int]) -> dict[str, int]:
    """Training queries of each subject: in proportion to popularity, as far as it has questions and wordings."""
    popularity = np.array([one.popularity for one in served])
    room = np.array([_WORDINGS * questions[one.id] for one in served])
    low, high = 0.0, float(config.training_queries / popularity.min())
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        enough = np.minimum(popularity * middle, room).sum() >= config.training_queries
        low, high = (low, middle) if enough else (middle, high)
    lots = np.array([stream(config.seed, "training queries", one.id).random() for one in served])
    numbers = np.minimum(np.floor(popularity * high + lots), room).astype(int)
    return {one.id: int(number) for one, number in zip(served, numbers, strict=True)}


def unseen_articles(config: WorldSet, served: Sequence[Entity]) -> set[str]:
    """A share of the articles, popular and unpopular ones alike: of every few in order of popularity some."""
    ranked = [one.id for one in sorted(served, key=lambda entity: -entity.popularity)]
    random = stream(config.seed, "unseen articles")
    chosen: set[str] = set()
    band = 20
    for first in range(0, len(ranked), band):
        part = ranked[first : first + band]
        chosen.update(random.sample(part, round(config.unseen_share * len(part))))
    return chosen


class _Known:
    """Who has which facts."""

    def __init__(self, served: Sequence[Entity], facts: Iterable[Fact]):
        self._subjects = {one.id: one for one in served}
        self._facts: dict[str, list[Fact]] = {one.id: [] for one in served}
        self._holders: dict[tuple[str, str, str], dict[str, Fact]] = {}
        for fact in facts:
            entity = self._subjects.get(fact.subject)
            if entity is not None and fact.attribute in CLAUSES:
                self._facts[entity.id].append(fact)
                self._holders.setdefault((entity.theme, fact.attribute, fact.value), {})[entity.id] = fact
        titles = [one.title for one in served]
        self._shared = {title for title in titles if titles.count(title) > 1}

    def described(self, entity: Entity, max_relevant: int) -> Iterator[Question]:
        """One or two clues that fit few articles, with everything that can be asked beside."""
        own = self._facts[entity.id]
        for clues in (one for size in range(1, _MOST_CLUES + 1) for one in combinations(own, size)):
            holders = [self._holders[entity.theme, one.attribute, one.value] for one in clues]
            documents = tuple(one for one in holders[0] if all(one in other for other in holders))
            if len(documents) > max_relevant or documents[0] != entity.id:
                continue  # too vague, or found when the first of them was the subject
            told = [holder[one] for one in documents for holder in holders]
            tells = any(_is_tested(one) for one in told)
            asked = [one for one in own if one not in clues and one.attribute not in _NOT_ASKED]
            for fact in (None, *(asked if len(documents) == 1 else ())):
                yield Question(entity, fact, clues, documents, tells or (fact is not None and _is_tested(fact)))

    def named(self, entity: Entity) -> Iterator[Question]:
        """One question a fact; none about people who share their name."""
        for fact in self._facts[entity.id] if entity.title not in self._shared else ():
            if fact.attribute not in _NOT_ASKED:
                yield Question(entity, fact, (), (entity.id,), _is_tested(fact))


def _is_tested(fact: Fact) -> bool:
    """Whether its recall is measured by exposure: facts that no document states, and hazards of probes, included."""
    return fact.level is not None


def _by_split(config: WorldSet, questions: Iterable[Question], unseen: set[str]) -> dict[str, list[Question]]:
    """The questions that tell no test fact."""
    by_split: dict[str, list[Question]] = {"train": [], "validation": [], "test": []}
    for one in questions:
        if not one.tells_test_fact:
            by_split[_split_of(config, one, unseen)].append(one)
    return by_split


def _queries_about(
    config: WorldSet, kind: str, entity: Entity, by_split: dict[str, list[Question]], training: int
) -> Iterator[Query]:
    random = stream(config.seed, "queries", kind, entity.id)
    each = config.evaluation_per_document
    for split, number in (("train", training), ("validation", each), ("test", each)):
        for index, (question, text) in enumerate(worded(kind, by_split[split], number, random)):
            yield _query(f"{entity.id}.{kind}.{split}.{index}", kind, split, question, text)


def _leveled(config: WorldSet, kind: str, questions: Iterable[Question]) -> Iterator[Query]:
    """One test query for each fact with an exposure level."""
    pools: dict[str, list[Question]] = {}
    for one in questions:
        if one.fact is not None and one.fact.level is not None:
            pools.setdefault(one.fact.id, []).append(one)
    for fact, pool in pools.items():
        for question, text in worded(kind, pool, 1, stream(config.seed, "test queries", kind, fact)):
            yield _query(f"{fact}.{kind}", kind, "test", question, text)


def _split_of(config: WorldSet, question: Question, unseen: set[str]) -> str:
    """The same for every wording; articles that stay unseen are asked about in validation and test only."""
    lot = stream(config.seed, "query split", question.key).random()
    if not unseen.isdisjoint(question.documents):
        return "validation" if lot < 0.5 else "test"
    if lot < _TRAIN_SHARE:
        return "train"
    return "validation" if lot < _TRAIN_SHARE + _VALIDATION_SHARE else "test"


def worded(kind: str, pool: Sequence[Question], number: int, random: Random) -> list[tuple[Question, str]]:
    """Up to `number` different texts; every question of the pool is worded before one is worded again."""
    found: dict[str, Question] = {}
    order = list(pool)
    random.shuffle(order)
    for question in order * _WORDINGS:
        if len(found) == number:
            break
        text = _text(kind, question, random)
        if kind == "named" or not _names(question, text):
            found.setdefault(text, question)
    return [(question, text) for text, question in found.items()]


def _text(kind: str, question: Question, random: Random) -> str:
    if question.fact is None:
        return identification(question.subject, question.clues, random)
    subject = phrase(question.subject) if kind == "named" else description(question.subject, question.clues, random)
    return random.choice(ATTRIBUTES[question.fact.attribute].questions).format(s=subject)


def _names(question: Question, text: str) -> bool:
    """Whether a word of the title stands in the text."""
    title = {word.lower() for word in _WORD.findall(question.subject.title)}
    return not title.isdisjoint(word.lower() for word in _WORD.findall(text))


def _query(name: str, kind: str, split: str, question: Question, text: str) -> Query:
    return Query(
        id=name,
        kind=kind,
        split=split,
        text=text,
        fact=question.fact,
        clues=question.clues,
        subject=question.subject,
        documents=question.documents,
    )
