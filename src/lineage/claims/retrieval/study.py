"""What one slice of the retrieval study measured: every query of every run, the bottleneck, what a reader answered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from lineage.claims.claim import Measured, NotMeasured
from lineage.config.retrieval_study import RetrievalStudy
from lineage.evaluation.paired import Draws, Resampled, draws

HITS = "hits@1"
"""What validation chooses by, and most claims read."""
TEST, VALIDATION = "test", "validation"


@dataclass(frozen=True)
class Queries:
    """Queries of one set that a figure is a mean over."""

    set: str
    split: str = TEST
    documents: str = "all"
    """`seen`, `unseen` or `all`."""


@dataclass(frozen=True)
class Study:
    """Everything that the rows of the claims are measured from."""

    config: RetrievalStudy
    queries: Mapping[str, pd.DataFrame]
    """By set: `queries.parquet` of its scores, a row a retriever and query with every measure."""
    bottleneck: pd.DataFrame | None = None
    """`recall.csv`: arm, dimension, recall."""
    readings: pa.Table | None = None
    """What a reader answers with which passage (X3)."""
    reading_forecast: pa.Table | None = None
    """What was foretold of that."""
    bootstrap_samples: int = 2000
    bootstrap_seed: int = 0
    _drawn: dict[tuple[str, ...], Draws] = field(default_factory=dict, repr=False)

    def trials(self, arm: str, *, set: str | None = None) -> list[str]:
        """Retrievers of an arm, on the set of the claims or another.

        Raises:
            NotMeasured: none plays the part.
        """
        name = set or self.config.set
        found = self.config.roles[name].arms.get(arm, []) if name in self.config.roles else []
        if not found:
            raise NotMeasured(f"no retriever plays the part `{arm}` on the set `{name}`")
        return found

    def figure(self, retriever: str, measure: str = HITS, *, of: Queries | None = None) -> Resampled:
        """Mean of a measure of one retriever, resampled by what queries share: their title or document.

        Raises:
            NotMeasured: it was not scored, no such query, a measure that is undefined for one.
        """
        rows = self._rows(retriever, of or Queries(self.config.set))
        values = rows[measure].to_numpy(dtype=np.float64)
        if not np.isfinite(values).all():
            raise NotMeasured(f"{measure} is undefined for a query without a relevant document")
        return self._draws(rows).resampled(values)

    def _rows(self, retriever: str, of: Queries) -> pd.DataFrame:
        """Rows of one retriever in order of the queries' ids: the same for every retriever."""
        table = self.queries.get(of.set)
        if table is None:
            raise NotMeasured(f"no retriever was scored on `{of.set}`")
        counted = table["retriever"].eq(retriever).to_numpy() & table["split"].eq(of.split).to_numpy()
        if not counted.any():
            raise NotMeasured(f"retriever {retriever} was not scored on the {of.split} queries of `{of.set}`")
        if of.set == self.config.set and self.config.kind is not None:
            counted &= table["kind"].eq(self.config.kind).to_numpy()
        if of.documents != "all":
            counted &= table["seen"].eq(of.documents == "seen").to_numpy()
        if not counted.any():
            raise NotMeasured(f"no {of.split} query of `{of.set}` is about {of.documents} documents")
        return table.loc[counted].sort_values("query")

    def _draws(self, rows: pd.DataFrame) -> Draws:
        clusters = tuple(cluster or query for cluster, query in zip(rows["cluster"], rows["query"], strict=True))
        if clusters not in self._drawn:
            self._drawn[clusters] = draws([clusters], samples=self.bootstrap_samples, seed=self.bootstrap_seed)
        return self._drawn[clusters]


def measured(figure: Resampled, **more: Any) -> Measured:
    """A row's figure with its interval.

    Raises:
        NotMeasured: it is undefined.
    """
    if not math.isfinite(figure.value):
        raise NotMeasured("undefined: nothing to divide by")
    low, high = figure.bounds or (None, None)
    return Measured(figure.value, low, high, figure.items, **more)


def slope(positions: Sequence[float], figures: Sequence[Resampled]) -> Resampled:
    """Least-squares slope of figures over their positions, draw by draw.

    >>> one = Resampled(1.0, np.ones(2), 3, 3)
    >>> slope([0.0, 2.0], [one, one + 1.0]).value
    0.5
    """
    x: NDArray[np.float64] = np.asarray(positions, dtype=np.float64)
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    first, *others = [figure * float(weight) for figure, weight in zip(figures, weights, strict=True)]
    return sum(others, start=first)
