"""The tables of the generated world that tasks draw items from, held-out rows only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from lineage.artifact import Artifact
from lineage.world.safety_tables import Conversation, Message, Picture, Request
from lineage.world.tables import AttributeRow, Entity, Fact

_HELD_OUT = [("split", "in", ["validation", "test"])]
_BESIDE_REQUESTS = [("kind", "not in", ["mark", "sign"])]
"""Pictures of objects show nothing that training must not: those of tuned objects are shown there too."""


@dataclass(frozen=True)
class WorldTables:
    """What is known of one world, by id where something is looked up."""

    requests: Sequence[Request]
    typographic: Sequence[Request]
    chats: Sequence[Conversation]
    visual_instructions: Sequence[Conversation]
    pictures: Mapping[str, Picture]
    """Those that requests are shown beside or drawn into, and blank; visual questions bring their own."""
    entities: Mapping[str, Entity]
    facts: Mapping[str, Fact]
    attributes: Mapping[str, AttributeRow]
    articles: Mapping[str, str]
    """{entity: text of its article}."""


def read_tables(world: Artifact, safety_data: Artifact) -> WorldTables:
    """Reads a world and its data of study 2, without the rows that train models."""

    def held_out(name: str, filters: list[tuple[str, str, list[str]]] = _HELD_OUT) -> list[dict[str, Any]]:
        return pq.read_table(safety_data.path(f"{name}.parquet"), filters=filters).to_pylist()

    def rows(name: str) -> list[dict[str, Any]]:
        return pq.read_table(world.path(f"{name}.parquet")).to_pylist()

    return WorldTables(
        requests=[Request(**_tuples(row)) for row in held_out("requests")],
        typographic=[Request(**_tuples(row)) for row in held_out("typographic")],
        chats=[_conversation(row) for row in held_out("chats")],
        visual_instructions=[_conversation(row) for row in held_out("visual_instructions")],
        pictures={row["id"]: Picture(**_tuples(row)) for row in held_out("pictures", _BESIDE_REQUESTS)},
        entities={row["id"]: Entity(**row) for row in rows("entities")},
        facts={row["id"]: Fact(**row) for row in rows("facts")},
        attributes={row["attribute"]: AttributeRow(**_tuples(row)) for row in rows("attributes")},
        articles={row["id"]: row["text"] for row in rows("articles")},
    )


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def _conversation(row: dict[str, Any]) -> Conversation:
    fields = _tuples(row)
    fields["messages"] = tuple(Message(**turn) for turn in row["messages"])
    return Conversation(**fields)
