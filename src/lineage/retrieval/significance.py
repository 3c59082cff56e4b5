"""Whether one retriever beats another on the same queries: paired randomisation tests and bootstrap intervals.

Queries are resampled and flipped by cluster: the title or document that they are about, or each by itself. With
several seeds of a retriever, give the mean over seeds of each query. Many figures are done at once, on the same draws.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SAMPLES = 10_000
_CELLS_AT_ONCE = 1 << 22
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Means:
    """Means over queries with their 95 % intervals; every array is [figure]."""

    value: Floats
    low: Floats
    """End of the interval; NaN where there is one cluster only."""
    high: Floats
    num_queries: NDArray[np.int64]
    """Queries for which the figure is defined."""
    num_clusters: int


@dataclass(frozen=True)
class Comparison:
    """The mean difference of two retrievers over queries, first minus second."""

    difference: float
    low: float
    high: float
    p: float
    """Two-sided: how often coins give a difference as large."""
    num_queries: int
    num_clusters: int


def compare(
    first: ArrayLike, second: ArrayLike, clusters: Sequence[Hashable], *, samples: int = SAMPLES, seed: int = 0
) -> Comparison:
    """One figure of two retrievers, paired over queries.

    >>> compare([1, 1, 0], [1, 1, 0], "abc", samples=100).p
    1.0

    Raises:
        ValueError: no query.
    """
    differences = (np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64))[:, None]
    found = means(differences, clusters, samples=samples, seed=seed)
    p = sign_flip(differences, clusters, samples=samples, seed=seed)
    return Comparison(
        found.value.item(), found.low.item(), found.high.item(), p.item(), len(differences), found.num_clusters
    )


def means(values: Floats, clusters: Sequence[Hashable], *, samples: int = SAMPLES, seed: int = 0) -> Means:
    """Means of [query, figure] over queries, with a percentile bootstrap over clusters; NaN values are left out.

    Raises:
        ValueError: no query.
    """
    sums, counts = _by_cluster(values, clusters), _by_cluster(np.isfinite(values).astype(float), clusters)
    num_clusters, num_figures = sums.shape
    defined = counts.sum(axis=0)
    with np.errstate(invalid="ignore"):
        value = sums.sum(axis=0) / defined
    low = high = np.full(num_figures, np.nan)
    if num_clusters > 1:
        generator = np.random.Generator(np.random.PCG64(seed))
        rows = []
        for size in _pieces(samples, num_clusters):
            drawn = generator.multinomial(num_clusters, np.full(num_clusters, 1 / num_clusters), size=size)
            with np.errstate(invalid="ignore"):
                rows.append((drawn @ sums) / (drawn @ counts))
        low, high = np.nanquantile(np.concatenate(rows), [0.025, 0.975], axis=0)
    return Means(value, low, high, defined.astype(np.int64), num_clusters)


def sign_flip(
    differences: Floats, clusters: Sequence[Hashable], *, samples: int = SAMPLES, seed: int = 0
) -> NDArray[np.float64]:
    """[figure] two-sided p-values that mean differences [query, figure] are 0: coins swap the retrievers by cluster.

    The sample itself counts as one of the randomisations, so p is never 0 (Phipson and Smyth 2010).

    Raises:
        ValueError: no query.
    """
    sums = _by_cluster(differences, clusters)
    slack = 1e-12 * np.abs(sums).sum(axis=0)
    observed = np.abs(sums.sum(axis=0)) - slack
    generator = np.random.Generator(np.random.PCG64(seed))
    as_large = np.zeros(sums.shape[1])
    for size in _pieces(samples, len(sums)):
        signs = generator.integers(0, 2, size=(size, len(sums))) * 2.0 - 1.0
        as_large += (np.abs(signs @ sums) >= observed).sum(axis=0)
    return (1 + as_large) / (1 + samples)


def _by_cluster(values: Floats, clusters: Sequence[Hashable]) -> Floats:
    """[cluster, figure] sums of [query, figure]; NaN counts nothing."""
    if not len(clusters):
        raise ValueError("retrievers are compared on one query or more")
    assert values.ndim == 2 and len(values) == len(clusters), "a row a query"
    index = {cluster: position for position, cluster in enumerate(dict.fromkeys(clusters))}
    sums = np.zeros((len(index), values.shape[1]))
    np.add.at(sums, [index[one] for one in clusters], np.nan_to_num(values, nan=0.0))
    return sums


def _pieces(samples: int, num_clusters: int) -> Iterator[int]:
    """Sizes of pieces that sum to `samples` and fit the memory."""
    at_once = max(1, _CELLS_AT_ONCE // num_clusters)
    for first in range(0, samples, at_once):
        yield min(at_once, samples - first)
