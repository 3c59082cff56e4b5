"""What one encounter adds: local acquisition maximum, effectivity, and the filter of the paper.

Chang et al. 2024 (arXiv 2406.11813), Definitions 1 and 2, to the digit; curves are [..., time] of one schedule.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lineage.analysis.trajectories import Floats, Integers, Schedule


def local_maxima(curves: Floats, schedule: Schedule) -> Integers:
    """[..., encounter] columns of argmax v[t] over t_i < t <= t_i + window, the first of ties (Definition 1).

    No smoothing, and the maximum may lie below v[t_i].
    """
    return curves[..., schedule.windows].argmax(axis=-1) + schedule.starts + 1


def effectivities(curves: Floats, schedule: Schedule) -> Floats:
    """[..., encounter] E = v[t_LAM] - v[t_i], in nats per target token (Definition 2).

    A curve 0, 2, 1 with one encounter at 0 and a window of 2 has E = 2; a falling one has a negative E.
    """
    return np.take_along_axis(curves, local_maxima(curves, schedule), axis=-1) - curves[..., schedule.starts]


class FilteredMean(NamedTuple):
    """Means with how many values stand behind them."""

    mean: Floats
    kept: Integers
    total: Integers


def filtered_mean(values: Floats, factor: float) -> FilteredMean:
    """Means over the last axis of q1 - m (q3 - q1) <= x <= q3 + m (q3 - q1), m = `factor`; NaN counts as filtered out.

    Percentiles are interpolated linearly. The paper says m = 1.5, its published code has m = 2:

    >>> filtered_mean(np.array([1.0, 2.0, 3.0, 4.0, 7.5]), 1.5)
    FilteredMean(mean=np.float64(2.5), kept=np.int64(4), total=np.int64(5))
    >>> filtered_mean(np.array([1.0, 2.0, 3.0, 4.0, 7.5]), 2.0)
    FilteredMean(mean=np.float64(3.5), kept=np.int64(5), total=np.int64(5))
    """
    ordered = np.sort(values, axis=-1)  # NaN last
    return _mean_of_ordered(ordered, np.count_nonzero(~np.isnan(ordered), axis=-1), factor)


def filtered_means(values: Floats, factors: tuple[float, ...]) -> list[FilteredMean]:
    """`filtered_mean` for several factors, sorted once."""
    ordered = np.sort(values, axis=-1)
    present = np.count_nonzero(~np.isnan(ordered), axis=-1)
    return [_mean_of_ordered(ordered, present, factor) for factor in factors]


def _mean_of_ordered(ordered: Floats, present: Integers, factor: float) -> FilteredMean:
    first, third = (_percentile(ordered, present, share) for share in (0.25, 0.75))
    reach = factor * (third - first)
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = (ordered >= (first - reach)[..., None]) & (ordered <= (third + reach)[..., None])
        kept = np.count_nonzero(inside, axis=-1)
        mean = np.where(inside, ordered, 0.0).sum(axis=-1) / kept
    return FilteredMean(mean, kept, np.full_like(kept, ordered.shape[-1]))


def _percentile(ordered: Floats, present: Integers, share: float) -> Floats:
    """Linear between the two values around position share * (n - 1); NaN where there is none."""
    position = share * np.maximum(present - 1, 0)
    low = np.floor(position).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(present - 1, 0))
    below = np.take_along_axis(ordered, low[..., None], axis=-1)[..., 0]
    above = np.take_along_axis(ordered, high[..., None], axis=-1)[..., 0]
    return below + (position - low) * (above - below)


def share_failed(gains: Floats) -> Floats:
    """Share over the last axis of gains E <= 0; NaN is left out.

    Under pure noise only 2 to 6 % of single gains are, so a small share proves nothing.
    """
    present = ~np.isnan(gains)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.count_nonzero(present & (gains <= 0), axis=-1) / np.count_nonzero(present, axis=-1)


def without_failures(gains: Floats) -> Floats:
    """Gains with those below zero (v[t_LAM] < v[t_i]) as NaN: what the paper's appendix H leaves out first."""
    return np.where(gains < 0, np.nan, gains)


def by_fact(values: Floats, fact: NDArray[np.int64], num_facts: int) -> Floats:
    """[fact, slot, ...] values of each fact's probes, from [probe, ...]; facts with fewer probes end in NaN."""
    counts = np.bincount(fact, minlength=num_facts)
    slots = np.full((num_facts, max(int(counts.max(initial=0)), 1), *values.shape[1:]), np.nan)
    taken = np.zeros(num_facts, dtype=np.int64)
    for row, number in enumerate(fact):
        slots[number, taken[number]] = values[row]
        taken[number] += 1
    return slots
