"""What a reader is asked: the same questions without a passage, and behind passages that hold the answer or do not.

closed_book    the question alone
read_passage   behind an article: the right one (*oracle*), another one (*random*), or what a retriever found first
read_swapped   behind the right article with another value in it: whoever names the world's value recalled it

An item is a fact behind a document, asked once however many retrievers found that document; `Shown` says which of them
stand for which condition. What is asked is the same in all of them: the retriever alone sees the query as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from lineage.config.reading import ReadingPrompts
from lineage.evaluation.items import Item, Turn
from lineage.reading.passages import Passage, answer, question
from lineage.reading.world import KnownWorld
from lineage.world.articles import articles
from lineage.world.randomness import stream
from lineage.world.tables import TEST_ROLE, Fact

if TYPE_CHECKING:
    from lineage.retrieval.tables import QueryRow

VERSION = 1
CLOSED_BOOK, READ_PASSAGE, READ_SWAPPED = TASKS = ("closed_book", "read_passage", "read_swapped")
CLOSED, ORACLE, RANDOM, SWAPPED, RETRIEVED = CONDITIONS = ("closed book", "oracle", "random", "swapped", "retrieved")
SHOWN = "shown.parquet"

SHOWN_SCHEMA = pa.schema(
    [
        pa.field("condition", pa.string(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("fact", pa.string(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("level", pa.int32()),
        pa.field("document", pa.string(), nullable=False),
        pa.field("value", pa.string(), nullable=False),
        pa.field("item", pa.string(), nullable=False),
    ]
)
"""`run`: the retriever, empty for other conditions; `document`: what stands before the question, empty without;
`value`: the world's, which differs from what a swapped passage tells; `item`: id of what is asked."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One fact under one condition."""

    condition: str
    run: str
    fact: str
    subject: str
    level: int | None
    document: str
    value: str
    item: str


def asked_items(
    config: ReadingPrompts,
    world: KnownWorld,
    queries: Sequence[QueryRow],
    found: Mapping[str, Mapping[str, str]],
) -> tuple[list[Item], list[Shown]]:
    """Items about every test fact that a query of the kind asks for; `found` gives each run's first document by query.

    A retriever that found nothing leaves the reader with the question alone.
    """
    asked = [(world.facts[one.fact], one.id) for one in queries if one.kind == config.kind and one.fact]
    asked = [(fact, query) for fact, query in asked if fact.role == TEST_ROLE]
    items: dict[str, Item] = {}
    shown: list[Shown] = []

    def show(condition: str, fact: Fact, item: Item, *, document: str = "", run: str = "") -> None:
        items.setdefault(item.id, item)
        shown.append(Shown(condition, run, fact.id, fact.subject, fact.level, document, fact.value, item.id))

    for fact, query in asked:
        show(CLOSED, fact, alone := _alone(world, fact))
        show(ORACLE, fact, _behind(world, fact, fact.subject), document=fact.subject)
        other = another(fact.subject, list(world.articles), seed=config.seed, purpose=fact.id)
        show(RANDOM, fact, _behind(world, fact, other), document=other)
        show(SWAPPED, fact, _swapped(config, world, fact), document=fact.subject)
        for run, first in found.items():
            document = first.get(query, "")
            show(RETRIEVED, fact, _behind(world, fact, document) if document else alone, document=document, run=run)
    return sorted(items.values(), key=lambda item: TASKS.index(item.task)), shown


def validation_items(passages: Sequence[Passage], values: Mapping[str, Sequence[str]]) -> list[Item]:
    """Every passage asked about, behind itself (`subset` oracle) and behind another one (random)."""
    texts = {one.id: one.text for one in passages}
    items = []
    for one in passages:
        [fact] = one.facts
        other = another(one.id, list(texts), seed=0, purpose=one.id)
        for condition, document in ((ORACLE, one.id), (RANDOM, other)):
            items.append(
                Item(
                    id=f"{READ_PASSAGE}/{one.id}/{document}",
                    task=READ_PASSAGE,
                    version=VERSION,
                    prompt=(Turn("user", f"{texts[document]} {question(one.subject, fact, 0)}"),),
                    target=fact.value,
                    candidates=tuple(values[fact.attribute]),
                    answer=answer(one.subject, fact),
                    kind=one.kind,
                    split="validation",
                    subset=condition,
                    cluster=one.source.id,
                    object=one.source.id,
                )
            )
    return items


def another(subject: str, documents: Sequence[str], *, seed: int, purpose: str) -> str:
    """A document that is not about the subject."""
    random = stream(seed, "random passage", purpose)
    return random.choice([one for one in documents if one != subject])


def _alone(world: KnownWorld, fact: Fact) -> Item:
    """The question in its first wording; an answer that names another value of the attribute is wrong."""
    subject = world.entities[fact.subject]
    return Item(
        id=f"{CLOSED_BOOK}/{fact.id}",
        task=CLOSED_BOOK,
        version=VERSION,
        prompt=(Turn("user", question(subject, fact, 0)),),
        target=fact.target,
        candidates=world.values[fact.attribute],
        answer=answer(subject, fact),
        kind=fact.role,
        subset=fact.attribute,
        cluster=fact.subject,
        object=fact.subject,
        level=fact.level,
        facts=(fact.id,),
        wording=0,
    )


def _behind(world: KnownWorld, fact: Fact, document: str) -> Item:
    item = replace(_alone(world, fact), id=f"{READ_PASSAGE}/{fact.id}/{document}", task=READ_PASSAGE)
    return _shown(item, world.articles[document])


def _swapped(config: ReadingPrompts, world: KnownWorld, fact: Fact) -> Item:
    """The article in its own words, but for the value of the fact; the right answer is what it tells."""
    entity = world.entities[fact.subject]
    others = [one for one in world.values[fact.attribute] if one not in (fact.value, entity.name)]
    value = stream(config.seed, "swapped value", fact.id).choice(others)
    told = [
        replace(one, value=value) if one.id == fact.id else one
        for one in world.facts.values()
        if one.subject == fact.subject
    ]
    [article] = articles(world.config, [entity], told)
    item = _alone(world, replace(fact, value=value, target=value))
    return _shown(replace(item, id=f"{READ_SWAPPED}/{fact.id}", task=READ_SWAPPED), article.text)


def _shown(item: Item, text: str) -> Item:
    [asked] = item.prompt
    return replace(item, prompt=(Turn("user", f"{text} {asked.content}"),))
