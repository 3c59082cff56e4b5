"""Instructions with one right answer: repeat, first, last, which of these is a colour."""

from __future__ import annotations

from lineage.evaluation.items import Item
from lineage.evaluation.tasks.asking import chat_item
from lineage.evaluation.tasks.tables import WorldTables

VERSION = 1


def items(tables: WorldTables) -> list[Item]:
    """Held-out instructions."""
    return [chat_item(row) for row in tables.chats if row.kind == "instruction"]
