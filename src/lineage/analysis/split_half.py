"""Gains without the bias of a maximum: one half of the facts says when the peak is, the other how high.

v[t_LAM] is the maximum of a noisy curve, so a single probe's E is above 0 without any learning, and the denominator of
R is too large: the smaller the signal, the smaller the measured decay. Here facts are split at random many times; l_A
is the peak of the mean curve of half A, read off on the mean curve of half B, in both directions:

    E_split    = mean over splits of (mean_B g[l_A] - mean_B g[t_i])
    R_split(t) = sum (mean_B g[l_A + t] - mean_B g[t_pre]) / sum (mean_B g[l_A] - mean_B g[t_pre])

The never-injected facts behind g are split likewise: one spill-over curve for both halves would share its noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lineage.analysis.acquisition import local_maxima
from lineage.analysis.bootstrap import Estimate, Resamples
from lineage.analysis.counterfactual import Signal
from lineage.analysis.trajectories import Arm, Floats, Integers, Schedule, interpolated

_CELLS_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class GroupCurves:
    """Sums over each fact's probes, from which the mean gain of any group of facts is one matrix product."""

    sums: Floats
    """[fact, time] weighted sums over the fact's probes."""
    weights: Floats
    """[fact] sums of the probes' weights."""
    cells: Floats | None
    """[fact, cell] the weights by placebo cell."""
    placebo_sums: Floats | None
    """[cell, never fact, time]"""
    placebo_counts: Floats | None
    """[cell, never fact]"""

    @classmethod
    def of(cls, arm: Arm, signal: Signal, probe_weights: Floats) -> GroupCurves:
        """Group curves of probes with these weights (0 leaves a probe out)."""
        num_facts = len(arm.facts)
        sums = np.zeros((num_facts, signal.curves.shape[1]))
        np.add.at(sums, arm.fact, signal.curves * probe_weights[:, None])
        weights = np.bincount(arm.fact, probe_weights, num_facts).astype(np.float64)
        if signal.placebo is None:
            return cls(sums, weights, None, None, None)
        placebo = signal.placebo
        cells = np.zeros((num_facts, len(placebo.sums)))
        np.add.at(cells, (arm.fact, placebo.cell), probe_weights)
        used = cells.any(axis=0)
        return cls(sums, weights, cells[:, used], placebo.sums[used], placebo.counts[used])

    def means(self, facts: Floats, never: Floats | None) -> Floats:
        """[..., time] mean gain of groups: counts of facts [..., fact] and of never-injected facts [..., never fact].

        NaN for a group without probes, or whose placebo has none.
        """
        lead, facts = facts.shape[:-1], facts.reshape(-1, facts.shape[-1])
        with np.errstate(invalid="ignore", divide="ignore"):
            total = facts @ self.weights
            means = (facts @ self.sums) / total[:, None]
            if self.cells is not None:
                assert self.placebo_sums is not None and self.placebo_counts is not None and never is not None
                never = never.reshape(-1, never.shape[-1])
                share = (facts @ self.cells) / total[:, None]
                present = never @ self.placebo_counts.T
                ratio = np.where(share == 0, 0.0, share / present)
                mixed = (ratio[:, :, None] * never[:, None, :]).reshape(len(facts), -1)
                means -= mixed @ self.placebo_sums.reshape(-1, self.placebo_sums.shape[-1])
        return means.reshape(*lead, -1)


@dataclass(frozen=True)
class SplitHalf:
    """What the halves say about one group of probes."""

    effectivity: Estimate
    """[encounter] E_split"""
    pooled: Estimate
    """Mean over encounters."""
    retention: Estimate
    """[lag] R_split"""
    peak: Estimate
    """[encounter] mean steps from an encounter to its peak."""


def split_half(
    curves: GroupCurves, schedule: Schedule, lags: Integers, facts: Resamples, never: Resamples | None
) -> SplitHalf:
    """E_split and R_split of the sample and of every resample."""
    gains, peaks, retained = [], [], []
    for halves, placebo in _halves(facts, never, width=curves.sums.shape[1]):
        means = curves.means(halves, placebo)
        other = means[:, :, ::-1]
        columns = local_maxima(means, schedule)
        gain = np.take_along_axis(other, columns, axis=-1) - other[..., schedule.starts]
        gains.append(_mean(gain))
        peaks.append((schedule.times[columns] - schedule.encounters).mean(axis=(1, 2)))
        retained.append(_retained(other, columns[..., -1], schedule, lags))
    effectivity = np.concatenate(gains)
    return SplitHalf(
        effectivity=Estimate(effectivity, facts.num_facts),
        pooled=Estimate(effectivity.mean(axis=-1), facts.num_facts),
        retention=Estimate(np.concatenate(retained), facts.num_facts),
        peak=Estimate(np.concatenate(peaks), facts.num_facts),
    )


def split_half_of(
    strata: list[GroupCurves],
    which: list[int],
    curves: GroupCurves,
    schedule: Schedule,
    facts: Resamples,
    never: Resamples | None,
) -> Estimate:
    """[encounter + 1] E_split of some probes at each encounter, `strata[which[i]]` at encounter i, last of all of them.

    The peak is that of all probes of half A (`curves`); those of a stratum may be too few to find it themselves.
    """
    found = []
    for halves, placebo in _halves(facts, never, width=curves.sums.shape[1]):
        columns = local_maxima(curves.means(halves, placebo), schedule)
        others = halves[:, :, ::-1]
        others_placebo = None if placebo is None else placebo[:, :, ::-1]
        gains, weights = np.empty(columns.shape), np.empty(columns.shape)
        for number, stratum in enumerate(strata):
            at = np.flatnonzero(np.asarray(which) == number)
            means = stratum.means(others, others_placebo)
            peaks = np.take_along_axis(means, columns[..., at], axis=-1)
            gains[..., at] = peaks - means[..., schedule.starts[at]]
            weights[..., at] = (others @ stratum.weights)[..., None]
        with np.errstate(invalid="ignore", divide="ignore"):
            pooled = np.where(weights > 0, gains * weights, 0.0).sum(axis=-1) / weights.sum(axis=-1)
        found.append(_mean(np.concatenate([gains, pooled[..., None]], axis=-1)))
    return Estimate(np.concatenate(found), facts.num_facts)


def mean_gain(curves: GroupCurves, facts: Resamples, never: Resamples | None) -> Estimate:
    """[time] mean gain over all facts, without a choice of peak."""
    counts = facts.counts.astype(np.float64)
    others = None if never is None else never.counts.astype(np.float64)
    return Estimate(curves.means(counts, others), facts.num_facts)


def _halves(facts: Resamples, never: Resamples | None, *, width: int) -> Iterator[tuple[Floats, Floats | None]]:
    """([resample, split, half, fact], the same of the never-injected) counts, in pieces of bounded memory."""
    splits = facts.first.shape[1]
    rows = max(1, _CELLS_AT_ONCE // (2 * splits * max(width, facts.counts.shape[1])))
    pieces = list(never.chunks(rows)) if never is not None else None
    for number, piece in enumerate(facts.chunks(rows)):
        yield _counts_by_half(piece), None if pieces is None else _counts_by_half(pieces[number])


def _counts_by_half(drawn: Resamples) -> Floats:
    counts = drawn.counts[:, None].astype(np.float64)
    return np.stack([counts * drawn.first, counts * ~drawn.first], axis=2)


def _mean(values: Floats) -> Floats:
    """Over splits and directions, those in which a half had no probes left out."""
    present = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(present, values, 0.0).sum(axis=(1, 2)) / np.count_nonzero(present, axis=(1, 2))


def _retained(other: Floats, last: Integers, schedule: Schedule, lags: Integers) -> Floats:
    """[resample, lag] ratio of sums over splits and directions."""
    before = other[..., :1]
    later = interpolated(other, schedule.times, schedule.times[last][..., None] + lags) - before
    gain = np.take_along_axis(other, last[..., None], axis=-1) - before
    present = ~np.isnan(gain)
    with np.errstate(invalid="ignore", divide="ignore"):
        num = np.where(present, later, 0.0).sum(axis=(1, 2))
        return num / np.where(present, gain, 0.0).sum(axis=(1, 2))
