"""What is known of the generated world where passages and questions about it are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from lineage.artifact import Artifact
from lineage.config.world import World
from lineage.world.tables import Entity, Fact


@dataclass(frozen=True)
class KnownWorld:
    """Tables of one world by id."""

    config: World
    """The settings that it was generated with."""
    entities: Mapping[str, Entity]
    facts: Mapping[str, Fact]
    values: Mapping[str, tuple[str, ...]]
    """{attribute: values that it can have}."""
    articles: Mapping[str, str]
    """{entity: text of its article}."""


def read_world(world: Artifact) -> KnownWorld:
    """The tables of the stage `world`."""

    def rows(name: str) -> list[dict[str, Any]]:
        return pq.read_table(world.path(f"{name}.parquet")).to_pylist()

    return KnownWorld(
        config=World.model_validate(world.manifest.spec),
        entities={row["id"]: Entity(**row) for row in rows("entities")},
        facts={row["id"]: Fact(**row) for row in rows("facts")},
        values={row["attribute"]: tuple(row["values"]) for row in rows("attributes")},
        articles={row["id"]: row["text"] for row in rows("articles")},
    )
