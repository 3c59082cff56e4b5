"""The files of a set of conversations or preferences: one form for the generated world and for every real data set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lineage.conversations.conversation import IMAGE_MARK, BadConversation, Conversation

CONVERSATIONS = "conversations.parquet"
PREFERENCES = "preferences.parquet"

_TURNS = pa.list_(
    pa.struct([pa.field("role", pa.string(), nullable=False), pa.field("content", pa.string(), nullable=False)])
)
_COMMON = [
    pa.field("id", pa.string(), nullable=False),
    pa.field("kind", pa.string(), nullable=False),
    pa.field("harmful", pa.bool_()),
]
_PICTURES = [
    pa.field("images", pa.list_(pa.binary()), nullable=False),
    pa.field("captions", pa.list_(pa.string()), nullable=False),
]
CONVERSATION_SCHEMA = pa.schema([*_COMMON, pa.field("messages", _TURNS, nullable=False), *_PICTURES])
"""`kind`: what sort of row it is in its source; `harmful`: whether the user asks for harm, null where nobody knows;
`images`: picture files in the order of the `<image>` marks; `captions`: one a picture, or none at all."""
PREFERENCE_SCHEMA = pa.schema(
    [
        *_COMMON,
        pa.field("prompt", _TURNS, nullable=False),
        pa.field("chosen", pa.string(), nullable=False),
        pa.field("rejected", pa.string(), nullable=False),
        *_PICTURES,
    ]
)
"""A prompt that ends with the user's turn, and a better and a worse answer to it."""


@dataclass(frozen=True)
class Pair:
    """A prompt with a better and a worse answer."""

    chosen: Conversation
    rejected: Conversation


def read_conversations(path: Path) -> list[Conversation]:
    """Rows of `conversations.parquet`, in order."""
    return [
        Conversation(row["id"], row["messages"], tuple(row["images"]))
        for row in pq.read_table(path, columns=["id", "messages", "images"]).to_pylist()
    ]


def read_pairs(path: Path) -> list[Pair]:
    """Rows of `preferences.parquet`, in order."""
    rows = pq.read_table(path, columns=["id", "prompt", "chosen", "rejected", "images"]).to_pylist()
    return [Pair(*(_answered(row, side) for side in ("chosen", "rejected"))) for row in rows]


def _answered(row: dict, side: str) -> Conversation:
    messages = [*row["prompt"], {"role": "assistant", "content": row[side]}]
    return Conversation(f"{row['id']} ({side})", messages, tuple(row["images"]))


def with_captions(row: Mapping[str, Any], *, turns: str = "messages") -> dict[str, Any]:
    """The row with every picture replaced by its caption: what a text-only control reads.

    `<image>\\nWhich colour is it?` becomes `A red star. Which colour is it?`; `turns` is the column of the turns.

    Raises:
        BadConversation: a picture without a caption.
    """
    marks = sum(turn["content"].count(IMAGE_MARK) for turn in row[turns])
    if len(row["captions"]) != marks:
        raise BadConversation(
            row["id"],
            "pictures without captions",
            f"its turns hold {marks} {IMAGE_MARK}, but {len(row['captions'])} captions belong to it, none of which can"
            " stand in their place.",
        )
    captions = iter(row["captions"])
    spoken = [{"role": turn["role"], "content": _filled(turn["content"], captions)} for turn in row[turns]]
    return {**row, turns: spoken, "images": [], "captions": []}


def _filled(content: str, captions: Iterator[str]) -> str:
    filled = re.sub(rf"{IMAGE_MARK}\s*", lambda _: f"{next(captions)} ", content)
    return filled.removesuffix(" ") if content.rstrip().endswith(IMAGE_MARK) else filled
