"""Intervals of rates and ratios, by resampling whole clusters (documents, subjects, passages)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike

from lineage.analysis.bootstrap import interval

_CELLS_AT_ONCE = 1 << 22


class Estimate(TypedDict):
    """A figure with its 95 % interval; `num_clusters` independent things stand behind `num_items`."""

    value: float | None
    low: float | None
    high: float | None
    num_items: int
    num_clusters: int


def ratio_estimate(
    numerator: ArrayLike, denominator: ArrayLike, clusters: Sequence[Hashable], *, samples: int, seed: int
) -> Estimate:
    """sum(numerator) / sum(denominator) with a bootstrap over clusters, stretched for few of them.

    The interval (`analysis.bootstrap.interval`) ends at the smallest and largest ratio of one cluster, since no sample
    of such clusters has another. A mean is the ratio with a denominator of ones. Fewer than two clusters have no
    interval, no items no value:

    >>> ratio_estimate([1, 0, 1, 1], [1, 1, 1, 1], "aabb", samples=100, seed=0)["value"]
    0.75
    """
    top, bottom = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    assert top.shape == bottom.shape == (len(clusters),)
    index = {cluster: position for position, cluster in enumerate(dict.fromkeys(clusters))}
    rows = np.fromiter((index[cluster] for cluster in clusters), dtype=np.int64, count=len(clusters))
    tops = np.bincount(rows, top, len(index))
    bottoms = np.bincount(rows, bottom, len(index))
    estimate = Estimate(value=None, low=None, high=None, num_items=len(rows), num_clusters=len(index))
    if bottoms.sum() == 0:
        return estimate
    estimate["value"] = float(tops.sum() / bottoms.sum())
    if len(index) > 1:
        resampled = _resampled_ratios(tops, bottoms, samples, seed)
        ratios = tops[bottoms > 0] / bottoms[bottoms > 0]
        ends = interval(np.asarray(estimate["value"]), resampled, clusters=len(index))
        estimate["low"], estimate["high"] = (float(np.clip(end, ratios.min(), ratios.max())) for end in ends)
    return estimate


def _resampled_ratios(tops: np.ndarray, bottoms: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """[samples] ratios of clusters drawn with replacement, in pieces of bounded memory."""
    generator = np.random.Generator(np.random.PCG64(seed))
    num_clusters = len(tops)
    at_once = max(1, _CELLS_AT_ONCE // num_clusters)
    ratios = []
    for first in range(0, samples, at_once):
        drawn = generator.integers(0, num_clusters, size=(min(at_once, samples - first), num_clusters))
        below = bottoms[drawn].sum(axis=1)
        ratios.append(tops[drawn].sum(axis=1)[below > 0] / below[below > 0])
    return np.concatenate(ratios)
