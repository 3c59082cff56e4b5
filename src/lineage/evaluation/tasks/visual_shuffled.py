"""The visual questions of the test with the picture of another question of their kind: what is right by chance."""

from __future__ import annotations

from dataclasses import replace

from lineage.evaluation.items import Item
from lineage.evaluation.tasks import visual
from lineage.evaluation.tasks.tables import WorldTables

VERSION = visual.VERSION


def items(tables: WorldTables) -> list[Item]:
    """Test questions; inside each kind pictures move on by half the number of questions, at least by one."""
    asked = [item for item in visual.items(tables) if item.split == "test"]
    by_kind: dict[str, list[Item]] = {}
    for item in asked:
        by_kind.setdefault(item.kind, []).append(item)
    shown = {
        item.id: alike[(place + max(1, len(alike) // 2)) % len(alike)].images
        for alike in by_kind.values()
        for place, item in enumerate(alike)
    }
    return [replace(item, images=shown[item.id]) for item in asked]
