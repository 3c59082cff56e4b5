"""Conversations as LLaVA keeps them: LLaVA-Instruct, LLaVA-Pretrain, and many sets in their form.

{"id": "000000033471", "image": "coco/train2017/000000033471.jpg",
 "conversations": [{"from": "human", "value": "<image>\\nWhat is this?"}, {"from": "gpt", "value": "A bus."}]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lineage.config.conversations import LlavaConversations
from lineage.conversations.intake import Entry, Inputs, Row
from lineage.conversations.sources.files import identifier_of, needed, picture_file, value_of
from lineage.conversations.sources.json_entries import json_entries
from lineage.conversations.sources.turns import turns_of


def read_llava(config: LlavaConversations, inputs: Inputs) -> Iterator[Entry]:
    """Conversations in the order of the file; `kind` is `picture` or `text`.

    Raises:
        UserError: no such file, no JSON, an entry without `conversations`.
    """
    path = needed(inputs.source, what="`path`, its JSON file")
    for number, (place, entry) in enumerate(json_entries(path), 1):
        identifier = f"{path.name.partition('.')[0]}:{number}" if config.ids == "numbered" else None
        yield Entry(place, partial(_row, entry, identifier, inputs.images))


def _row(entry: Mapping[str, Any], identifier: str | None, folder: Path | None) -> Row:
    named = entry.get("image")
    pictures = named if isinstance(named, list) else [] if named is None else [named]
    return {
        "id": identifier or identifier_of(entry, "id"),
        "kind": "picture" if pictures else "text",
        "harmful": None,
        "messages": turns_of(value_of(entry, "conversations"), what="conversations"),
        "images": [picture_file(folder, one) for one in pictures],
        "captions": [],
    }
