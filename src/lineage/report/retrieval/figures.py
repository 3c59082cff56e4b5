"""Figures of the retrieval study: who finds the document, rows a token, ways of decoding, narrow inner products."""

from __future__ import annotations

import pyarrow as pa

from lineage.report.lines import Axes, line_panels
from lineage.report.retrieval.dots import Words, dots
from lineage.report.theme import Chart

INTERVALS = "Whiskers: 95 % intervals over documents, whose queries are drawn together."
CHOSEN = "Of several checkpoints the one that validation queries choose."


def retrievers(table: pa.Table) -> Chart:
    """Hits@1 of every arm, a panel a set; columns as `claims.retrieval.tables.SERIES`."""
    words = Words(
        "Who finds the document?",
        "Hits@1 (share of test queries whose first document answers)",
        (CHOSEN, "Seen: a training query was about the document.", INTERVALS),
        "no retriever plays a part in the claims.",
    )
    return dots(table, words)


def clusters(table: pa.Table) -> Chart:
    """Hits@1 by rows a token."""
    words = Words(
        "How many rows does a token need?",
        "Hits@1 (share of test queries)",
        ("Down: more rows for each token of a title, up to one for each of its states.", CHOSEN, INTERVALS),
        "no retriever with another number of rows.",
    )
    return dots(table, words)


def decodings(table: pa.Table) -> Chart:
    """Hits@1 of one checkpoint by how the tree of titles is searched."""
    words = Words(
        "Does it matter how titles are decoded?",
        "Hits@1 (share of test queries)",
        ("The same checkpoint in every row.", CHOSEN, INTERVALS),
        "no retriever was searched with in another way.",
    )
    return dots(table, words)


def bottleneck(table: pa.Table) -> Chart:
    """Recall of all pairs of documents by width; columns panel, series, x (width), value, low, high."""
    axes = Axes(
        "What fits through a narrow inner product?",
        "width of the last inner product",
        ("share of answers found",),
        ("Every pair of documents answers one query.", "Free vectors are the most that any bi-encoder can do."),
        "no bottleneck in this experiment.",
    )
    return line_panels(table, axes, side=420)
