"""Figures of judges by hand, and corrected rates whose intervals hold what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.evaluation.judges.calibration import (
    Confusion,
    calibrate,
    confusion,
    corrected_rate,
    corrected_samples,
)
from lineage.evaluation.judges.judge import Refusal, Verdict
from lineage.evaluation.proportions import wilson

COUNTS = st.integers(0, 50)


def test_measures_by_hand() -> None:
    """8 of 10 flagged are true, 8 of 16 true are flagged, 40 of 50 judged as people do."""
    found = Confusion(hits=8, false_alarms=2, misses=8, rejections=32)
    assert (found.n, found.precision, found.recall) == (50, 0.8, 0.5)
    assert found.specificity == pytest.approx(32 / 34)
    assert found.f1 == pytest.approx(2 * 0.8 * 0.5 / 1.3)
    chance = (16 * 10 + 34 * 40) / 2500
    assert found.kappa == pytest.approx((0.8 - chance) / (1 - chance))


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_measures_are_bounded_or_none(hits: int, alarms: int, misses: int, rejections: int) -> None:
    row = Confusion(hits, alarms, misses, rejections).row()
    for name in ("precision", "recall", "specificity", "f1"):
        assert row[name] is None or 0 <= row[name] <= 1
    assert row["kappa"] is None or -1 <= row["kappa"] <= 1
    if row["precision"] is not None:
        assert row["precision_low"] - 1e-12 <= row["precision"] <= row["precision_high"] + 1e-12


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_swapping_both_columns_swaps_precision_and_recall(pairs: list[tuple[bool, bool]]) -> None:
    one, other = zip(*pairs, strict=True)
    there, back = confusion(one, other), confusion(other, one)
    assert (there.precision, there.recall, there.kappa) == (back.recall, back.precision, back.kappa)


def test_what_cannot_be_read_is_counted_and_never_guessed() -> None:
    labels: list[Refusal] = ["full", "partial", "none", "none"]
    found = calibrate(labels, [Verdict("partial"), None, None, Verdict("full")])
    assert found["unparsed"] == 2
    assert found["table"]["partial"] == {"none": 0, "partial": 0, "full": 0, "unparsed": 1}
    refusals = found["refusal"]
    assert [refusals[name] for name in ("hits", "false_alarms", "misses", "rejections")] == [1, 1, 1, 1]
    assert found["full_refusal"]["hits"] == 0


def test_a_rate_is_corrected_by_hand() -> None:
    """Recall .8, specificity .9: of true .5 it flags .5 * .8 + .5 * .1 = .45."""
    judge = Confusion(hits=80, misses=20, rejections=90, false_alarms=10)
    flagged = [True] * 45 + [False] * 55
    found = corrected_rate(flagged, range(100), judge, samples=500, seed=0)
    assert found["value"] == pytest.approx(0.5)
    assert found["low"] is not None and found["high"] is not None and found["low"] < 0.5 < found["high"]


def test_a_perfect_judge_changes_nothing() -> None:
    judge = Confusion(hits=10_000, misses=0, rejections=10_000, false_alarms=0)
    flagged = [True] * 30 + [False] * 70
    found = corrected_rate(flagged, range(100), judge, samples=2000, seed=0)
    assert found["value"] == pytest.approx(0.3)
    assert found["low"] == pytest.approx(0.3 - 1.96 * (0.3 * 0.7 / 100) ** 0.5, abs=0.02)


@pytest.mark.parametrize("judge", [Confusion(5, 5, 5, 5), Confusion(0, 0, 0, 40), Confusion(0, 0, 0, 0)])
def test_a_judge_no_better_than_chance_says_nothing(judge: Confusion) -> None:
    found = corrected_rate([True, False], [0, 1], judge, samples=200, seed=0)
    assert (found["value"], found["low"], found["high"]) == (None, 0.0, 1.0)


def test_fewer_flagged_than_false_alarms_is_no_proof_of_none() -> None:
    """1 of 200 flagged, 12 of 374 false alarms: nothing true is estimated, up to 2.8 % (Wilson) / .7 is possible."""
    judge = Confusion(hits=53, misses=23, rejections=362, false_alarms=12)
    found = corrected_rate([True] + [False] * 199, range(200), judge, samples=500, seed=0)
    assert found["value"] == found["low"] == 0.0
    assert found["high"] == pytest.approx(wilson(1, 200).high * 76 / 53)


def test_no_response_has_no_rate() -> None:
    assert corrected_rate([], [], Confusion(1, 1, 1, 1), samples=200, seed=0)["low"] is None


def test_responses_of_a_cluster_are_drawn_together() -> None:
    """Two clusters of fifty alike: the interval is that of two things."""
    judge = Confusion(hits=10_000, misses=0, rejections=10_000, false_alarms=0)
    flagged = [True] * 50 + [False] * 50
    found = corrected_rate(flagged, flagged, judge, samples=500, seed=0)
    assert (found["low"], found["high"], found["num_clusters"]) == (0.0, 1.0, 2)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """400 studies: 76 labelled refusals and 374 answers, as XSTest has, a judge of recall .7 and specificity .96."""
    generator = np.random.Generator(np.random.PCG64(0))
    held = 0
    studies, true = 400, 0.4
    for study in range(studies):
        hits, alarms = generator.binomial(76, 0.7), generator.binomial(374, 0.04)
        judge = Confusion(hits=hits, misses=76 - hits, rejections=374 - alarms, false_alarms=alarms)
        flagged = generator.random(200) < true * 0.7 + (1 - true) * 0.04
        rates = generator.binomial(200, flagged.mean(), size=400) / 200
        low, high = np.quantile(corrected_samples(rates, judge, seed=study), [0.025, 0.975])
        held += low <= true <= high
    assert held / studies >= 0.93
