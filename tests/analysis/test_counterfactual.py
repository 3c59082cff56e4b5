"""The twin's difference, and what never-injected facts take off it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from lineage.analysis.counterfactual import largest_before, placebo_for, signal_of, twin_difference
from lineage.analysis.trajectories import Arm, Measurements, read_arms, read_measurements
from lineage.errors import UserError
from tests.analysis.simulation import Run

RUN = Run(spill=0.7)


def opened(run: Run = RUN) -> tuple[dict[str, Arm], Measurements, Measurements]:
    tables = run.tables()
    arms = read_arms(tables["facts"], tables["probes"], window_steps=run.window)
    count = tables["probes"].num_rows
    run_measured, twin_measured = (read_measurements(tables[name], num_probes=count) for name in ("steps", "twin"))
    return arms, run_measured, twin_measured


def test_the_twin_is_the_run_up_to_the_first_injection() -> None:
    _, run, twin = opened()
    difference = twin_difference(run, twin)
    assert largest_before(difference, 0) == 0.0
    assert largest_before(difference, 1) > 1
    assert largest_before(difference, None) > 1


def test_a_difference_before_the_first_injection_is_seen() -> None:
    _, run, twin = opened()
    twin.values[3, 0] += 1e-6
    assert largest_before(twin_difference(run, twin), 0) == pytest.approx(1e-6)


def test_a_twin_measured_otherwise_is_refused() -> None:
    _, run, twin = opened()
    fewer = Measurements(twin.steps[1:], twin.values[:, 1:])
    hole = twin.values.copy()
    hole[2, 0] = np.nan
    for other in (fewer, Measurements(twin.steps, hole)):
        with pytest.raises(UserError, match=r"twin: measured at .* steps.* must be measured alike"):
            twin_difference(run, other)


def test_spill_over_is_taken_at_the_same_step_of_the_run_and_the_same_depth() -> None:
    """Never-injected probes read 100 x depth + step; a fact with offset o is compared with step o + t."""
    arms, run, _ = opened()
    never = arms["never"]
    rank = {"memorization": 1, "semantic": 2, "compositional": 3}
    values = run.values.copy()
    values[never.rows] = np.asarray([100 * rank[depth] for depth in never.depth])[:, None] + run.steps
    values[np.isnan(run.values)] = np.nan
    arm = arms["duplicate"]
    spill = placebo_for(arm, never, Measurements(run.steps, values)).spill_over()
    expected = np.asarray([100 * rank[depth] for depth in arm.depth])[:, None]
    np.testing.assert_allclose(spill, expected + arm.offsets[arm.fact][:, None] + arm.schedule.times)


def test_gains_are_free_of_drift_and_of_what_every_probe_gains() -> None:
    arms, run, twin = opened()
    arm, difference = arms["once"], twin_difference(run, twin)
    signal = signal_of(arm, difference, never=arms["never"], has_twin=True)
    assert signal.name == "gain"
    late = signal.gains()[arm.depth == "memorization"][:, 1:4].mean(axis=0)
    np.testing.assert_allclose(late, 3 * (1 - 0.2 * np.log10([1, 2, 3])), atol=0.05)
    alone = signal_of(arm, difference, never=None, has_twin=True)
    assert alone.name == "twin"
    assert alone.gains()[:, 1].mean() - signal.gains()[:, 1].mean() == pytest.approx(0.7, abs=0.05)


def test_without_a_twin_never_injected_facts_take_the_drift_off() -> None:
    arms, run, _ = opened()
    arm = arms["once"]
    signal = signal_of(arm, run, never=arms["never"], has_twin=False)
    assert signal.name == "drift"
    gain = (signal.gains() - signal.gains()[:, :1])[arm.depth == "semantic"]
    np.testing.assert_allclose(gain[:, 1:4].mean(axis=0), 2 * (1 - 0.2 * np.log10([1, 2, 3])), atol=0.08)
    assert signal_of(arm, run, never=None, has_twin=False).name == "raw"


def test_nats_per_byte() -> None:
    arms, run, twin = opened()
    arm, difference = arms["once"], twin_difference(run, twin)
    per_token = signal_of(arm, difference, never=arms["never"], has_twin=True).gains()
    per_byte = signal_of(arm, difference, never=arms["never"], has_twin=True, per_byte=True).gains()
    np.testing.assert_allclose(per_byte, per_token * 2 / 8)


def test_a_depth_that_the_placebo_lacks_is_named() -> None:
    arms, run, _ = opened()
    kept = arms["never"].depth != "semantic"
    fields = {name: getattr(arms["never"], name)[kept] for name in ("rows", "fact", "depth", "stated")}
    never = replace(arms["never"], **fields, tokens_per_byte=arms["never"].tokens_per_byte[kept])
    with pytest.raises(UserError, match="'never' has no probes of depth semantic"):
        placebo_for(arms["once"], never, run)


def test_a_gap_of_the_placebo_is_named() -> None:
    tables = RUN.tables()
    probe = next(row["probe"] for row in RUN.probe_rows() if row["arm"] == "never")
    rows = [row for row in tables["steps"].to_pylist() if (row["step"], row["probe"]) != (14, probe)]
    run = read_measurements(
        pa.Table.from_pylist(rows, schema=tables["steps"].schema), num_probes=tables["probes"].num_rows
    )
    arms = opened()[0]
    with pytest.raises(UserError, match=r"arm 'never' is not measured at step 14"):
        placebo_for(arms["once"], arms["never"], run)
