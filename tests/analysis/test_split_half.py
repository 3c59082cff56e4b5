"""The study's two tables of simulated truth, and the halves against loops."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from lineage.analysis.bootstrap import Resamples, resample
from lineage.analysis.counterfactual import Placebo, Signal
from lineage.analysis.retention import fit_log_line, uniform_t
from lineage.analysis.split_half import GroupCurves, SplitHalf, mean_gain, split_half, split_half_of
from lineage.analysis.summary import Summary, paper_figures
from lineage.analysis.trajectories import Schedule
from tests.analysis.simulation import DECAY, arm_of, forgetting, noise, once

LAGS = np.arange(1, 1500)
SPLITS = 25


@cache
def simulated(num_probes: int, gain: float, correlation: float) -> tuple[Summary, Summary, SplitHalf]:
    """(paper with 1.5, paper with 2.0, halves) on curves with known truth, every probe a fact of its own."""
    arm = arm_of(num_probes, once())
    curves = forgetting(num_probes, gain, correlation)
    facts = resample(num_probes, samples=0, splits=SPLITS, seed=0, arm="once")
    everything = np.ones(num_probes, np.bool_)
    paper = paper_figures(arm, curves, everything, lags=LAGS, fixed=(), factors=(1.5, 2.0), facts=facts)
    group = GroupCurves.of(arm, Signal("raw", curves, None), np.ones(num_probes))
    return paper.summaries[0], paper.summaries[1], split_half(group, arm.schedule, LAGS, facts, None)


def decay_of(summary: Summary, name: str) -> float:
    return float(summary.decay["uniform_t", name].value)


TOLERANCE = {1000: {10: 0.005, 3: 0.010, 1: 0.030, 0.5: 0.060}, 200: {10: 0.010, 3: 0.025, 1: 0.065, 0.5: 0.110}}
"""Of the split-half a* of one seed around the true 0.2, by number of probes and gain over noise (study, section 5)."""
BIAS = {3: 0.16, 1: 0.11, 0.5: 0.08}
"""The paper's a lies below this, by gain over noise."""
PAPER = {
    (10, 0.9): (0.193, 0.97), (3, 0.9): (0.142, 0.72), (1, 0.9): (0.080, 0.38), (0.5, 0.9): (0.048, 0.22),
    (10, 0.0): (0.183, 0.92), (3, 0.0): (0.119, 0.61), (1, 0.0): (0.058, 0.29), (0.5, 0.0): (0.032, 0.15),
}  # fmt: skip
"""Mean a and R(1) of the paper's estimator over 20 to 40 seeds, by gain and correlation of the noise."""


@pytest.mark.parametrize("num_probes", [1000, 200])
@pytest.mark.parametrize(("gain", "correlation"), list(PAPER))
def test_the_true_decay_is_recovered_where_the_papers_estimator_is_biased(
    num_probes: int, gain: float, correlation: float
) -> None:
    paper, _, halves = simulated(num_probes, gain, correlation)
    line = fit_log_line(LAGS, halves.retention.value, uniform_t(LAGS))
    assert line.a_star == pytest.approx(DECAY, abs=TOLERANCE[num_probes][gain])
    assert decay_of(paper, "a") < BIAS.get(gain, 0.2)


@pytest.mark.parametrize(("gain", "correlation"), list(PAPER))
def test_the_papers_estimator_is_the_one_that_the_study_simulated(gain: float, correlation: float) -> None:
    """Within .015 in a and .07 in R(1): less than four deviations between seeds at the smallest gain."""
    paper, wider, _ = simulated(1000, gain, correlation)
    assert decay_of(paper, "a") == pytest.approx(PAPER[gain, correlation][0], abs=0.015)
    assert decay_of(paper, "r1") == pytest.approx(PAPER[gain, correlation][1], abs=0.07)
    if gain <= 1:
        assert decay_of(wider, "a_star") > 1.05 * decay_of(paper, "a_star")


@pytest.mark.parametrize(
    ("gain", "raw", "less_placebo", "by_halves"),
    [(0, 1.64, 0.0, 0.0), (0.5, 2.01, 0.37, 0.43), (1, 2.39, 0.75, 0.97), (3, 3.95, 2.31, 3.0), (10, 10.12, 8.48, 10)],
)
def test_effectivity_with_known_gain(gain: float, raw: float, less_placebo: float, by_halves: float) -> None:
    """rho = .9, 200 probes; the study's deviations between seeds are .03 to .08."""
    paper, _, halves = simulated(200, gain, 0.9)
    placebo, _, _ = simulated(200, 0, 0.9)
    assert paper.pooled.value == pytest.approx(raw, abs=0.15)
    if gain:
        assert paper.pooled.value - placebo.pooled.value == pytest.approx(less_placebo, abs=0.2)
    assert halves.pooled.value == pytest.approx(by_halves, abs=0.15)


@pytest.mark.parametrize(("correlation", "expected"), [(0.0, 2.25), (0.9, 1.64), (0.98, 0.93)])
def test_the_paper_finds_effectivity_in_pure_noise(correlation: float, expected: float) -> None:
    paper, _, halves = simulated(1000, 0, correlation)
    assert paper.pooled.value == pytest.approx(expected, abs=0.1)
    assert abs(halves.pooled.value) < 0.1


# The halves against loops.

SCHEDULE = Schedule(interval=6, window=4, encounters=np.asarray([0, 6]), times=np.arange(20))


def by_loops(
    curves: np.ndarray, facts: Resamples, placebo: np.ndarray, never: Resamples, lags: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(E [resample, encounter], R [resample, lag]) as the study's definition reads; one probe a fact, all offsets 0."""
    effects, retained = [], []
    for row in range(len(facts.counts)):
        gains, late, full = [], np.zeros(len(lags)), 0.0
        for split in range(facts.first.shape[1]):
            halves = []
            for side in (True, False):
                chosen = [f for f in facts.drawn[row] if facts.first[row, split, f] == side]
                against = [f for f in never.drawn[row] if never.first[row, split, f] == side]
                halves.append(curves[chosen].mean(axis=0) - placebo[against].mean(axis=0))
            for a, b in (halves, halves[::-1]):
                peaks = [t + 1 + int(np.argmax(a[t + 1 : t + 1 + SCHEDULE.window])) for t in (0, 6)]
                gains.append([b[peak] - b[start] for peak, start in zip(peaks, (0, 6), strict=True)])
                late += b[peaks[-1] + lags] - b[0]
                full += b[peaks[-1]] - b[0]
        effects.append(np.mean(gains, axis=0))
        retained.append(late / full)
    return np.asarray(effects), np.asarray(retained)


def material(seed: int = 0) -> tuple[np.ndarray, np.ndarray, Resamples, Resamples]:
    generator = np.random.default_rng(seed)
    curves, placebo = (noise(count, 20, 0.5, generator) for count in (8, 6))
    curves[:, 1:] += 2.0
    facts = resample(8, samples=30, splits=4, seed=1, arm="one")
    never = resample(6, samples=30, splits=4, seed=1, arm="never")
    # Without resamples of a single fact, which has no halves.
    whole = (np.count_nonzero(facts.counts, axis=1) > 1) & (np.count_nonzero(never.counts, axis=1) > 1)
    one, other = (Resamples(drawn.drawn[whole], drawn.counts[whole], drawn.first[whole]) for drawn in (facts, never))
    return curves, placebo, one, other


def test_halves_equal_the_definition_in_every_resample() -> None:
    curves, placebo, facts, never = material()
    signal = Signal("gain", curves, Placebo(placebo[None], np.ones((1, 6)), np.zeros(8, np.int64)))
    group = GroupCurves.of(arm_of(8, SCHEDULE), signal, np.ones(8))
    lags = np.asarray([1, 2, 5])
    found = split_half(group, SCHEDULE, lags, facts, never)
    effects, retained = by_loops(curves, facts, placebo, never, lags)
    np.testing.assert_allclose(found.effectivity.rows, effects, atol=1e-12)
    np.testing.assert_allclose(found.retention.rows, retained, atol=1e-9)
    np.testing.assert_allclose(found.pooled.rows, effects.mean(axis=1), atol=1e-12)


def test_a_stratum_of_all_probes_is_everything() -> None:
    curves, placebo, facts, never = material()
    signal = Signal("gain", curves, Placebo(placebo[None], np.ones((1, 6)), np.zeros(8, np.int64)))
    group = GroupCurves.of(arm_of(8, SCHEDULE), signal, np.ones(8))
    everything = split_half(group, SCHEDULE, np.asarray([1]), facts, never)
    found = split_half_of([group], [0, 0], group, SCHEDULE, facts, never)
    np.testing.assert_allclose(found.rows[:, :2], everything.effectivity.rows)
    np.testing.assert_allclose(found.rows[:, 2], everything.pooled.rows)


def test_strata_are_read_at_the_common_peak_and_add_up() -> None:
    """In one half of each split a stratum may be empty; weighted by probes, two strata of facts make up the whole."""
    curves, placebo, facts, never = material()
    arm = arm_of(8, SCHEDULE)
    signal = Signal("gain", curves, Placebo(placebo[None], np.ones((1, 6)), np.zeros(8, np.int64)))
    group = GroupCurves.of(arm, signal, np.ones(8))
    mask = np.arange(8) < 5
    parts = [GroupCurves.of(arm, signal, part.astype(np.float64)) for part in (mask, ~mask)]
    found = [split_half_of([part], [0, 0], group, SCHEDULE, facts, never).value for part in parts]
    assert not np.allclose(found[0], found[1])
    whole = split_half_of([group], [0, 0], group, SCHEDULE, facts, never).value
    assert np.all((np.minimum(*found) - 0.2 <= whole) & (whole <= np.maximum(*found) + 0.2))


def test_all_copies_of_a_fact_are_in_the_same_half_and_halves_are_even() -> None:
    facts = resample(9, samples=200, splits=SPLITS, seed=0, arm="x")
    assert facts.first.shape == (201, SPLITS, 9)
    distinct = np.count_nonzero(facts.counts, axis=1)
    in_first = (facts.first & (facts.counts > 0)[:, None]).sum(axis=-1)
    assert np.all(in_first == (distinct // 2)[:, None])
    assert not np.array_equal(facts.first[0, 0], facts.first[0, 1])


def test_a_placebo_common_to_both_halves_would_leak() -> None:
    """Facts without any gain: with the placebo split E is 0; with one curve for both halves its noise is gained.

    The mean of 12 never-injected probes has a deviation of .29, the maximum of 4 of them lies 1.03 of it higher.
    """
    generator = np.random.default_rng(3)
    arm = arm_of(100, SCHEDULE)
    facts = resample(100, samples=0, splits=SPLITS, seed=0, arm="a")
    never = resample(12, samples=0, splits=SPLITS, seed=0, arm="never")
    found = []
    for _ in range(150):
        curves, placebo = noise(100, 20, 0.0, generator), noise(12, 20, 0.0, generator)
        split = Signal("gain", curves, Placebo(placebo[None], np.ones((1, 12)), np.zeros(100, np.int64)))
        shared = Signal("raw", curves - placebo.mean(axis=0), None)
        for signal, against in ((split, never), (shared, None)):
            group = GroupCurves.of(arm, signal, np.ones(100))
            found.append(split_half(group, SCHEDULE, np.asarray([1]), facts, against).pooled.value)
    apart, common = np.reshape(found, (-1, 2)).mean(axis=0)
    assert abs(apart) < 0.06  # 150 repeats: standard error .02
    assert common > 0.15


def test_mean_gain_is_the_plain_mean_and_follows_offsets_and_depths() -> None:
    """Two cells of placebo: each probe is compared with its own, whatever the mix in the group."""
    curves = np.asarray([[1.0, 2.0], [3.0, 5.0], [10.0, 10.0]])
    placebo = Placebo(
        sums=np.asarray([[[0.5, 1.0], [0.5, 0.0]], [[4.0, 4.0], [0.0, 2.0]]]),
        counts=np.asarray([[1.0, 1.0], [2.0, 1.0]]),
        cell=np.asarray([0, 0, 1]),
    )
    signal = Signal("gain", curves, placebo)
    spill = np.asarray([[0.5, 0.5], [0.5, 0.5], [4 / 3, 2.0]])
    np.testing.assert_allclose(signal.gains(), curves - spill)
    arm = arm_of(3, Schedule(interval=1, window=1, encounters=np.asarray([0]), times=np.arange(2)))
    facts = resample(3, samples=20, splits=SPLITS, seed=0, arm="a")
    never = resample(2, samples=0, splits=SPLITS, seed=0, arm="never")
    fixed = Resamples(np.repeat(never.drawn, 21, 0), np.repeat(never.counts, 21, 0), np.repeat(never.first, 21, 0))
    found = mean_gain(GroupCurves.of(arm, signal, np.ones(3)), facts, fixed)
    np.testing.assert_allclose(found.rows, [(curves - spill)[drawn].mean(axis=0) for drawn in facts.drawn])
