"""Sums of one kernel, against the study's table and what a line through such a sum shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.analysis.retention import fit_log_line, uniform_t
from lineage.analysis.superposition import accumulated_gain, kernel, predicted_gain, steady_state

INTERVALS = (10, 25, 50, 100, 200, 400, 800, 1600)


@pytest.mark.parametrize(
    ("a", "expected"),
    [
        (0.2, (6.69, 5.89, 5.29, 4.69, 4.09, 3.48, 2.88, 2.28)),
        (0.3, (5.03, 3.84, 2.94, 2.03, 1.13, 0.47, 0.17, 0.04)),
        (1 / np.log10(300), (3.31, 1.71, 0.73, 0.26, 0.07, 0, 0, 0)),
        (0.5, (1.72, 0.51, 0.15, 0, 0, 0, 0, 0)),
    ],
)
def test_gain_just_before_the_eleventh_encounter(a: float, expected: tuple[float, ...]) -> None:
    assert [accumulated_gain(a, interval, 10) for interval in INTERVALS] == pytest.approx(expected, abs=0.005)


def test_a_schedule_of_ten_encounters_does_not_show_its_kernel() -> None:
    """a = .2 looks like a = .175 with R(1) = 1.23: the paper's fit on ten encounters 100 steps apart."""
    encounters = np.arange(10) * 100
    lags = np.arange(1, 1551)
    # The peak is the step after the last encounter, where the newest exposure has r(1) = 1.
    gains = predicted_gain(901 + lags, encounters, 1.0, 0.2) / predicted_gain(901, encounters, 1.0, 0.2)
    line = fit_log_line(lags, gains, uniform_t(lags))
    assert line.a == pytest.approx(0.175, abs=0.002)
    assert line.r1 == pytest.approx(1.23, abs=0.01)
    assert line.log10_tau_steps == pytest.approx(7.0, abs=0.05)
    assert line.r_squared == pytest.approx(0.93, abs=0.01)


def test_an_encounter_counts_from_the_step_after_it() -> None:
    found = predicted_gain([10, 11, 30], [0, 10], [1.0, 2.0], 0.5)
    expected = [0.5, 1 - 0.5 * np.log10(11) + 2.0, 1 - 0.5 * np.log10(30) + 2 * (1 - 0.5 * np.log10(20))]
    assert found == pytest.approx(expected)


@given(st.floats(0.15, 0.6), st.integers(1, 500), st.integers(1, 12))
def test_both_ways_to_the_accumulated_gain_agree(a: float, interval: int, encounters: int) -> None:
    times = np.arange(encounters) * interval
    found = predicted_gain([encounters * interval], times, 1.0, a)[0]
    assert found == pytest.approx(accumulated_gain(a, interval, encounters))
    assert 0 <= found <= encounters


@given(st.floats(0.1, 0.9))
def test_the_kernel_is_one_at_the_first_step_and_zero_from_tau(a: float) -> None:
    found = kernel(np.asarray([1.0, 10 ** (1 / a), 10 ** (1 / a) * 2]), a)
    assert found == pytest.approx([1.0, 0.0, 0.0], abs=1e-12)
    assert np.all(np.diff(kernel(np.geomspace(1, 1e12, 50), a)) <= 0)


def test_steady_state() -> None:
    """After as many encounters as count, the sum is Stirling's form; nothing accumulates from tau on."""
    assert steady_state(0.3, 10) == pytest.approx(accumulated_gain(0.3, 10, 2000), rel=0.01)
    assert steady_state(0.5, 100) == steady_state(0.5, 1000) == 0.0
