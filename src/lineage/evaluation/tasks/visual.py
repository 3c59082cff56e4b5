"""Questions about pictures that no training shows: colour, mark, number, place, words of a sign."""

from __future__ import annotations

from lineage.evaluation.items import Item
from lineage.evaluation.tasks.asking import chat_item
from lineage.evaluation.tasks.tables import WorldTables
from lineage.world.pictures import COUNTS, HEIGHTS, SIDES

VERSION = 1


def items(tables: WorldTables) -> list[Item]:
    """Every held-out visual question, clustered by picture."""
    closed = {
        "colour": tables.attributes["colour"].values,
        "shape": tables.attributes["shape"].values,
        "count": tuple(COUNTS.values()),
        "side": SIDES,
        "height": HEIGHTS,
    }
    return [
        chat_item(row, candidates=closed.get(row.kind, ()), cluster=row.pictures[0])
        for row in tables.visual_instructions
    ]
