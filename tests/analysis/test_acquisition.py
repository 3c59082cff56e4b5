"""The paper's maximum, effectivity and filter, on curves worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lineage.analysis.acquisition import (
    by_fact,
    effectivities,
    filtered_mean,
    local_maxima,
    share_failed,
    without_failures,
)
from lineage.analysis.trajectories import Floats, Schedule

WINDOW = 50
START = 100
SCHEDULE = Schedule(interval=100, window=WINDOW, encounters=np.asarray([0, START]), times=np.arange(201))


def curve(points: dict[int, float], *, elsewhere: float = 0.0) -> Floats:
    values = np.full(201, elsewhere)
    for time, value in points.items():
        values[time] = value
    return values


@pytest.mark.parametrize(
    ("points", "peak", "gain"),
    [
        pytest.param({START + 1: 2.0}, START + 1, 2.0, id="at once"),
        pytest.param({START + WINDOW: 2.0}, START + WINDOW, 2.0, id="with the last step of the window"),
        pytest.param({START + WINDOW + 1: 9.0, START + 7: 1.0}, START + 7, 1.0, id="a step behind the window"),
        pytest.param({START: 9.0, START + 7: 1.0}, START + 7, -8.0, id="before the injected update"),
        pytest.param({START - 1: 9.0, START + 7: 1.0}, START + 7, 1.0, id="a step before the encounter"),
        pytest.param({START + 3: 2.0, START + 9: 2.0}, START + 3, 2.0, id="the first of ties"),
        pytest.param({START: 0.5}, START + 1, -0.5, id="no gain: the first step, no check"),
    ],
)
def test_local_maximum_by_hand(points: dict[int, float], peak: int, gain: float) -> None:
    values = curve(points)
    assert local_maxima(values, SCHEDULE)[1] == peak
    assert effectivities(values, SCHEDULE)[1] == gain


def test_a_falling_curve_has_its_maximum_at_the_first_step_and_fails() -> None:
    values = -0.01 * np.arange(201.0)
    assert local_maxima(values, SCHEDULE).tolist() == [1, START + 1]
    np.testing.assert_allclose(effectivities(values, SCHEDULE), [-0.01, -0.01])


def test_effectivity_of_a_sparse_grid() -> None:
    """Columns are not times: between the windows only some steps are measured."""
    schedule = Schedule(
        interval=100, window=2, encounters=np.asarray([0, 100]), times=np.asarray([0, 1, 2, 30, 100, 101, 102, 150])
    )
    values = np.asarray([-5.0, -4.0, -3.5, -1.0, -4.5, -4.25, -4.0, 0.0])
    assert local_maxima(values, schedule).tolist() == [2, 6]
    assert effectivities(values, schedule).tolist() == [1.5, 0.5]


def test_the_filter_at_both_factors() -> None:
    """1 2 3 4 and x: quartiles 2 and 4, so 1.5 reaches -1 to 7 and 2.0 reaches -2 to 8, both ends included."""
    for x, at_1_5, at_2 in ((7.0, 17 / 5, 17 / 5), (7.5, 10 / 4, 17.5 / 5), (8.0, 10 / 4, 18 / 5), (8.5, 2.5, 2.5)):
        values = np.asarray([4.0, x, 1.0, 3.0, 2.0])
        assert filtered_mean(values, 1.5).mean == at_1_5
        assert filtered_mean(values, 2.0).mean == at_2
    assert filtered_mean(np.asarray([-1.0, 1.0, 2.0, 3.0, 99.0]), 1.5).kept == 4


def test_percentiles_are_interpolated_linearly() -> None:
    """0 1 2 7: quartiles .75 and 3.25, so 1.5 reaches 7; 0 1 2 7.5: .75 and 3.375 reach 7.3125 only."""
    assert filtered_mean(np.asarray([0.0, 1.0, 2.0, 7.0]), 1.5).kept == 4
    assert filtered_mean(np.asarray([0.0, 1.0, 2.0, 7.5]), 1.5).kept == 3


def test_nothing_is_dropped_silently() -> None:
    found = filtered_mean(np.asarray([[1.0, 1.0, 1.0, 50.0], [1.0, np.nan, 3.0, np.nan]]), 1.5)
    assert found.kept.tolist() == [3, 2]
    assert found.total.tolist() == [4, 4]
    assert found.mean.tolist() == [1.0, 2.0]
    assert np.isnan(filtered_mean(np.asarray([np.nan, np.nan]), 1.5).mean)


def reference(values: Floats, factor: float) -> tuple[float, int]:
    """numpy's own percentiles, value by value."""
    present = values[~np.isnan(values)]
    first, third = np.percentile(present, [25, 75])
    kept = [x for x in present if first - factor * (third - first) <= x <= third + factor * (third - first)]
    return float(np.mean(kept)), len(kept)


figures = st.integers(-40, 40).map(lambda x: x / 8)  # exact in binary, so that ends of the filter are too


@given(arrays(np.float64, st.integers(1, 30), elements=figures), st.sampled_from([1.5, 2.0]), st.randoms())
def test_the_filter_equals_its_definition_in_any_order(values: Floats, factor: float, random) -> None:
    mean, kept = reference(values, factor)
    shuffled = values.tolist()
    random.shuffle(shuffled)
    for order in (values, np.asarray(shuffled), np.append(values, np.nan)):
        found = filtered_mean(order, factor)
        assert found.kept == kept
        assert found.mean == pytest.approx(mean, abs=1e-12)
    assert values.min() <= mean + 1e-12
    assert mean <= values.max() + 1e-12


def test_failed_acquisitions() -> None:
    gains = np.asarray([1.0, 0.0, -1.0, np.nan, 2.0])
    assert share_failed(gains) == 0.5  # E <= 0
    np.testing.assert_array_equal(without_failures(gains), [1.0, 0.0, np.nan, np.nan, 2.0])  # E < 0


def test_probes_by_fact() -> None:
    found = by_fact(np.asarray([1.0, 2.0, 3.0]), np.asarray([1, 0, 1]), 3)
    np.testing.assert_array_equal(found, [[2.0, np.nan], [1.0, 3.0], [np.nan, np.nan]])
