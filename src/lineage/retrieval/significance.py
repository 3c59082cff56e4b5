"""Whether one retriever beats another on the same queries: a paired randomisation test and a bootstrap interval."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lineage.evaluation.statistics import ratio_estimate

SAMPLES = 10_000
_CELLS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Comparison:
    """The mean difference of two retrievers over queries, first minus second."""

    difference: float
    low: float | None
    """End of the 95 % interval; None where there is one cluster only."""
    high: float | None
    p: float
    """Two-sided: how often coins give a difference as large."""
    num_queries: int
    num_clusters: int


def compare(
    first: ArrayLike, second: ArrayLike, clusters: Sequence[Hashable], *, samples: int = SAMPLES, seed: int = 0
) -> Comparison:
    """Paired over queries, which are resampled (and flipped) by cluster: the title that they are about, or themselves.

    With several seeds of a retriever, give the mean over seeds of each query.

    >>> compare([1, 1, 0], [1, 1, 0], "abc", samples=100).p
    1.0

    Raises:
        ValueError: no query.
    """
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    if not len(differences):
        raise ValueError("retrievers are compared on one query or more")
    assert differences.shape == (len(clusters),), "both on the same queries"
    estimate = ratio_estimate(differences, np.ones(len(differences)), clusters, samples=samples, seed=seed)
    assert estimate["value"] is not None
    p = sign_flip(differences, clusters, samples=samples, seed=seed)
    return Comparison(
        estimate["value"], estimate["low"], estimate["high"], p, estimate["num_items"], estimate["num_clusters"]
    )


def sign_flip(differences: ArrayLike, clusters: Sequence[Hashable], *, samples: int, seed: int) -> float:
    """Two-sided p-value that the mean difference is 0: in each sample a coin swaps the two retrievers in each cluster.

    The sample itself counts as one of the randomisations, so p is never 0 (Phipson and Smyth 2010).
    """
    values = np.asarray(differences, dtype=np.float64)
    index = {cluster: position for position, cluster in enumerate(dict.fromkeys(clusters))}
    sums = np.bincount([index[one] for one in clusters], values, len(index))
    observed = abs(sums.sum())
    slack = 1e-12 * np.abs(values).sum()
    generator = np.random.Generator(np.random.PCG64(seed))
    at_once = max(1, _CELLS_AT_ONCE // len(sums))
    as_large = 0
    for first in range(0, samples, at_once):
        signs = generator.integers(0, 2, size=(min(at_once, samples - first), len(sums))) * 2 - 1
        as_large += int((np.abs(signs @ sums) >= observed - slack).sum())
    return (1 + as_large) / (1 + samples)
