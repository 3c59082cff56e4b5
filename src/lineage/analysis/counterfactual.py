"""What would have been without the injection: the twin run, and the facts that are never injected.

d_q[t] = v_q[t] - v'_q[t] against the twin (same checkpoint, batches and rate; nothing injected), which must be exactly
0 up to the first injection. Spill-over L[t] = mean over never-injected probes of d, gain g = d - L (difference in
differences, cf. arXiv 2406.04327). L is taken at the same step of the run and, as probes of another form may gain
otherwise, over probes of the same depth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lineage.analysis.trajectories import Arm, Floats, Integers, Measurements
from lineage.errors import UserError

SignalName = Literal["raw", "drift", "twin", "gain"]
"""`gain`: d - L. `twin`: d, without never-injected facts. `drift`: v - mean v of the never-injected, without a twin.
`raw`: v, with neither."""


def best_signal(*, has_never: bool, has_twin: bool) -> SignalName:
    """What gains can be read from."""
    if has_never:
        return "gain" if has_twin else "drift"
    return "twin" if has_twin else "raw"


def twin_difference(run: Measurements, twin: Measurements) -> Measurements:
    """d at every probe and step.

    Raises:
        UserError: the two runs were measured at different steps.
    """
    same = np.array_equal(run.steps, twin.steps) and np.array_equal(np.isnan(run.values), np.isnan(twin.values))
    if not same:
        raise UserError(
            f"twin: measured at {len(twin.steps)} steps, {np.count_nonzero(~np.isnan(twin.values))} values; its run at"
            f" {len(run.steps)} steps, {np.count_nonzero(~np.isnan(run.values))} values: they must be measured alike.\n"
            "  Remove both trajectories' folders and run snakemake again."
        )
    return Measurements(run.steps, run.values - twin.values)


def largest_before(difference: Measurements, first_injection: int | None) -> float:
    """max |d| up to the first injection (over all steps if there is none): 0 where training is deterministic."""
    until = np.inf if first_injection is None else first_injection
    values = difference.values[:, difference.steps <= until]
    measured = np.abs(values[~np.isnan(values)])
    return float(measured.max(initial=0.0))


@dataclass(frozen=True)
class Placebo:
    """Curves of never-injected facts at the steps of one arm: a cell for each depth and offset of the arm's facts."""

    sums: Floats
    """[cell, never fact, time] sums over the fact's probes of the depth, at the steps that the offset gives."""
    counts: Floats
    """[cell, never fact] probes behind them."""
    cell: Integers
    """[probe] of the arm: which cell is its own."""

    def spill_over(self) -> Floats:
        """[probe, time] L for each probe of the arm, all never-injected facts taken once."""
        means = self.sums.sum(axis=1) / self.counts.sum(axis=1)[:, None]
        return means[self.cell]


@dataclass(frozen=True)
class Signal:
    """The curves of an arm that its gains are read from, less those of never-injected facts if there are any."""

    name: SignalName
    curves: Floats
    """[probe, time]"""
    placebo: Placebo | None

    def gains(self) -> Floats:
        """[probe, time] g, fact by fact; its mean over facts is the mean gain."""
        return self.curves if self.placebo is None else self.curves - self.placebo.spill_over()


def signal_of(arm: Arm, measured: Measurements, *, never: Arm | None, has_twin: bool, per_byte: bool = False) -> Signal:
    """The best signal there is for an arm: `measured` holds d if there is a twin, else v.

    `per_byte` gives nats per byte of target, the only unit that tokenizers share.

    Raises:
        UserError: a missing measurement, or no never-injected probe of one of the arm's depths.
    """
    name = best_signal(has_never=never is not None, has_twin=has_twin)
    scale = arm.tokens_per_byte[:, None] if per_byte else 1.0
    placebo = None if never is None else placebo_for(arm, never, measured, per_byte=per_byte)
    return Signal(name, arm.curves(measured) * scale, placebo)


def placebo_for(arm: Arm, never: Arm, measured: Measurements, *, per_byte: bool = False) -> Placebo:
    """The never-injected probes, measured at the steps of every offset of the arm.

    Raises:
        UserError: a missing measurement, or no never-injected probe of one of the arm's depths.
    """
    offsets, of_fact = np.unique(arm.offsets, return_inverse=True)
    depths, of_probe = np.unique(arm.depth, return_inverse=True)
    lacking = sorted(set(depths.tolist()) - set(never.depth.tolist()))
    if lacking:
        raise UserError(
            f"arm '{never.name}' has no probes of depth {', '.join(lacking)}, which arm '{arm.name}' has: what its gain"
            " is compared with is missing. Give the never-injected facts probes of every depth."
        )
    num_facts, num_times = len(never.facts), len(arm.schedule.times)
    sums = np.zeros((len(depths), len(offsets), num_facts, num_times))
    counts = np.zeros((len(depths), len(offsets), num_facts))
    scale = never.tokens_per_byte[:, None] if per_byte else 1.0
    rows = np.searchsorted(depths, never.depth)
    wanted = np.isin(never.depth, depths)
    for number, offset in enumerate(offsets):
        curves = _moved(never, arm, int(offset)).curves(measured) * scale
        np.add.at(sums[:, number], (rows[wanted], never.fact[wanted]), curves[wanted])
        np.add.at(counts[:, number], (rows[wanted], never.fact[wanted]), 1)
    cell = of_probe * len(offsets) + of_fact[arm.fact]
    return Placebo(sums.reshape(-1, num_facts, num_times), counts.reshape(-1, num_facts), cell)


def _moved(never: Arm, arm: Arm, offset: int) -> Arm:
    """All never-injected facts at one offset of the arm's schedule."""
    return replace(never, offsets=np.full(len(never.facts), offset), schedule=arm.schedule)
