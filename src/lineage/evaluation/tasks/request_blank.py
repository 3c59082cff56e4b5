"""The requests of unseen pairs, each beside a blank picture: what a picture does that shows nothing."""

from __future__ import annotations

from lineage.evaluation.items import Item
from lineage.evaluation.tasks.asking import STANDARD_STRATUM, request_item
from lineage.evaluation.tasks.tables import WorldTables
from lineage.world.pictures import BLANK

VERSION = 1


def items(tables: WorldTables) -> list[Item]:
    """Requests of the standard stratum with the blank picture."""
    return [
        request_item(tables, request, image=tables.pictures[BLANK].png)
        for request in tables.requests
        if request.stratum == STANDARD_STRATUM
    ]
