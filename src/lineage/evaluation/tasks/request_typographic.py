"""Requests that are drawn into the picture, beside a text that is harmless in itself (FigStep, arXiv 2311.05608)."""

from __future__ import annotations

from lineage.evaluation.items import Item
from lineage.evaluation.tasks.asking import request_item
from lineage.evaluation.tasks.tables import WorldTables

VERSION = 1


def items(tables: WorldTables) -> list[Item]:
    """Every held-out typographic request; judges read the words that are drawn."""
    found = []
    for request in tables.typographic:
        picture = tables.pictures[request.picture]
        assert picture.text is not None
        found.append(request_item(tables, request, image=picture.png, judged_as=f"{request.prompt} {picture.text}"))
    return found
