"""Intervals and tests of models that answered the same prompts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from lineage.evaluation.paired import Draws, Resampled, bounds, draws, largest, mcnemar, mean
from lineage.evaluation.proportions import wilson


@pytest.mark.parametrize(("numerator", "n"), [(0, 12), (3, 40), (50, 50), (224, 448)])
def test_wilson_is_scipys(numerator: int, n: int) -> None:
    found = wilson(numerator, n)
    reference = stats.binomtest(numerator, n).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high))
    assert (found.value, found.numerator, found.n) == (numerator / n, numerator, n)


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no items"):
        wilson(0, 0)


def test_mcnemar_is_the_binomial_test_of_what_differs() -> None:
    generator = np.random.Generator(np.random.PCG64(0))
    one, other = generator.random(80) < 0.7, generator.random(80) < 0.5
    only_one, only_other = int((one & ~other).sum()), int((~one & other).sum())
    assert mcnemar(one, other) == pytest.approx(stats.binomtest(only_one, only_one + only_other).pvalue)
    assert mcnemar(one, other) == mcnemar(other, one)
    assert mcnemar(one, one) == 1.0
    assert mcnemar([True, False], [False, True]) == 1.0


def test_draws_do_not_depend_on_the_order_or_number_of_items() -> None:
    few = draws([["a", "b", "c"]], samples=50, seed=1)
    many = draws([["c", "a", "b", "b"]], samples=50, seed=1)
    assert (few.weights == many.weights[:, [1, 2, 0]]).all()
    assert (many.weights[:, 2] == many.weights[:, 3]).all()
    assert (draws([["a", "b", "c"]], samples=50, seed=2).weights != few.weights).any()


def test_crossed_items_count_with_the_product_of_both_factors() -> None:
    verbs, objects = ["eat", "eat", "crush", "crush"], ["root", "nut", "root", "nut"]
    both = draws([verbs, objects], samples=40, seed=3).weights
    one = draws([verbs, ["same"] * 4], samples=40, seed=3).weights
    other = draws([["same"] * 4, objects], samples=40, seed=3).weights
    assert (both == one * other).all()
    assert (one != 1).any() and (other != 1).any()
    assert draws([verbs, ["a", "b", "c", "a"]], samples=5, seed=0).groups == 2


def test_a_mean_of_items_that_no_resample_holds_is_undefined() -> None:
    drawn = Draws(np.array([[0.0, 0.0], [2.0, 0.0]]), groups=2)
    assert drawn.mean([1.0, 0.0]).tolist() == pytest.approx([np.nan, 1.0], nan_ok=True)


def test_figures_are_joined_draw_by_draw() -> None:
    one = Resampled(0.5, np.array([0.4, 0.6]), groups=7, items=30)
    other = Resampled(0.25, np.array([0.2, 0.3]), groups=5, items=40)
    assert (one - other).value == 0.25
    assert (1.0 - one).rows.tolist() == pytest.approx([0.6, 0.4])
    assert (one * other).rows.tolist() == pytest.approx([0.08, 0.18])
    assert (one / other).rows.tolist() == pytest.approx([2.0, 2.0])
    assert mean([one, other]).value == 0.375
    joined = one + other
    assert (joined.groups, joined.items) == (5, 30)
    crossed = Resampled(0.45, np.array([0.7, 0.1]), groups=9, items=9)
    assert largest([one, crossed]).rows.tolist() == [0.7, 0.6]
    assert largest([one, crossed]).value == 0.5


def test_a_paired_difference_is_narrower_than_that_of_strangers() -> None:
    """Both models fail on the same objects, so only the constant difference is left in each resample."""
    objects = [f"object-{number // 4}" for number in range(40)]
    hard = np.repeat(np.linspace(0, 1, 10), 4)
    drawn = draws([objects], samples=300, seed=0)
    stranger = draws([objects], samples=300, seed=1)
    paired = drawn.resampled(hard + 0.1) - drawn.resampled(hard)
    unpaired = drawn.resampled(hard + 0.1) - stranger.resampled(hard)
    assert paired.bounds == pytest.approx((0.1, 0.1))
    assert unpaired.bounds is not None and unpaired.bounds[0] < 0 < unpaired.bounds[1]


def test_one_group_has_no_interval() -> None:
    assert bounds(0.5, np.full(10, 0.5), groups=1) is None
    assert bounds(0.5, np.full(10, np.nan), groups=3) is None


def test_intervals_cover_a_difference_of_models_whose_verbs_and_objects_matter() -> None:
    """Verbs, objects and items each move the difference; 12 verbs x 18 objects of which each verb meets some."""
    generator = np.random.Generator(np.random.PCG64(5))
    verb, thing = np.divmod(np.arange(12 * 18), 18)
    met = (verb + thing) % 4 == 0
    verb, thing = verb[met], thing[met]
    drawn = draws([verb.tolist(), thing.tolist()], samples=400, seed=0)
    covered = 0
    for _ in range(200):
        truth = 0.1
        values = truth + 0.3 * generator.standard_normal(12)[verb] + 0.3 * generator.standard_normal(18)[thing]
        values = values + 0.5 * generator.standard_normal(len(verb))
        found = bounds(float(values.mean()), drawn.mean(values), groups=drawn.groups)
        assert found is not None
        covered += found[0] < truth < found[1]
    assert covered / 200 > 0.93
    naive = 1.96 * 0.66 / math.sqrt(len(verb))
    assert bounds(0.0, drawn.mean(values - values.mean()), groups=drawn.groups)[1] > naive  # pyright: ignore
