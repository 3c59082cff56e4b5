"""Retainability by hand, the line through it, and what is read off it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.analysis.retention import (
    fit_log_line,
    half_life,
    inverse,
    retainabilities,
    uniform_log_t,
    uniform_t,
)
from lineage.analysis.trajectories import Schedule

LAGS = np.arange(1, 1551)


def test_retainability_by_hand() -> None:
    """Two encounters, 0 and 4, window 2. -5 before anything, second peak -1 at time 6: 4 nats gained, 3, 2, 2.5 left.

    Counted from just before the second encounter (-3) it would be 2 nats gained, and 1/2, 0, 1/4 left.
    """
    schedule = Schedule(interval=4, window=2, encounters=np.asarray([0, 4]), times=np.arange(10))
    values = np.asarray([-5.0, -4.0, -3.5, -2.0, -3.0, -1.5, -1.0, -2.0, -3.0, -2.5])
    found = retainabilities(values, schedule, np.asarray([0, 1, 2, 3]))
    assert found.tolist() == [1.0, 0.75, 0.5, 0.625]


def test_retainability_between_measured_steps_is_linear_in_t() -> None:
    schedule = Schedule(interval=9, window=2, encounters=np.asarray([0]), times=np.asarray([0, 1, 2, 6, 10]))
    values = np.asarray([[0.0, 4.0, 3.0, 1.0, 0.0], [0.0, 1.0, 2.0, 1.0, 0.0]])
    found = retainabilities(values, schedule, np.asarray([1, 3, 5, 8]))
    # Peaks at 1 and 2: times 2, 4, 6, 9 and 3, 5, 7, 10.
    np.testing.assert_allclose(found, [[0.75, 0.5, 0.25, 0.0625], [0.875, 0.625, 0.375, 0.0]])


def test_no_gain_at_all_is_undefined_and_a_loss_keeps_its_sign() -> None:
    schedule = Schedule(interval=9, window=1, encounters=np.asarray([0]), times=np.arange(4))
    found = retainabilities(np.asarray([[1.0, 1.0, 2.0, 3.0], [1.0, 0.5, 0.0, 1.0]]), schedule, np.asarray([1, 2]))
    np.testing.assert_array_equal(found, [[np.nan, np.nan], [2.0, 0.0]])


@given(st.floats(0.02, 0.6), st.floats(0.2, 1.3), st.sampled_from([uniform_t, uniform_log_t]))
def test_an_exact_line_gives_its_parameters(a: float, r1: float, weights) -> None:
    lags = np.unique(np.round(np.geomspace(1, 1550, 60)).astype(np.int64))
    line = fit_log_line(lags, r1 - a * np.log10(lags), weights(lags))
    assert line.a == pytest.approx(a)
    assert line.r1 == pytest.approx(r1)
    assert line.r_squared == pytest.approx(1.0)
    assert line.a_star == pytest.approx(a / r1)
    assert line.log10_tau_steps == pytest.approx(r1 / a)


def test_the_papers_cell_duplication_memorization_mid() -> None:
    """a = .25, log10 tau = 4.40 steps: R(1) = 1.10, a* = .227, log10 tau = 11.02 in tokens of 2048 x 2048 a step."""
    line = fit_log_line(LAGS, 1.10 - 0.25 * np.log10(LAGS), uniform_t(LAGS))
    assert line.log10_tau_steps == pytest.approx(4.40)
    assert line.a_star == pytest.approx(0.227, abs=5e-4)
    assert line.log10_tau_steps + np.log10(2048 * 2048) == pytest.approx(11.02, abs=5e-3)


def test_on_every_step_the_papers_fit_is_ordinary_least_squares() -> None:
    curve = 0.9 - 0.2 * np.log10(LAGS) + 0.05 * np.random.default_rng(0).standard_normal(len(LAGS))
    assert uniform_t(LAGS).tolist() == [1.0] * len(LAGS)
    line = fit_log_line(LAGS, curve, uniform_t(LAGS))
    slope, intercept = np.polyfit(np.log10(LAGS), curve, 1)
    assert (line.a, line.r1) == (pytest.approx(-slope), pytest.approx(intercept))
    residuals = curve - intercept - slope * np.log10(LAGS)
    assert line.r_squared == pytest.approx(1 - residuals @ residuals / ((curve - curve.mean()) ** 2).sum())


def test_sparse_lags_weighted_by_their_gaps_imitate_the_fit_on_every_step() -> None:
    """On a curve that bends, the two weightings differ by .06 in a; gaps bring sparse lags within .002."""
    sparse = np.unique(np.round(np.geomspace(1, 1550, 70)).astype(np.int64))

    def bent(lags: np.ndarray) -> np.ndarray:
        return np.exp(-lags / 700)

    dense = fit_log_line(LAGS, bent(LAGS), uniform_t(LAGS)).a
    assert fit_log_line(sparse, bent(sparse), uniform_t(sparse)).a == pytest.approx(dense, abs=0.002)
    assert abs(fit_log_line(sparse, bent(sparse), uniform_log_t(sparse)).a - dense) > 0.06


def test_weights_stand_for_all_steps() -> None:
    lags = np.asarray([1, 2, 5, 11, 30])
    assert uniform_t(lags).sum() == 30
    assert uniform_log_t(lags).sum() == pytest.approx(np.log10(30))


def test_a_line_that_rises_never_meets_zero() -> None:
    line = fit_log_line(LAGS, 0.5 + 0.1 * np.log10(LAGS), uniform_t(LAGS))
    assert line.a < 0
    assert line.log10_tau_steps == np.inf


def test_a_line_below_zero_from_the_start_has_no_normalised_decay() -> None:
    line = fit_log_line(LAGS, -0.1 - 0.2 * np.log10(LAGS), uniform_t(LAGS))
    assert np.isnan(line.a_star)
    assert np.isnan(line.log10_tau_steps)


def test_inverse() -> None:
    np.testing.assert_array_equal(inverse(np.asarray([0.2, 0.0, -1.0, np.nan])), [5.0, np.inf, np.inf, np.nan])


@pytest.mark.parametrize(
    ("curve", "expected"),
    [([0.9, 0.7, 0.3], 3.0), ([0.9, 0.5, 0.9], 2.0), ([0.25, 0.2, 0.1], 2 / 3), ([0.9, 0.8, 0.7], np.inf)],
)
def test_half_life(curve: list[float], expected: float) -> None:
    assert half_life(np.asarray([1, 2, 4]), np.asarray(curve)) == pytest.approx(expected)


def test_half_life_of_an_undefined_curve_is_undefined() -> None:
    assert np.isnan(half_life(np.asarray([1, 2]), np.asarray([np.nan, 0.2])))
