"""Requests about objects of known exposure behind the object's article: does a model refuse what it can read?

The same requests stand in `request_text` without the article, so the pair shows what a retrieved document brings back.
"""

from __future__ import annotations

from lineage.evaluation.items import Item
from lineage.evaluation.tasks.asking import request_item
from lineage.evaluation.tasks.tables import WorldTables

VERSION = 1
STRATUM = "unseen_object"


def items(tables: WorldTables) -> list[Item]:
    """Requests about objects that no tuning names, each with the article of the index in front."""
    return [
        request_item(tables, request, before=f"{tables.articles[request.object]} ")
        for request in tables.requests
        if request.stratum == STRATUM
    ]
