"""All figures of one arm, depth and estimator, each with its bootstrap draws."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from lineage.analysis.acquisition import (
    by_fact,
    effectivities,
    filtered_means,
    local_maxima,
    share_failed,
    without_failures,
)
from lineage.analysis.bootstrap import Estimate, Resamples
from lineage.analysis.names import NO_FIT
from lineage.analysis.retention import SHORTEST_FIT, WEIGHTS, fit_log_line, half_life, retainabilities
from lineage.analysis.split_half import SplitHalf
from lineage.analysis.trajectories import Arm, Floats, Integers

_VALUES_AT_ONCE = 1 << 22

Quantity = tuple[str, str]
"""(fit, name): ("uniform_t", "a"), ("none", "half_life_steps")."""


@dataclass(frozen=True)
class Summary:
    """What one estimator says about the probes of one depth of one arm."""

    effectivity: Estimate
    """[encounter]"""
    pooled: Estimate
    """Over all encounters."""
    lags: Integers
    retention: Estimate
    """[lag], also of fixed lags."""
    decay: dict[Quantity, Estimate]
    """The line through R(t) under both weightings; half-life; R at fixed lags."""

    @property
    def fixed(self) -> list[Quantity]:
        """R at the fixed lags that the data reach: `r_10`, `r_30`, ..."""
        return [(fit, name) for fit, name in self.decay if fit == NO_FIT and name.startswith("r_")]

    def quantities(self) -> dict[Quantity, Estimate]:
        """Everything that two summaries can be compared in."""
        first = {(NO_FIT, "effectivity"): self.pooled, (NO_FIT, "effectivity_first"): self.effectivity[0]}
        return first | self.decay


@dataclass(frozen=True)
class PaperFigures:
    """The paper's estimators on one group of probes."""

    summaries: list[Summary]
    """One a factor of the filter."""
    successes: Estimate
    """[encounter] means without failed acquisitions, with the first factor (appendix H)."""
    failed: Estimate
    """[encounter + 1] share of E <= 0 at each encounter, and last of all of them."""


def paper_figures(
    arm: Arm,
    curves: Floats,
    chosen: np.ndarray,
    *,
    lags: Integers,
    fixed: tuple[int, ...],
    factors: tuple[float, ...],
    facts: Resamples,
) -> PaperFigures:
    """Each probe's own maximum, then filtered means over probes; `chosen` is a mask over the arm's probes."""
    curves, fact, num_facts = curves[chosen], arm.fact[chosen], len(arm.facts)
    gains = by_fact(effectivities(curves, arm.schedule), fact, num_facts)
    retained = by_fact(retainabilities(curves, arm.schedule, lags), fact, num_facts)
    peaks = arm.schedule.times[local_maxima(curves, arm.schedule)] - arm.schedule.encounters
    peak = _mean_over_facts(by_fact(peaks[:, -1].astype(np.float64), fact, num_facts), facts)
    num_probes = len(curves)
    each = _filtered(gains, factors, facts, num_probes)
    pooled = _filtered(gains.reshape(num_facts, -1), factors, facts, num_probes * gains.shape[-1])
    retention = _filtered(retained, factors, facts, num_probes)
    successes = _filtered(without_failures(gains), factors[:1], facts, num_probes)[0]
    summaries = [
        Summary(each[i], pooled[i], lags, retention[i], decay_figures(lags, retention[i], fixed) | peak)
        for i in range(len(factors))
    ]
    return PaperFigures(summaries, successes, _failed(gains, facts))


def split_half_summary(halves: SplitHalf, lags: Integers, fixed: tuple[int, ...]) -> Summary:
    """The figures of the halves in the same form."""
    decay = decay_figures(lags, halves.retention, fixed)
    decay[NO_FIT, "peak_steps"] = halves.peak[-1]
    return Summary(halves.effectivity, halves.pooled, lags, halves.retention, decay)


def decay_figures(lags: Integers, retention: Estimate, fixed: tuple[int, ...]) -> dict[Quantity, Estimate]:
    """Everything that R(t) is summed up in; nothing where the data end before `SHORTEST_FIT` lags."""
    found: dict[Quantity, Estimate] = {}
    if len(lags) >= SHORTEST_FIT:
        for fit, weights in WEIGHTS.items():
            line = fit_log_line(lags, retention.rows, weights(lags))
            for name in ("a", "r1", "a_star", "r_squared"):
                limits = (-math.inf, 1.0 if name == "r_squared" else math.inf)
                found[fit, name] = Estimate(getattr(line, name), retention.clusters, limits=limits)
        found[NO_FIT, "half_life_steps"] = Estimate(half_life(lags, retention.rows), retention.clusters)
    for lag in fixed:
        at = np.flatnonzero(lags == lag)
        if len(at):
            found[NO_FIT, f"r_{lag}"] = replace(retention[int(at[0])], kept=None, total=None)
    return found


def _filtered(slots: Floats, factors: tuple[float, ...], facts: Resamples, total: int) -> list[Estimate]:
    """Filtered means [...] over the drawn facts' probes, from [fact, slot, ...] (or [fact, value])."""
    values = slots if slots.ndim == 3 else slots[..., None]
    rows = max(1, _VALUES_AT_ONCE // values.size)
    means: list[list[Floats]] = [[] for _ in factors]
    kept: list[Integers] = []
    for piece in facts.chunks(rows):
        drawn = np.moveaxis(values[piece.drawn].reshape(len(piece.drawn), -1, values.shape[-1]), 1, -1)
        found = filtered_means(np.ascontiguousarray(drawn), factors)
        kept = kept or [one.kept[0] for one in found]
        for number, one in enumerate(found):
            means[number].append(one.mean)
    estimates = []
    for number in range(len(factors)):
        mean, behind = np.concatenate(means[number]), kept[number]
        mean, behind = (mean, behind) if slots.ndim == 3 else (mean[..., 0], behind[0])
        estimates.append(Estimate(mean, facts.num_facts, kept=behind, total=np.full_like(behind, total)))
    return estimates


def _failed(gains: Floats, facts: Resamples) -> Estimate:
    """From [fact, slot, encounter]; at each encounter, and of all."""
    drawn = gains[facts.drawn].reshape(len(facts.drawn), -1, gains.shape[-1])
    each = share_failed(np.moveaxis(drawn, 1, -1))
    pooled = share_failed(drawn.reshape(len(drawn), -1))[:, None]
    return Estimate(np.concatenate([each, pooled], axis=1), facts.num_facts, limits=(0.0, 1.0))


def _mean_over_facts(slots: Floats, facts: Resamples) -> dict[Quantity, Estimate]:
    sums, counts = np.nansum(slots, axis=1), np.count_nonzero(~np.isnan(slots), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {(NO_FIT, "peak_steps"): Estimate((facts.counts @ sums) / (facts.counts @ counts), facts.num_facts)}


def paper_effectivity(arm: Arm, curves: Floats, chosen: np.ndarray, *, factor: float, facts: Resamples) -> Estimate:
    """[encounter + 1] filtered mean E at each encounter, and last of all of them: for the placebo."""
    gains = by_fact(effectivities(curves[chosen], arm.schedule), arm.fact[chosen], len(arm.facts))
    num_probes = int(np.count_nonzero(chosen))
    each = _filtered(gains, (factor,), facts, num_probes)[0]
    pooled = _filtered(gains.reshape(len(arm.facts), -1), (factor,), facts, num_probes * gains.shape[-1])[0]
    return joined(each, pooled)


def joined(each: Estimate, pooled: Estimate) -> Estimate:
    """[encounter + 1]: the last is the pooled one."""
    kept, total = (
        None if one is None or two is None else np.append(one, two)
        for one, two in ((each.kept, pooled.kept), (each.total, pooled.total))
    )
    return Estimate(np.concatenate([each.rows, pooled.rows[:, None]], axis=1), each.clusters, kept, total)
