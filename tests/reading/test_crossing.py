"""Where two curves cross: by hand, on curves of known crossing, and where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.reading.crossing import crossing, doublings, exposures_at, rising
from lineage.reading.levels import Answers, crossed

LEVELS = np.array([0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
ONES = np.ones(len(LEVELS))


def test_a_straight_line_crosses_where_it_does() -> None:
    for where in (0.5, 2.0, 3.7, 5.9):
        assert crossing(LEVELS, 0.2 * (doublings(LEVELS) - where), ONES) == pytest.approx(where)


def test_between_two_levels_the_difference_is_a_straight_line() -> None:
    difference = np.array([-0.4, -0.4, -0.4, -0.4, -0.1, 0.3, 0.3, 0.3])
    assert crossing(LEVELS, difference, ONES) == pytest.approx(np.log2(9) + 0.25 * (np.log2(17) - np.log2(9)))


def test_no_crossing_is_infinite() -> None:
    assert crossing(LEVELS, -0.3 * ONES, ONES) == np.inf
    assert crossing(LEVELS, 0.3 * ONES, ONES) == -np.inf


def test_a_dip_is_pooled_away() -> None:
    """Raw, the curve crosses between the first two levels, falls, and crosses again: pooled it crosses once."""
    difference = np.array([-0.5, 0.1, -0.3, -0.1, 0.2, 0.3, 0.4, 0.4])
    pooled = rising(difference, ONES)
    assert pooled[1:4].tolist() == pytest.approx([-0.1] * 3)
    assert doublings(4.0) < crossing(LEVELS, difference, ONES) < doublings(8.0)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12), st.data())
def test_pooled_curves_rise_and_keep_the_weighted_mean(values: list[float], data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 50), min_size=len(values), max_size=len(values)))
    curve, weights = np.asarray(values), np.asarray(sizes, dtype=np.float64)
    pooled = rising(curve, weights)
    assert (np.diff(pooled) >= 0).all()
    assert np.average(pooled, weights=weights) == pytest.approx(np.average(curve, weights=weights), abs=1e-12)
    if (np.diff(curve) >= 0).all():
        assert pooled.tolist() == curve.tolist()


def test_doublings_and_back() -> None:
    assert [exposures_at(one) for one in doublings(LEVELS)] == pytest.approx(LEVELS.tolist())


def told(rates: np.ndarray, *, facts: int = 200, seed: int = 0) -> Answers:
    """Answers of these rates by level; every fact has a subject of its own."""
    generator = np.random.default_rng(seed)
    levels = np.repeat(LEVELS, facts)
    names = [f"fact-{number}" for number in range(len(levels))]
    values = (generator.random(len(levels)) < np.repeat(rates, facts)).astype(np.float64)
    return Answers(names, names, levels, values)


def test_drawn_answers_cross_near_the_true_crossing() -> None:
    """Recall rises from 0 to 0.9, reading stays at 0.5: the lines meet at 3.34 doublings."""
    recall = 0.9 * doublings(LEVELS) / doublings(64.0)
    where = 0.5 / 0.9 * float(doublings(64.0))
    found = crossed(told(recall), told(0.5 * ONES, seed=1), samples=300, seed=0)
    low, high = found.bounds or (np.nan, np.nan)
    assert low < where < high
    assert found.value == pytest.approx(where, abs=0.4)
    assert high - low < 1.5


def test_resamples_without_a_crossing_count_at_the_ends() -> None:
    """At the last level recall is barely ahead: some resamples never cross, and the interval reaches the end."""
    recall = np.where(LEVELS == 64, 0.53, 0.0)
    found = crossed(told(recall, facts=40), told(0.5 * ONES, facts=40, seed=3), samples=400, seed=0)
    assert np.isfinite(found.rows).all()
    assert found.rows.max() == pytest.approx(float(doublings(64.0)))
    assert (found.rows == found.rows.max()).mean() > 0.05
