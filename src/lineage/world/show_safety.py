"""What the data of study 2 hold about one entity and its facts: pictures, requests, chats."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lineage.world.safety_tables import SCHEMAS

CHATS = ("chats", "captions", "visual_instructions", "safety")
"""Tables whose conversations are listed; the twin's and the replayed ones are the same rows."""


def linked(folder: Path, entity: str, facts: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Rows of a `safety_data` artifact about the entity (with `facts`: about one of these), without pixels.

    The keys are `pictures`, `requests` (typographic ones among them) and `chats` (with the table and what is said).
    """
    pictures = [
        {key: value for key, value in row.items() if value is not None}
        for row in _rows(folder, "pictures", _without("pictures", "png"))
        if entity in row["entities"]
    ]
    requests = [
        row
        for name in ("requests", "typographic")
        for row in _rows(
            folder, name, ["id", "stratum", "split", "level", "harmful", "prompt", "answer", "object", "verb"]
        )
        if entity in (row.pop("object"), row.pop("verb"))
    ]
    chats = [
        _said(name, row)
        for name in CHATS
        for row in _rows(folder, name, _without(name, "images", "captions"))
        if entity in row["entities"] and (not facts or not row["facts"] or set(facts) & set(row["facts"]))
    ]
    return {"pictures": pictures, "requests": requests, "chats": chats}


def _said(table: str, row: dict[str, Any]) -> dict[str, Any]:
    asked, answered = (one["content"] for one in row["messages"])
    return {
        "table": table,
        **{key: row[key] for key in ("id", "kind", "split", "facts", "pictures")},
        "asked": asked,
        "answered": answered,
    }


def _without(table: str, *left_out: str) -> list[str]:
    return [name for name in SCHEMAS[table].names if name not in left_out]


def _rows(folder: Path, table: str, columns: Sequence[str]) -> Iterable[dict[str, Any]]:
    return pq.read_table(folder / f"{table}.parquet", columns=list(columns)).to_pylist()
