"""Reads the tables of the generated world as readers need them."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq

from lineage.artifact import Artifact
from lineage.config.reading import ReadingConversations
from lineage.config.world import World
from lineage.errors import UserError
from lineage.evaluation.tasks.tables import WorldTables
from lineage.reading.passages import Passage, reading_passages
from lineage.world.tables import AttributeRow, Entity, Fact


def world_config(world: Artifact) -> World:
    """The settings that a world was generated with."""
    return World.model_validate(world.manifest.spec)


def read_world(world: Artifact) -> WorldTables:
    """A world without its data of study 2."""

    def rows(name: str) -> list[dict[str, Any]]:
        return pq.read_table(world.path(f"{name}.parquet")).to_pylist()

    return WorldTables(
        requests=(),
        typographic=(),
        chats=(),
        visual_instructions=(),
        pictures={},
        entities={row["id"]: Entity(**row) for row in rows("entities")},
        facts={row["id"]: Fact(**row) for row in rows("facts")},
        attributes={
            row["attribute"]: AttributeRow(row["attribute"], row["kind"], tuple(row["values"]), tuple(row["questions"]))
            for row in rows("attributes")
        },
        articles={row["id"]: row["text"] for row in rows("articles")},
    )


def read_passages(config: ReadingConversations, world: Artifact) -> list[Passage]:
    """Passages about disjoint facts of a world.

    Raises:
        UserError: the world has too few open entities, which such passages are modelled on.
    """
    tables = read_world(world)
    made = reading_passages(
        config,
        world_config(world),
        list(tables.entities.values()),
        list(tables.facts.values()),
        {name: one.values for name, one in tables.attributes.items()},
    )
    if not made:
        raise UserError(
            f"{world.folder}: no open entity for {config.split} passages. Raise `world.people`, `places`, `objects`."
        )
    return made
