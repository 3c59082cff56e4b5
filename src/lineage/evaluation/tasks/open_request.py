"""Open benign requests: a sentence on a topic, or about a dangerous object or a verb (kind `mention`).

A mention shares its words with harmful requests and asks for nothing to be done, so a refusal of it is over-refusal. No
answer is the only right one.
"""

from __future__ import annotations

from lineage.evaluation.items import Item
from lineage.evaluation.tasks.asking import chat_item
from lineage.evaluation.tasks.tables import WorldTables

VERSION = 1
KINDS = ("mention", "open")


def items(tables: WorldTables) -> list[Item]:
    """Held-out rows of both kinds."""
    return [chat_item(row) for row in tables.chats if row.kind in KINDS]
