"""The tables of the generated world's data of study 2."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow.parquet as pq

from lineage.config.conversations import WorldConversations, WorldPreferences
from lineage.config.messages import did_you_mean, listed
from lineage.conversations.intake import Entry, Inputs, LeftOut, Row
from lineage.conversations.pictures import sound_picture
from lineage.conversations.table import with_captions
from lineage.errors import UserError

_PICTURES = ("images", "captions")


def read_world_conversations(config: WorldConversations, inputs: Inputs) -> Iterator[Entry]:
    """Rows of one table and split, of the kinds that are asked for.

    Raises:
        UserError: no such kind in them.
    """
    rows = _rows(inputs, config.table, config.split, ("id", "kind", "harmful", "messages", *_PICTURES))
    present = sorted({row["kind"] for row in rows})
    for kind in config.kinds or ():
        if kind not in present:
            raise UserError(
                f"kinds: no row of {config.table}, split {config.split}, is of the kind '{kind}'."
                f"{did_you_mean(kind, present)}\n  kinds found: {listed(present)}"
            )
    for number, row in enumerate(rows, 1):
        yield Entry(f"row {number}", partial(_taken, row, config))


def read_world_preferences(config: WorldPreferences, inputs: Inputs) -> Iterator[Entry]:
    """Pairs of one split; `kind` is what the better answer does."""
    columns = ("id", "harmful", "prompt", "chosen", "rejected", *_PICTURES)
    for number, row in enumerate(_rows(inputs, "preferences", config.split, columns), 1):
        row["kind"] = "refusal" if row["harmful"] else "lookalike"
        yield Entry(f"row {number}", partial(_shown, row, config, turns="prompt"))


def _taken(row: Row, config: WorldConversations) -> Row:
    if config.kinds is not None and row["kind"] not in config.kinds:
        raise LeftOut("of another kind")
    return _shown(row, config, turns="messages")


def _shown(row: Row, config: WorldConversations | WorldPreferences, *, turns: str) -> Row:
    """The row with its pictures, or with their captions in their place."""
    if config.pictures == "captions":
        return with_captions(row, turns=turns)
    for file in row["images"]:
        sound_picture(file, place=row["id"])
    return row


def _rows(inputs: Inputs, table: str, split: str, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    data = inputs.safety_data
    if data is None:
        raise UserError("`source: world` needs the generated world: set `world:`, or choose another source")
    path = data.path(f"{table}.parquet")
    return pq.read_table(path, columns=list(columns), filters=[("split", "=", split)]).to_pylist()
