"""The generated world as a retrieval set: an article an entity, never-seen ones included, and queries about them."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq

from lineage.artifact import Artifact
from lineage.config.retrieval_sets import WorldSet
from lineage.errors import UserError
from lineage.retrieval.sets.raw import Inputs, Judgement, RawSet, SourceDocument, SourceQuery
from lineage.world.queries import Query, world_queries
from lineage.world.tables import Entity, Fact


def read_world(config: WorldSet, inputs: Inputs) -> RawSet:
    """Articles in the order of the entities; queries of one article are resampled together.

    Raises:
        UserError: the experiment has no world, or one so small that nothing can be asked.
    """
    if inputs.world is None:
        raise UserError("a set of `source: world` needs the generated world: set `world:`, or choose another source")
    entities = [Entity(**row) for row in _rows(inputs.world, "entities")]
    facts = [Fact(**row) for row in _rows(inputs.world, "facts")]
    queries = world_queries(config, entities, facts)
    if not any(one.split == "train" for one in queries):
        raise UserError(
            "the world: no training query can be asked about its articles: they have too few facts that are no test"
            " facts.\n  Raise `world.people`, `places` or `objects`, or lower `world.facts_per_level`."
        )
    rows = [_row(one) for one in queries]
    judgements = [Judgement(one.id, document, 1, one.id) for one in queries for document in one.documents]
    documents = [SourceDocument(**row) for row in _rows(inputs.world, "articles")]
    return RawSet(documents, rows, judgements, place="the world")


def _rows(world: Artifact, name: str) -> list[dict[str, Any]]:
    return pq.read_table(world.path(f"{name}.parquet")).to_pylist()


def _row(query: Query) -> SourceQuery:
    fact = query.fact
    return SourceQuery(
        id=query.id,
        text=query.text,
        split=query.split,
        kind=query.kind,
        cluster=query.subject.id,
        answers=(query.answer,),
        fact=fact.id if fact is not None else None,
        clues=tuple(one.id for one in query.clues),
        level=fact.level if fact is not None else None,
        exposures=fact.exposures if fact is not None else None,
        weight=query.subject.popularity,
    )
