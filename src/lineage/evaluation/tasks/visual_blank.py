"""The visual questions of the test with a blank picture: what is right without seeing."""

from __future__ import annotations

from dataclasses import replace

from lineage.evaluation.items import Item
from lineage.evaluation.tasks import visual
from lineage.evaluation.tasks.tables import WorldTables
from lineage.world.pictures import BLANK

VERSION = visual.VERSION


def items(tables: WorldTables) -> list[Item]:
    """Test questions, the picture of each replaced by the blank one."""
    blank = tables.pictures[BLANK].png
    return [replace(item, images=(blank,)) for item in visual.items(tables) if item.split == "test"]
