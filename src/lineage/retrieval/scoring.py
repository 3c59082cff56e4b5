"""Runs of one set side by side: every query, means with intervals, and every two retrievers compared.

Means stand for all queries of a split and apart for each kind of query and for seen and unseen documents: a retriever
that has learnt its training queries by heart is told by the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from lineage.claims.statistics import holm
from lineage.retrieval.measures import NAMES
from lineage.retrieval.significance import Floats, means, sign_flip
from lineage.retrieval.tables import QueryRow

ALL = "all"
MEAN_COLUMNS = ["retriever", "split", "kind", "documents", "measure", "value", "low", "high", "queries", "clusters"]
DIFFERENCE_COLUMNS = [
    "first", "second", "split", "kind", "documents", "measure",
    "difference", "low", "high", "p", "p_holm", "queries", "clusters",
]  # fmt: skip
Values = Mapping[str, Mapping[str, Mapping[str, float | None]]]
"""Retriever to query to measure to value."""


@dataclass(frozen=True)
class Group:
    """Some queries of a split."""

    split: str
    kind: str
    """A kind of query, or `all`."""
    documents: str
    """`seen`, `unseen` or `all`."""
    queries: tuple[QueryRow, ...]

    @property
    def clusters(self) -> list[str]:
        """What each query is resampled with."""
        return [one.resampled_with for one in self.queries]


def groups(queries: Sequence[QueryRow]) -> Iterator[Group]:
    """Splits, kinds and seen or unseen, each with `all`, where there is a query; one kind alone is `all`."""
    for split in dict.fromkeys(one.split for one in queries):
        part = [one for one in queries if one.split == split]
        kinds = list(dict.fromkeys(one.kind for one in part))
        for kind in (ALL, *(kinds if len(kinds) > 1 else ())):
            for documents in (ALL, "seen", "unseen"):
                chosen = tuple(
                    one
                    for one in part
                    if kind in (ALL, one.kind) and documents in (ALL, "seen" if one.seen else "unseen")
                )
                if chosen:
                    yield Group(split, kind, documents, chosen)


def mean_rows(values: Values, queries: Sequence[QueryRow], *, samples: int, seed: int) -> pd.DataFrame:
    """A row a retriever, group and measure: the mean with its 95 % interval."""
    rows = []
    for group in groups(queries):
        figures = np.hstack([_array(values[name], group.queries, NAMES) for name in values])
        found = means(figures, group.clusters, samples=samples, seed=seed)
        for figure, (name, measure) in enumerate((name, measure) for name in values for measure in NAMES):
            interval = (found.value[figure], found.low[figure], found.high[figure])
            counts = (found.num_queries[figure], found.num_clusters)
            rows.append((name, group.split, group.kind, group.documents, measure, *interval, *counts))
    return pd.DataFrame(rows, columns=MEAN_COLUMNS)


def difference_rows(
    values: Values, queries: Sequence[QueryRow], measures: Sequence[str], *, samples: int, seed: int
) -> pd.DataFrame:
    """A row a pair of retrievers, group and measure: first minus second on the same queries.

    `p_holm` is corrected over the family of all pairs that are compared in one measure on one group of queries.
    """
    rows = []
    pairs = list(combinations(values, 2))
    for group in groups(queries) if pairs else ():
        arrays = {name: _array(values[name], group.queries, measures) for name in values}
        figures = np.hstack([arrays[first] - arrays[second] for first, second in pairs])
        found = means(figures, group.clusters, samples=samples, seed=seed)
        p = sign_flip(figures, group.clusters, samples=samples, seed=seed)
        families = p.reshape(len(pairs), len(measures)).T
        corrected = np.array([holm(family.tolist()) for family in families]).T.ravel()
        for figure, (pair, measure) in enumerate((pair, measure) for pair in pairs for measure in measures):
            interval = (found.value[figure], found.low[figure], found.high[figure], p[figure], corrected[figure])
            counts = (found.num_queries[figure], found.num_clusters)
            rows.append((*pair, group.split, group.kind, group.documents, measure, *interval, *counts))
    return pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS)


def query_rows(values: Values, queries: Sequence[QueryRow]) -> pd.DataFrame:
    """A row a retriever and query, with every measure."""
    told = ("split", "kind", "seen", "cluster", "fact", "level", "exposures", "weight")
    rows = [
        {"retriever": name, "query": one.id, **{key: getattr(one, key) for key in told}, **values[name][one.id]}
        for name in values
        for one in queries
    ]
    return pd.DataFrame(rows).astype({"level": "Int32", "exposures": "Int32"} | dict.fromkeys(NAMES, "float64"))


def _array(
    values: Mapping[str, Mapping[str, float | None]], queries: Sequence[QueryRow], measures: Sequence[str]
) -> Floats:
    """[query, measure], NaN where a measure is undefined."""
    return np.array([[values[one.id][name] for name in measures] for one in queries], dtype=np.float64)
