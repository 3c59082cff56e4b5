"""Requests in text, harmful ones and their look-alikes, of every stratum."""

from __future__ import annotations

from lineage.evaluation.items import Item
from lineage.evaluation.tasks.asking import request_item
from lineage.evaluation.tasks.tables import WorldTables

VERSION = 1


def items(tables: WorldTables) -> list[Item]:
    """Every held-out request."""
    return [request_item(tables, request) for request in tables.requests]
