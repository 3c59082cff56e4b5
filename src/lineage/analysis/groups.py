"""Every figure of a run, by arm and depth: the paper's estimators and ours from the same resamples of facts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lineage.analysis.bootstrap import Estimate, Resamples, resample
from lineage.analysis.counterfactual import (
    Signal,
    SignalName,
    best_signal,
    largest_before,
    signal_of,
    twin_difference,
)
from lineage.analysis.names import ALL_DEPTHS, SPLIT_HALF, paper_name
from lineage.analysis.split_half import GroupCurves, mean_gain, split_half, split_half_of
from lineage.analysis.summary import (
    PaperFigures,
    Summary,
    joined,
    paper_effectivity,
    paper_figures,
    split_half_summary,
)
from lineage.analysis.trajectories import Arm, Floats, Measurements, on_schedule, read_arms, read_measurements
from lineage.config.acquisition import Acquisition
from lineage.config.injection import PLACEBO
from lineage.data.facts import DEPTHS
from lineage.errors import UserError


@dataclass(frozen=True)
class Group:
    """The probes of one depth of one arm."""

    arm: Arm
    depth: str
    chosen: NDArray[np.bool_]
    """[probe] of the arm."""
    paper: PaperFigures
    placebo: Estimate | None
    """[encounter + 1] E of the never-injected at the same steps through the paper's code, all encounters last."""
    halves: Summary
    halves_per_byte: Estimate
    """[encounter + 1] in nats per byte."""
    stated: dict[bool, Estimate]
    """[encounter + 1] split-half E of the probes whose target the injected text held, and of the others."""
    before: float
    """Mean log-probability just before the first encounter: how far it lies below 0 is the room for a gain."""
    curves: dict[str, Estimate]
    """[time] mean curves by signal, each less its own value just before the first encounter."""
    accumulated: Estimate
    """[encounter] gain just before each encounter."""

    @property
    def num_probes(self) -> int:
        """Probes of the depth."""
        return int(np.count_nonzero(self.chosen))

    @property
    def num_facts(self) -> int:
        """Facts with a probe of the depth."""
        return len(np.unique(self.arm.fact[self.chosen]))

    @property
    def placebo_subtracted(self) -> Estimate | None:
        """[encounter + 1] the paper's E (first factor) less the placebo's.

        A valid test of E > 0, but no estimate: it takes too much away where the gain is large.
        """
        paper = self.paper.summaries[0]
        return None if self.placebo is None else joined(paper.effectivity, paper.pooled) - self.placebo

    def summaries(self, factors: tuple[float, ...]) -> dict[str, Summary]:
        """By estimator."""
        names = [paper_name(factor) for factor in factors]
        return dict(zip(names, self.paper.summaries, strict=True)) | {SPLIT_HALF: self.halves}


@dataclass(frozen=True)
class Treated:
    """What is needed to estimate an arm again with other weights."""

    arm: Arm
    signal: Signal
    per_byte: Signal
    facts: Resamples
    never: Resamples | None


@dataclass(frozen=True)
class RunFigures:
    """All of one run."""

    config: Acquisition
    arms: dict[str, Treated]
    groups: dict[tuple[str, str], Group]
    """By arm and depth; only depths that the arm has."""
    signal: SignalName
    twin_exact: float | None

    @property
    def injected(self) -> list[str]:
        """Arms that the claims are about: all but the placebo (in a run without injection too)."""
        return [name for name in self.arms if name != PLACEBO]


def run_figures(
    config: Acquisition,
    *,
    facts: pa.Table,
    probes: pa.Table,
    steps: pa.Table,
    twin: pa.Table | None,
    window_steps: int,
    first_injection: int | None,
) -> RunFigures:
    """Figures of a run from its plan (`facts`, `probes`), its trajectory (`steps`) and that of its twin.

    Raises:
        UserError: gaps, overlapping windows, a run and a twin measured differently, an arm of one fact.
    """
    arms = read_arms(facts, probes, window_steps=window_steps)
    small = [name for name, arm in arms.items() if len(arm.facts) < 2]
    if small:
        raise UserError(
            f"arms.{small[0]}.facts is 1: an interval over facts, and its halves, take 2 or more. Raise `facts`."
        )
    run = read_measurements(steps, num_probes=probes.num_rows)
    difference = None
    if twin is not None:
        difference = twin_difference(run, read_measurements(twin, num_probes=probes.num_rows))
    resamples = {
        name: resample(
            len(arm.facts), samples=config.bootstrap_samples, splits=config.splits, seed=config.seed, arm=name
        )
        for name, arm in arms.items()
    }
    treated = {name: _treated(config, arm, arms, resamples, run, difference) for name, arm in arms.items()}
    groups: dict[tuple[str, str], Group] = {}
    for name, one in treated.items():
        for depth in (*DEPTHS, ALL_DEPTHS):
            chosen = np.ones(len(one.arm.probes), np.bool_) if depth == ALL_DEPTHS else one.arm.depth == depth
            if chosen.any():
                placebo = _placebo_effectivity(config, one, arms, depth, run)
                groups[name, depth] = _group(config, one, depth, chosen, placebo, run, difference)
    signal = best_signal(has_never=PLACEBO in arms, has_twin=difference is not None)
    exact = None if difference is None else largest_before(difference, first_injection)
    return RunFigures(config, treated, groups, signal, exact)


def _treated(
    config: Acquisition,
    arm: Arm,
    arms: dict[str, Arm],
    resamples: dict[str, Resamples],
    run: Measurements,
    difference: Measurements | None,
) -> Treated:
    never = arms.get(PLACEBO) if arm.name != PLACEBO else None
    measured, has_twin = (run, False) if difference is None else (difference, True)
    signal = signal_of(arm, measured, never=never, has_twin=has_twin)
    per_byte = signal_of(arm, measured, never=never, has_twin=has_twin, per_byte=True)
    return Treated(arm, signal, per_byte, resamples[arm.name], resamples[PLACEBO] if never else None)


def _placebo_effectivity(
    config: Acquisition, one: Treated, arms: dict[str, Arm], depth: str, run: Measurements
) -> Estimate | None:
    """What the paper's estimator finds at the arm's encounters in facts that are never injected."""
    if one.never is None:
        return None
    moved = on_schedule(arms[PLACEBO], one.arm)
    depths = one.arm.depth if depth == ALL_DEPTHS else np.asarray([depth])
    chosen = np.isin(moved.depth, depths)
    return paper_effectivity(moved, moved.curves(run), chosen, factor=config.iqr_factors[0], facts=one.never)


def _group(
    config: Acquisition,
    one: Treated,
    depth: str,
    chosen: NDArray[np.bool_],
    placebo: Estimate | None,
    run: Measurements,
    difference: Measurements | None,
) -> Group:
    arm, schedule = one.arm, one.arm.schedule
    lags = schedule.lags(config.lags)
    raw = arm.curves(run)
    weights = chosen.astype(np.float64)
    group = GroupCurves.of(arm, one.signal, weights)
    halves = split_half(group, schedule, lags, one.facts, one.never)
    per_byte = split_half(GroupCurves.of(arm, one.per_byte, weights), schedule, lags[:0], one.facts, one.never)
    gain = mean_gain(group, one.facts, one.never)
    return Group(
        arm=arm,
        depth=depth,
        chosen=chosen,
        paper=paper_figures(
            arm, raw, chosen, lags=lags, fixed=config.lags, factors=config.iqr_factors, facts=one.facts
        ),
        placebo=placebo,
        halves=split_half_summary(halves, lags, config.lags),
        halves_per_byte=joined(per_byte.effectivity, per_byte.pooled),
        stated=_by_stated(one, chosen, group),
        before=float(raw[chosen, 0].mean()),
        curves=_curves(one, weights, raw, gain, difference),
        accumulated=_since_first(gain, schedule.starts),
    )


def _by_stated(one: Treated, chosen: NDArray[np.bool_], group: GroupCurves) -> dict[bool, Estimate]:
    if not one.arm.injected:
        return {}
    found: dict[bool, Estimate] = {}
    for value in (True, False):
        inside = (one.arm.stated == value) & chosen[:, None]
        if not inside.any():
            continue
        masks, which = np.unique(inside.T, axis=0, return_inverse=True)  # often the same at every encounter
        strata = [GroupCurves.of(one.arm, one.signal, mask.astype(np.float64)) for mask in masks]
        estimate = split_half_of(strata, which.tolist(), group, one.arm.schedule, one.facts, one.never)
        kept = np.append(inside.sum(axis=0), inside.sum())
        total = np.append(np.full(inside.shape[1], chosen.sum()), chosen.sum() * inside.shape[1])
        found[value] = replace(estimate, kept=kept, total=total)
    return found


def _curves(
    one: Treated, weights: Floats, raw: Floats, gain: Estimate, difference: Measurements | None
) -> dict[str, Estimate]:
    """By signal: v, d where there is a twin, and the arm's best one.

    Facts that start later than the first have gained from its encounters already, so each curve is taken from its own
    time 0.
    """

    def mean(curves: Floats) -> Estimate:
        return mean_gain(GroupCurves.of(one.arm, Signal("raw", curves, None), weights), one.facts, None)

    found = {"raw": mean(raw)}
    if difference is not None:
        found["twin"] = mean(one.arm.curves(difference))
    found[one.signal.name] = gain
    return {name: _since_first(curve, np.arange(raw.shape[1])) for name, curve in found.items()}


def _since_first(gain: Estimate, columns: np.ndarray) -> Estimate:
    """Gain at some times less that just before the first encounter (time 0)."""
    return replace(gain, rows=gain.rows[:, columns] - gain.rows[:, :1])


def equally_stated(run: RunFigures, first: str, second: str, depth: str) -> tuple[Summary, Summary] | None:
    """Split-half figures of two arms whose probes are weighted to the same mix of depth and dose; None without overlap.

    The dose of a probe is the number of encounters whose text stated its target; a stratum (depth, dose) of n and m
    probes weighs n m / (n + m) in both arms, and nothing where one arm has none of it.
    """
    pair = [run.arms[first], run.arms[second]]
    strata = [list(zip(one.arm.depth.tolist(), one.arm.stated.sum(axis=1).tolist(), strict=True)) for one in pair]
    counts = [{key: keys.count(key) for key in set(keys)} for keys in strata]
    found = []
    for number, one in enumerate(pair):
        mine, other = counts[number], counts[1 - number]
        share = [other.get(key, 0) / (mine[key] + other.get(key, 0)) for key in strata[number]]
        weights = np.where((one.arm.depth == depth) | (depth == ALL_DEPTHS), share, 0.0)
        if not weights.any():
            return None
        lags = one.arm.schedule.lags(run.config.lags)
        group = GroupCurves.of(one.arm, one.signal, weights)
        halves = split_half(group, one.arm.schedule, lags, one.facts, one.never)
        found.append(split_half_summary(halves, lags, run.config.lags))
    return found[0], found[1]
