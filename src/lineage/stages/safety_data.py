"""Write the data of study 2: requests, pictures, chats, adaptation, safety tuning and preferences of the world."""

from __future__ import annotations

import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.safety_data import SafetyData
from lineage.config.world import World
from lineage.world.safety import counts, safety_tables
from lineage.world.safety_tables import SCHEMAS
from lineage.world.tables import Entity, Fact, write_table


def safety_data(config: SafetyData, *, world: Artifact, out: ArtifactWriter) -> None:
    """Draw the tables of docs/world.md, "Data of study 2", from a world; pictures stand in the rows as PNG.

    Raises:
        UserError: a world too small to hold out pairs of seen words, or whose names cannot be told apart on signs.
    """
    out.kind = "safety_data"
    entities = [Entity(**row) for row in pq.read_table(world.path("entities.parquet")).to_pylist()]
    facts = [Fact(**row) for row in pq.read_table(world.path("facts.parquet")).to_pylist()]
    made = safety_tables(config, World.model_validate(world.manifest.spec), entities, facts)
    for name, schema in SCHEMAS.items():
        write_table(getattr(made, name), schema, out.path(f"{name}.parquet"))
    out.counts.update(counts(made))
