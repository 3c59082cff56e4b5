"""From one figure a seed to a verdict: against scipy, by simulation, and by hand."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import lineage.claims.statistics as module
from lineage.claims.statistics import above, below, holm, not_above, t_interval, t_test, verdict, within

FIGURES = st.lists(st.floats(-5, 5).map(lambda one: round(one, 3)), min_size=2, max_size=8)


def judged(values: list[float], expected: module.Expectation) -> str:
    test = t_test(values, expected)
    return verdict(inside=test.inside, p_value=test.p_value)


def test_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(module).failed == 0


def test_the_interval_is_scipys() -> None:
    values = [0.3, -0.1, 0.8, 0.4, 0.6]
    expected = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    found = t_interval(values)
    assert (found.low, found.high) == pytest.approx(expected)


def test_the_interval_of_five_seeds_covers_the_truth_93_percent_of_the_time_or_more() -> None:
    """The nominal 95 %, less 2.3 standard errors of 4,000 simulations; a percentile bootstrap covers 83 %."""
    generator = np.random.Generator(np.random.PCG64(0))
    covered = bootstrapped = 0
    for values in generator.normal(2.0, 3.0, size=(4000, 5)):
        found = t_interval(values.tolist())
        covered += found.low < 2.0 < found.high
        means = values[generator.integers(0, 5, size=(200, 5))].mean(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        bootstrapped += low < 2.0 < high
    assert 0.942 < covered / 4000 < 0.958
    assert bootstrapped / 4000 < 0.87


@given(FIGURES)
def test_a_direction_is_judged_as_its_95_percent_interval_lies(values: list[float]) -> None:
    if np.std(values) < 1e-3:
        return
    interval = t_interval(values)
    expected = "supported" if interval.low > 0 else "contradicted" if interval.high < 0 else "undecided"
    assert judged(values, above(0)) == expected
    opposite = {"supported": "contradicted", "contradicted": "supported", "undecided": "undecided"}
    assert judged(values, below(0)) == opposite[expected]


@given(FIGURES)
def test_no_difference_is_supported_exactly_when_the_90_percent_interval_lies_inside(values: list[float]) -> None:
    if np.std(values) < 1e-3:
        return
    narrow, wide = t_interval(values, 0.9), t_interval(values)
    inside = narrow.low > -1 and narrow.high < 1
    outside = wide.low > 1 or wide.high < -1
    assert judged(values, within(-1, 1)) == ("supported" if inside else "contradicted" if outside else "undecided")


def test_low_power_never_supports_no_difference() -> None:
    """No true difference, but noise of three times the margin: supported in under 1 % of 2,000 simulations."""
    generator = np.random.Generator(np.random.PCG64(1))
    found = [judged(values.tolist(), within(-0.15, 0.15)) for values in generator.normal(0, 0.45, size=(2000, 5))]
    assert found.count("supported") / 2000 < 0.01
    assert judged([-0.4, 0.5, -0.1, 0.2, -0.2], within(-0.15, 0.15)) == "undecided"


def test_a_difference_at_the_margin_is_supported_at_most_5_percent_of_the_time() -> None:
    generator = np.random.Generator(np.random.PCG64(2))
    found = [judged(values.tolist(), within(-0.15, 0.15)) for values in generator.normal(0.15, 0.05, size=(3000, 5))]
    assert found.count("supported") / 3000 < 0.06


def test_no_gain_may_fall_but_not_rise_beyond_the_margin() -> None:
    assert judged([0.5, 0.55, 0.6, 0.5, 0.52], not_above(1.15, ratio=True)) == "supported"
    assert judged([0.99, 1.02, 1.0, 1.01, 0.98], not_above(1.15, ratio=True)) == "supported"
    assert judged([1.4, 1.5, 1.45, 1.6, 1.5], not_above(1.15, ratio=True)) == "contradicted"
    assert judged([0.7, 1.5, 1.0, 1.3, 0.9], not_above(1.15, ratio=True)) == "undecided"


def test_ratios_are_averaged_as_logarithms() -> None:
    test = t_test([0.5, 2.0], above(1, ratio=True))
    assert test.mean == pytest.approx(1.0)
    assert test.interval.low * test.interval.high == pytest.approx(1.0)
    assert not test.inside


def test_without_any_spread_only_the_side_counts() -> None:
    assert judged([1.0, 1.0], above(0)) == "supported"
    assert judged([-1.0, -1.0], above(0)) == "contradicted"
    assert judged([0.0, 0.0, 0.0], above(0)) == "undecided"


def test_holm_as_worked_by_hand() -> None:
    """Sorted .005, .01, .03, .04 times 4, 3, 2, 1 is .02, .03, .06, .04; the last rises to .06."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=10))
def test_holm_keeps_the_order_and_never_lowers(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(new >= old for new, old in zip(corrected, p_values, strict=True))
    pairs = sorted(zip(p_values, corrected, strict=True))
    assert [new for _, new in pairs] == sorted(new for _, new in pairs)


def test_p_values_agree_with_scipys() -> None:
    values = [0.3, -0.1, 0.8, 0.4, 0.6]
    assert t_test(values, above(0)).p_value == pytest.approx(stats.ttest_1samp(values, 0)[1])
    below_margin: float = stats.ttest_1samp(values, 1, alternative="less")[1]  # pyright: ignore
    above_margin: float = stats.ttest_1samp(values, -1, alternative="greater")[1]  # pyright: ignore
    assert t_test(values, within(-1, 1)).p_value == pytest.approx(max(below_margin, above_margin))
    assert math.isinf(above(0).high)
