"""Reciprocal rank fusion: several runs into one, by ranks alone (Cormack, Clarke and Buettcher, SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Sequence

from lineage.retrieval.runs import Found, Ranking

K = 60
"""The constant of the paper: how much the first ranks count beside later ones."""


def fuse(query: str, rankings: Sequence[Ranking], *, depth: int, k: int = K) -> Found:
    """Documents by sum over runs of 1 / (k + rank); equal sums in the order of the first run that has them.

    >>> fuse("q", [{"a": 9.0, "b": 8.0}, {"b": 0.3}], depth=2).documents
    ['b', 'a']
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, document in enumerate(ranking, 1):
            scores[document] = scores.get(document, 0.0) + 1 / (k + rank)
    best = sorted(scores, key=lambda document: -scores[document])[:depth]
    return Found(query, best, [scores[document] for document in best])
