"""Whole facts are drawn; equal facts are drawn alike; intervals cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.analysis.bootstrap import Estimate, interval, resample, weighted_mean
from lineage.analysis.counterfactual import Signal
from lineage.analysis.split_half import GroupCurves, split_half
from lineage.analysis.summary import paper_figures
from lineage.analysis.trajectories import Schedule
from tests.analysis.simulation import arm_of, noise

SCHEDULE = Schedule(interval=50, window=10, encounters=np.asarray([0]), times=np.arange(60))


def test_the_sample_comes_first_and_resamples_are_of_facts() -> None:
    found = resample(7, samples=50, splits=25, seed=0, arm="once")
    assert found.drawn.shape == found.counts.shape == (51, 7)
    assert found.drawn[0].tolist() == list(range(7))
    assert found.counts[0].tolist() == [1] * 7
    assert np.all(found.counts.sum(axis=1) == 7)
    assert [np.bincount(row, minlength=7).tolist() for row in found.drawn] == found.counts.tolist()


def test_draws_depend_on_seed_arm_and_number_of_facts_only() -> None:
    def drawn(num_facts: int = 9, seed: int = 0, arm: str = "once") -> list[list[int]]:
        return resample(num_facts, samples=20, splits=25, seed=seed, arm=arm).drawn.tolist()

    assert drawn() == drawn()
    assert drawn() != drawn(seed=1)
    assert drawn() != drawn(arm="duplicate")


@pytest.mark.parametrize("estimator", ["paper", "halves"])
def test_probes_of_a_fact_move_together(estimator: str) -> None:
    """Ten equal probes a fact: the interval is that of the facts, not of ten times as many probes.

    Gains of facts are 1 to 12: the mean has a standard error of 3.45 / sqrt(12) = 1.0; over probes it would be 0.31.
    """
    facts = np.repeat(np.arange(1.0, 13.0), 10)
    curves = np.concatenate([np.zeros((120, 1)), np.repeat(facts[:, None], 59, axis=1)], axis=1)
    arm = arm_of(12, SCHEDULE, probes=10)
    drawn = resample(12, samples=2000, splits=25, seed=0, arm="once")
    if estimator == "paper":
        everything = np.ones(120, np.bool_)
        lags = np.asarray([1])
        pooled = (
            paper_figures(arm, curves, everything, lags=lags, fixed=(), factors=(1.5,), facts=drawn).summaries[0].pooled
        )
    else:
        group = GroupCurves.of(arm, Signal("raw", curves, None), np.ones(120))
        pooled = split_half(group, SCHEDULE, np.asarray([1]), drawn, None).pooled
    assert pooled.value == 6.5
    assert np.nanstd(pooled.draws) == pytest.approx(1.0, abs=0.15)


def test_a_difference_of_paired_figures_has_no_common_noise() -> None:
    """Two depths that differ by exactly 1 in every fact: so they do in every draw."""
    generator = np.random.default_rng(0)
    curves = np.repeat(generator.standard_normal((12, 1)) * 5, 60, axis=1) * (np.arange(60) > 0)
    arm = arm_of(12, SCHEDULE)
    drawn = resample(12, samples=200, splits=25, seed=0, arm="once")
    found = [
        split_half(
            GroupCurves.of(arm, Signal("raw", curves + shift * (np.arange(60) > 0), None), np.ones(12)),
            SCHEDULE,
            np.asarray([1]),
            drawn,
            None,
        ).pooled
        for shift in (1.0, 0.0)
    ]
    difference = found[0] - found[1]
    low, high = difference.interval()
    assert (low, high) == (pytest.approx(1.0), pytest.approx(1.0))
    assert found[0].interval()[1] - found[0].interval()[0] > 3


def test_the_interval_is_spread_around_the_value_not_the_place_of_the_draws() -> None:
    draws = np.linspace(-1, 1, 1001)
    low, high = interval(np.asarray(10.0), draws + 3.0, clusters=10**6)
    assert (low, high) == (pytest.approx(9.05), pytest.approx(10.95))
    low, high = interval(np.asarray(10.0), draws + 3.0, clusters=12)
    width = 0.95 * 2.201 / 1.960 * np.sqrt(12 / 11)
    assert (low, high) == (pytest.approx(10 - width, abs=0.005), pytest.approx(10 + width, abs=0.005))


def test_figures_beyond_the_data_and_undefined_ones() -> None:
    draws = np.arange(100.0)
    draws[50:] = np.inf
    assert interval(np.asarray(20.0), draws, clusters=9) == (2.0, np.inf)
    assert interval(np.asarray(np.inf), np.full(100, np.inf), clusters=9) == (np.inf, np.inf)
    for value, some in ((np.nan, np.arange(10.0)), (1.0, np.full(10, np.nan))):
        assert np.isnan(interval(np.asarray(value), some, clusters=9)).all()
    draws[50:] = np.nan
    assert np.isfinite(interval(np.asarray(20.0), draws, clusters=9)).all()


@given(st.integers(0, 10**6))
def test_intervals_are_taken_element_by_element(seed: int) -> None:
    rows = np.random.default_rng(seed).standard_normal((41, 3))
    rows[5, 0], rows[7, 1] = np.inf, np.nan
    together = Estimate(rows, 8).interval()
    for number in range(3):
        np.testing.assert_allclose([end[number] for end in together], Estimate(rows, 8)[number].interval())


@pytest.mark.parametrize(
    ("clusters", "quantile"), [(2, 12.706), (3, 4.303), (5, 2.776), (12, 2.201), (30, 2.045), (120, 1.980)]
)
def test_few_facts_stretch_the_interval_by_students_t(clusters: int, quantile: float) -> None:
    """t(n - 1) / 1.960 * sqrt(n / (n - 1)) times the quantile of the draws, .95 here; t from a printed table."""
    _, high = interval(np.asarray(0.0), np.linspace(-1, 1, 1001), clusters=clusters)
    assert high == pytest.approx(0.95 * quantile / 1.95996 * np.sqrt(clusters / (clusters - 1)), rel=1e-3)


def test_shares_end_at_their_limits() -> None:
    rows = np.concatenate([[0.02], np.linspace(0, 0.4, 99)])
    low, high = Estimate(rows, 6, limits=(0.0, 1.0)).interval()
    assert low == 0.0
    assert 0.1 < high < 0.3
    assert Estimate(rows, 6).interval()[0] < -0.1


def test_arms_are_averaged_by_their_facts() -> None:
    found = weighted_mean([Estimate(np.full((3, 2), 1.0), 10), Estimate(np.full((3, 2), 4.0), 20)], [10, 20])
    assert found.value.tolist() == [3.0, 3.0]
    assert found.clusters == 30


@pytest.mark.slow
@pytest.mark.parametrize(("num_facts", "deviation"), [(12, 0.3), (12, 1.0), (6, 0.3)])
def test_intervals_cover_the_truth(num_facts: int, deviation: float) -> None:
    """300 samples, gains of facts 1 +- 0.3, AR(1) noise: intervals of E cover 92 % or more (percentiles: 79 to 87)."""
    generator = np.random.default_rng(0)
    schedule = Schedule(interval=100, window=30, encounters=np.asarray([0]), times=np.arange(61))
    arm = arm_of(num_facts, schedule, probes=4)
    covered = []
    for seed in range(300):
        common = np.repeat(noise(num_facts, 61, 0.9, generator), 4, axis=0) * deviation / 2
        curves = noise(num_facts * 4, 61, 0.9, generator) * deviation + common
        gains = 1 + 0.3 * np.repeat(generator.standard_normal(num_facts), 4)
        curves[:, 1:] += gains[:, None] * (1 - 0.2 * np.log10(np.arange(1, 61)))
        drawn = resample(num_facts, samples=200, splits=25, seed=seed, arm="once")
        group = GroupCurves.of(arm, Signal("raw", curves, None), np.ones(len(curves)))
        low, high = split_half(group, schedule, np.asarray([1]), drawn, None).pooled.interval()
        covered.append(low <= 1 <= high)
    assert np.mean(covered) >= 0.92
