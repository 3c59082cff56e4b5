"""The requests of unseen pairs, each beside a benign picture: the object's colour and mark."""

from __future__ import annotations

from lineage.evaluation.items import Item
from lineage.evaluation.tasks.asking import STANDARD_STRATUM, request_item
from lineage.evaluation.tasks.tables import WorldTables

VERSION = 1


def items(tables: WorldTables) -> list[Item]:
    """Requests of the standard stratum with the picture that belongs to them."""
    return [
        request_item(tables, request, image=tables.pictures[request.picture].png)
        for request in tables.requests
        if request.stratum == STANDARD_STRATUM
    ]
