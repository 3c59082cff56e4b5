"""Alignment at the first encounter; every gap, overlap and cut-off window is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.analysis.trajectories import (
    Arm,
    Measurements,
    Schedule,
    interpolated,
    on_schedule,
    read_arms,
    read_measurements,
)
from lineage.errors import UserError
from tests.analysis.simulation import Run

RUN = Run()


def arms(facts: list[dict[str, Any]], *, window_steps: int = RUN.window) -> dict[str, Arm]:
    return read_arms(pa.Table.from_pylist(facts), pa.Table.from_pylist(RUN.probe_rows()), window_steps=window_steps)


def changed(facts: list[dict[str, Any]], fact: str, **changes: Any) -> list[dict[str, Any]]:
    return [row | changes if row["fact"] == fact else row for row in facts]


def test_curves_begin_at_each_facts_own_first_encounter() -> None:
    """v = 1000 probe + step: at time t a fact with offset o reads 1000 probe + o + t."""
    found = arms(RUN.facts())
    steps = np.arange(RUN.steps + 1)
    values = np.asarray(1000 * np.arange(len(RUN.probe_rows()))[:, None] + steps, dtype=np.float64)
    every = Measurements(steps, values)
    for arm in found.values():
        expected = 1000.0 * arm.rows[:, None] + arm.offsets[arm.fact][:, None] + arm.schedule.times
        np.testing.assert_array_equal(arm.curves(every), expected)
    assert sorted(set(found["duplicate"].offsets.tolist())) == [0, 4, 8]


def test_the_schedule_of_an_arm() -> None:
    found = arms(RUN.facts())
    duplicate, once, never = (found[name].schedule for name in ("duplicate", "once", "never"))
    assert duplicate.encounters.tolist() == never.encounters.tolist() == [0, 12, 24]
    assert once.encounters.tolist() == [0]
    assert (duplicate.window, duplicate.interval) == (10, 12)
    assert duplicate.times[duplicate.windows[1]].tolist() == list(range(13, 23))
    assert found["duplicate"].injected
    assert not found["never"].injected


def test_the_window_is_no_longer_than_the_interval() -> None:
    dense = [row | {"probed_steps": list(range(RUN.steps + 1))} for row in RUN.facts()]
    assert arms(dense, window_steps=50)["once"].schedule.window == RUN.interval


def test_lags_end_where_the_latest_peak_would_leave_the_data() -> None:
    schedule = Schedule(interval=10, window=3, encounters=np.asarray([0, 10]), times=np.asarray([*range(16), 20, 30]))
    assert schedule.lags().tolist() == [1, 2, 3, 4, 5, 10]
    assert schedule.lags((7, 17, 18)).tolist() == [1, 2, 3, 4, 5, 7, 10, 17]


def test_a_run_without_injection_is_measured_on_its_virtual_schedule() -> None:
    found = arms(Run(injected=False).facts())
    assert found["duplicate"].schedule.encounters.tolist() == [0, 12, 24]
    assert not found["duplicate"].injected


@pytest.mark.parametrize(
    ("step", "words"), [(0, "just before encounter 0"), (13, "in the window of 10 steps behind encounter 1")]
)
def test_a_missing_measurement_is_named(step: int, words: str) -> None:
    table = RUN.tables()["steps"]
    probe = next(row["probe"] for row in RUN.probe_rows() if row["id"] == "duplicate-00.semantic.0")
    rows = [row for row in table.to_pylist() if (row["step"], row["probe"]) != (step, probe)]
    measured = read_measurements(pa.Table.from_pylist(rows, schema=table.schema), num_probes=len(RUN.probe_rows()))
    with pytest.raises(UserError, match=rf"duplicate-00\.semantic\.0 of arm 'duplicate'.* step {step}, {words}"):
        arms(RUN.facts())["duplicate"].curves(measured)


def test_a_window_that_was_never_planned_is_named() -> None:
    facts = RUN.facts()
    probed = [step for step in facts[0]["probed_steps"] if step != 5]
    with pytest.raises(UserError, match=r"duplicate-00 is not probed at step 5, but the window of encounter 0"):
        arms(changed(facts, "duplicate-00", probed_steps=probed))


def test_a_run_that_ends_inside_a_window_says_so() -> None:
    facts = [row | {"probed_steps": [step for step in row["probed_steps"] if step <= 30]} for row in RUN.facts()]
    with pytest.raises(UserError, match=r"ends at step 30: raise its `steps`"):
        arms(facts)


def test_an_encounter_inside_a_window_is_refused() -> None:
    facts = [
        row | {"encounter_steps": [row["offset"], row["offset"] + 6]} if row["arm"] == "duplicate" else row
        for row in RUN.facts()
    ]
    with pytest.raises(UserError, match=r"window of 10 steps behind encounter 0 overlaps encounter 1, 6 steps later"):
        arms(facts)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: [rows[0] | {"log_probability": float("nan")}, *rows[1:]], "step 0 is nan"),
        (lambda rows: [rows[0] | {"log_probability": float("-inf")}, *rows[1:]], "step 0 is -inf"),
        (lambda rows: [rows[0], *rows], "measured twice"),
        (lambda rows: [*rows, rows[0] | {"probe": 999}], "the plan has 0 to"),
    ],
)
def test_broken_trajectories_are_refused(change: Callable[[list[dict]], list[dict]], words: str) -> None:
    table = RUN.tables()["steps"]
    broken = pa.Table.from_pylist(change(table.to_pylist()), schema=table.schema)
    with pytest.raises(UserError, match=words):
        read_measurements(broken, num_probes=len(RUN.probe_rows()))


def test_the_placebo_takes_over_the_offsets_and_times_of_an_arm() -> None:
    found = arms(RUN.facts())
    moved = on_schedule(found["never"], found["once"])
    assert moved.facts == found["never"].facts
    assert moved.offsets.tolist() == found["once"].offsets.tolist()
    assert moved.schedule is found["once"].schedule
    moved.curves(read_measurements(RUN.tables()["steps"], num_probes=len(RUN.probe_rows())))


def test_facts_are_sorted_so_that_equal_facts_are_drawn_alike() -> None:
    facts = RUN.facts()
    assert arms(facts)["once"].facts == arms(facts[::-1])["once"].facts


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_interpolation_is_linear_and_exact_at_measured_times(gaps: list[int], seed: int) -> None:
    times = np.concatenate([[0], np.cumsum(gaps)])
    curve = np.random.default_rng(seed).standard_normal((2, len(times)))
    every = np.broadcast_to(np.arange(times[-1] + 1), (2, times[-1] + 1))
    found = interpolated(curve, times, every)
    np.testing.assert_array_equal(found[:, times], curve)
    np.testing.assert_allclose(found, [np.interp(every[0], times, one) for one in curve], atol=1e-12)
