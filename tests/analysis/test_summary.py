"""The paper's figures from raw curves to the decay constant, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lineage.analysis.bootstrap import resample
from lineage.analysis.retention import fit_log_line
from lineage.analysis.summary import PaperFigures, paper_effectivity, paper_figures
from lineage.analysis.trajectories import Schedule
from tests.analysis.simulation import arm_of

SCHEDULE = Schedule(interval=3, window=2, encounters=np.asarray([0, 3]), times=np.arange(9))
CURVES = np.asarray(
    [  # encounter 0, window 1-2; encounter 3, window 4-5
        [-4.0, -3.0, -3.5, -3.50, -1.5, -2.00, -2.50, -2.0, -3.5],
        [-4.0, -3.5, -2.0, -3.00, -2.0, 0.00, -1.00, -2.0, -2.0],
        [-4.0, -4.5, -5.0, -4.00, -4.0, -4.25, -4.25, -4.5, -5.0],
        [-4.0, -2.0, -3.0, -3.00, -2.0, -2.00, -2.50, -3.0, -3.5],
        [-4.0, -3.0, -3.0, -3.75, -3.0, 0.00, -2.00, -3.0, -4.0],
        [-4.0, 9.0, 9.0, 9.00, 9.0, 9.00, 9.00, 9.0, 9.0],  # of another depth
    ]
)
"""E of encounter 0: 1, 2, -.5, 2, 1; of encounter 1: 2, 3, 0, 1, 3.75; last peaks at 4, 5, 4, 4, 5."""
CHOSEN = np.asarray([True] * 5 + [False])
LAGS = np.asarray([1, 2, 3])


@pytest.fixture(scope="module")
def found() -> PaperFigures:
    facts = resample(3, samples=50, splits=25, seed=0, arm="x")
    arm = arm_of(3, SCHEDULE, probes=2)
    return paper_figures(arm, CURVES, CHOSEN, lags=LAGS, fixed=(2, 9), factors=(1.5, 2.0), facts=facts)


def test_effectivity_pooled_over_probes_and_encounters(found: PaperFigures) -> None:
    """-.5 0 1 1 1 2 2 2 3 3.75: quartiles 1 and 2, so 1.5 reaches -.5 to 3.5 and 2.0 reaches -1 to 4."""
    narrow, wide = (one.pooled for one in found.summaries)
    assert narrow.value == pytest.approx(11.5 / 9)
    assert wide.value == pytest.approx(15.25 / 10)
    assert (narrow.kept, narrow.total, wide.kept, wide.total) == (9, 10, 10, 10)


def test_effectivity_of_each_encounter(found: PaperFigures) -> None:
    assert found.summaries[0].effectivity.value == pytest.approx([1.1, 1.95])
    assert found.successes.value == pytest.approx([1.5, 1.95])  # without -.5; 0 is no failure here
    assert found.successes.kept is not None
    assert found.successes.kept.tolist() == [4, 5]
    assert found.failed.value == pytest.approx([0.2, 0.2, 0.2])  # here it is


def test_retention_drops_what_has_no_gain_and_filters_each_lag_anew(found: PaperFigures) -> None:
    """R at lags 1, 2, 3: .8 .6 .8; .75 .5 .5; undefined; 1 .75 .5; .5 .25 0. The last 0 is out with 1.5 only."""
    narrow, wide = (one.retention for one in found.summaries)
    assert narrow.value == pytest.approx([3.05 / 4, 2.1 / 4, 1.8 / 3])
    assert wide.value == pytest.approx([3.05 / 4, 2.1 / 4, 1.8 / 4])
    assert narrow.kept is not None
    assert narrow.total is not None
    assert narrow.kept.tolist() == [4, 4, 3]
    assert narrow.total.tolist() == [5, 5, 5]


def test_decay_is_the_line_through_the_filtered_means(found: PaperFigures) -> None:
    decay = found.summaries[0].decay
    slope, intercept = np.polyfit(np.log10(LAGS), [0.7625, 0.525, 0.6], 1)
    assert decay["uniform_t", "a"].value == pytest.approx(-slope)
    assert decay["uniform_t", "r1"].value == pytest.approx(intercept)
    assert decay["uniform_t", "a_star"].value == pytest.approx(-slope / intercept)
    assert decay["none", "r_2"].value == pytest.approx(0.525)
    assert ("none", "r_9") not in decay
    assert decay["none", "half_life_steps"].value == np.inf
    assert decay["none", "peak_steps"].value == pytest.approx((1 + 2 + 1 + 1 + 2) / 5)


def test_the_fit_is_redone_in_every_resample(found: PaperFigures) -> None:
    retention, decay = found.summaries[0].retention, found.summaries[0].decay
    redone = fit_log_line(LAGS, retention.draws, np.ones(3)).a
    np.testing.assert_allclose(decay["uniform_t", "a"].draws, redone)
    assert np.ptp(redone[~np.isnan(redone)]) > 0.1


def test_a_resample_is_the_filter_of_its_facts_probes(found: PaperFigures) -> None:
    """Facts hold probes 0-1, 2-3 and 4: all of a fact's come along, as often as it is drawn."""
    facts = resample(3, samples=50, splits=25, seed=0, arm="x")
    gains = {0: [1, 2, 2, 3], 1: [-0.5, 0, 2, 1], 2: [1, 3.75]}
    for row in (1, 2, 3):
        values = np.concatenate([gains[fact] for fact in facts.drawn[row]])
        first, third = np.percentile(values, [25, 75])
        reach = 1.5 * (third - first)
        kept = values[(values >= first - reach) & (values <= third + reach)]
        assert found.summaries[0].pooled.rows[row] == pytest.approx(kept.mean())


def test_the_placebos_effectivity_is_the_same_code(found: PaperFigures) -> None:
    facts = resample(3, samples=50, splits=25, seed=0, arm="x")
    again = paper_effectivity(arm_of(3, SCHEDULE, probes=2), CURVES, CHOSEN, factor=1.5, facts=facts)
    summary = found.summaries[0]
    np.testing.assert_array_equal(again.rows[:, :2], summary.effectivity.rows)
    np.testing.assert_array_equal(again.rows[:, 2], summary.pooled.rows)
