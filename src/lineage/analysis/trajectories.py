"""Probe curves of one arm, aligned at each fact's own first encounter.

Step s of a run means the weights after s updates. The update at an encounter of step t_i leads from v[t_i] to
v[t_i + 1], so the window of an encounter is t_i < t <= t_i + window. *Time* is step minus the fact's offset: time 0 is
just before its first encounter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lineage.errors import UserError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Schedule:
    """When the facts of an arm are met and measured, in steps since a fact's own first encounter."""

    interval: int
    window: int
    """Steps after an encounter in which its effect peaks, min(t_w, interval)."""
    encounters: Integers
    """[encounter] times, the first is 0."""
    times: Integers
    """[time] times at which all facts of the arm are measured, increasing from 0."""

    @property
    def starts(self) -> Integers:
        """[encounter] columns of the measurements just before each encounter."""
        return np.searchsorted(self.times, self.encounters)

    @property
    def windows(self) -> Integers:
        """[encounter, window] columns of the measurements t_i < t <= t_i + window."""
        return self.starts[:, None] + 1 + np.arange(self.window)

    def lags(self, fixed: tuple[int, ...] = ()) -> Integers:
        """[lag] steps behind the last peak, from 1, that the data reach wherever in the last window the peak lies.

        They are the measured steps behind the last encounter, and those of `fixed` within their range.
        """
        behind = self.times - self.encounters[-1]
        longest = int(behind[-1]) - self.window
        own = behind[(behind >= 1) & (behind <= longest)]
        return np.union1d(own, [lag for lag in fixed if lag <= longest]).astype(np.int64)


@dataclass(frozen=True)
class Arm:
    """The facts of one arm with their probes; all arrays over probes have the same order."""

    name: str
    facts: tuple[str, ...]
    """Sorted, so that equal facts are drawn alike in every run."""
    offsets: Integers
    """[fact] step of the first encounter."""
    schedule: Schedule
    probes: tuple[str, ...]
    rows: Integers
    """[probe] numbers in the trajectory."""
    fact: Integers
    """[probe] index into `facts`."""
    depth: NDArray[np.str_]
    """[probe]"""
    stated: NDArray[np.bool_]
    """[probe, encounter] whether the text injected there holds the probe's target; False where nothing was injected."""
    tokens_per_byte: Floats
    """[probe] tokens of the target a byte: turns nats per token into nats per byte."""
    injected: bool
    """False: its encounters are virtual."""

    def curves(self, measurements: Measurements) -> Floats:
        """[probe, time] log-probabilities at the arm's times.

        Raises:
            UserError: a measurement is missing (probe, step and the window that it is in are named).
        """
        steps = self.offsets[self.fact][:, None] + self.schedule.times
        columns = np.minimum(np.searchsorted(measurements.steps, steps), len(measurements.steps) - 1)
        values = measurements.values[self.rows[:, None], columns]
        gaps = np.argwhere((measurements.steps[columns] != steps) | np.isnan(values))
        if len(gaps):
            probe, time = gaps[0]
            raise UserError(
                f"trajectory: probe {self.probes[probe]} of arm '{self.name}' is not measured at step"
                f" {steps[probe, time]}{self._place(int(self.schedule.times[time]))}"
                f" ({len(gaps)} of {steps.size} measurements are missing).\n"
                "  Without it the gain cannot be told. Remove the trajectory's folder and run snakemake again."
            )
        return values

    def _place(self, time: int) -> str:
        for number, start in enumerate(self.schedule.encounters):
            if time == start:
                return f", just before encounter {number}"
            if start < time <= start + self.schedule.window:
                return f", in the window of {self.schedule.window} steps behind encounter {number}"
        return ""


@dataclass(frozen=True)
class Measurements:
    """All of one run: [probe, step], NaN where a probe was not measured."""

    steps: Integers
    values: Floats


def read_measurements(steps: pa.Table, *, num_probes: int) -> Measurements:
    """The table `steps.parquet` of a trajectory as a matrix.

    Raises:
        UserError: a value that is no number, a probe measured twice at a step, or one that the plan does not have.
    """
    step = steps.column("step").to_numpy().astype(np.int64)
    probe = steps.column("probe").to_numpy().astype(np.int64)
    value = steps.column("log_probability").to_numpy().astype(np.float64)
    broken = np.flatnonzero(~np.isfinite(value))
    if len(broken):
        first = broken[0]
        raise UserError(
            f"trajectory: log_probability of probe {probe[first]} at step {step[first]} is {value[first]}"
            f" ({len(broken)} such rows): the run diverged. Lower its learning rate or set `clip_norm`."
        )
    if len(probe) and not 0 <= probe.min() <= probe.max() < num_probes:
        raise UserError(
            f"trajectory: probes {probe.min()} to {probe.max()}, but the plan has 0 to {num_probes - 1}: it belongs to"
            " other injections. Remove the trajectory's folder and run snakemake again."
        )
    known, columns = np.unique(step, return_inverse=True)
    if len(np.unique(probe * len(known) + columns)) < len(probe):
        raise UserError(
            "trajectory: a probe is measured twice at the same step. Remove its folder and run snakemake again."
        )
    values = np.full((num_probes, len(known)), np.nan)
    values[probe, columns] = value
    return Measurements(known, values)


def read_arms(facts: pa.Table, probes: pa.Table, *, window_steps: int) -> dict[str, Arm]:
    """Arms of a plan by name, from the tables `facts.parquet` and `probes.parquet` of its injections.

    An arm that was injected is measured at its encounters, one that never was at its virtual schedule.

    Raises:
        UserError: a window that overlaps the next encounter, or that is not probed at every step.
    """
    rows_of: dict[str, list[dict]] = {}
    for row in facts.to_pylist():
        rows_of.setdefault(row["arm"], []).append(row)
    probe_rows: dict[str, list[dict]] = {}
    columns = ["probe", "id", "fact", "depth", "target_tokens", "target_bytes", "stated"]
    for row in probes.select(columns).to_pylist():
        probe_rows.setdefault(row["fact"], []).append(row)
    return {
        name: _arm(name, sorted(rows, key=lambda row: row["fact"]), probe_rows, window_steps)
        for name, rows in rows_of.items()
    }


def _arm(name: str, facts: list[dict], probes: dict[str, list[dict]], window_steps: int) -> Arm:
    injected = any(row["encounter_steps"] for row in facts)
    schedule = _schedule(name, facts, injected, window_steps)
    asked = [(number, probe) for number, row in enumerate(facts) for probe in probes.get(row["fact"], [])]
    stated = np.zeros((len(asked), len(schedule.encounters)), dtype=np.bool_)
    for number, (_, probe) in enumerate(asked):
        stated[number, : len(probe["stated"])] = probe["stated"]
    return Arm(
        name=name,
        facts=tuple(row["fact"] for row in facts),
        offsets=np.asarray([row["offset"] for row in facts], dtype=np.int64),
        schedule=schedule,
        probes=tuple(probe["id"] for _, probe in asked),
        rows=np.asarray([probe["probe"] for _, probe in asked], dtype=np.int64),
        fact=np.asarray([number for number, _ in asked], dtype=np.int64),
        depth=np.asarray([probe["depth"] for _, probe in asked], dtype=np.str_),
        stated=stated,
        tokens_per_byte=np.asarray([probe["target_tokens"] / probe["target_bytes"] for _, probe in asked]),
        injected=injected,
    )


def _schedule(name: str, facts: list[dict], injected: bool, window_steps: int) -> Schedule:
    interval = facts[0]["interval"]
    window = min(window_steps, interval)
    key = "encounter_steps" if injected else "schedule_steps"
    planned = {tuple(step - row["offset"] for step in row[key]) for row in facts}
    assert len(planned) == 1, f"arm {name}: its facts have different schedules {planned}"
    encounters = np.asarray(planned.pop(), dtype=np.int64)
    assert len(encounters) and encounters[0] == 0, f"arm {name}: the first encounter is not at the offset"
    gaps = np.diff(encounters)
    if len(gaps) and gaps.min() < window:
        number = int(gaps.argmin())
        raise UserError(
            f"arm '{name}': the window of {window} steps behind encounter {number} overlaps encounter {number + 1},"
            f" {gaps[number]} steps later. A window is at most as long as the interval ({interval} is planned)."
        )
    common: set[int] | None = None
    for row in facts:
        own = {step - row["offset"] for step in row["probed_steps"]}
        _check_windows(name, row, encounters, window, own)
        common = own if common is None else common & own
    times = np.asarray(sorted(time for time in common or () if time >= 0), dtype=np.int64)
    return Schedule(interval, window, encounters, times)


def _check_windows(name: str, row: dict, encounters: Integers, window: int, probed: set[int]) -> None:
    for number, start in enumerate(encounters.tolist()):
        missing = [time for time in range(start, start + window + 1) if time not in probed]
        if missing:
            step = missing[0] + row["offset"]
            end = max(row["probed_steps"], default=0)
            raise UserError(
                f"arm '{name}': fact {row['fact']} is not probed at step {step}, but the window of encounter {number}"
                f" takes steps {start + row['offset']} to {start + window + row['offset']}.\n"
                + (f"  The run ends at step {end}: raise its `steps`." if step > end else "  Plan the injections anew.")
            )


def on_schedule(placebo: Arm, other: Arm) -> Arm:
    """The placebo's facts as if they followed another arm's schedule, offsets dealt to them in turn.

    They are measured whenever any fact is, so all steps of the other arm are there.
    """
    turns = np.arange(len(placebo.facts)) % len(other.facts)
    return Arm(
        name=placebo.name,
        facts=placebo.facts,
        offsets=other.offsets[turns],
        schedule=other.schedule,
        probes=placebo.probes,
        rows=placebo.rows,
        fact=placebo.fact,
        depth=placebo.depth,
        stated=np.zeros((len(placebo.probes), len(other.schedule.encounters)), dtype=np.bool_),
        tokens_per_byte=placebo.tokens_per_byte,
        injected=False,
    )


def interpolated(curves: Floats, times: Integers, wanted: Integers) -> Floats:
    """Values of `curves` [..., time] at other times [..., lag] in their range, linear in t between measured times.

    >>> interpolated(np.array([[0.0, 1.0, 5.0]]), np.array([0, 1, 5]), np.array([[1, 2, 5]]))
    array([[1., 2., 5.]])
    """
    assert wanted.size == 0 or (wanted.min() >= times[0] and wanted.max() <= times[-1]), "no extrapolation"
    every = np.arange(times[0], times[-1] + 1)
    upper_of = np.clip(np.searchsorted(times, every), 1, len(times) - 1)
    share_of = (every - times[upper_of - 1]) / (times[upper_of] - times[upper_of - 1])
    upper, share = upper_of[wanted - times[0]], share_of[wanted - times[0]]
    low = np.take_along_axis(curves, upper - 1, axis=-1)
    high = np.take_along_axis(curves, upper, axis=-1)
    return low * (1 - share) + high * share
