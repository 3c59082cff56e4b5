"""Seeds that a row needs: the simulation agrees with the power of the t test where that is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from lineage.claims.power import needed, power, seeds_needed
from lineage.claims.slices import Statistic
from lineage.claims.statistics import SUPPORTED, above, t_test, verdict, within


def statistic(seed: int, value: float | None, reach: float = 0.1) -> Statistic:
    ends = (None, None) if value is None else (value - reach, value + reach)
    return Statistic("K1", "row", value, *ends, None, None, 50, None, None, "full", seed, "generated", "d", "0" * 16)


@pytest.mark.parametrize(("seeds", "effect"), [(3, 1.5), (5, 1.0), (10, 0.8)])
def test_power_is_that_of_the_t_test(seeds: int, effect: float) -> None:
    """Two-sided at 5 %, in the right direction; 4,000 repetitions have a standard error of 0.008 at most."""
    bound = stats.t.ppf(0.975, seeds - 1)
    exact = stats.nct.sf(bound, seeds - 1, effect * math.sqrt(seeds))
    assert power(above(0), effect, 1.0, seeds) == pytest.approx(exact, abs=0.025)


def test_the_seeds_that_are_needed_are_enough_and_one_fewer_is_not() -> None:
    found = seeds_needed(above(0), 1.0, 0.6)
    assert found is not None
    rng = np.random.default_rng(1)

    def share(seeds: int) -> float:
        tests = [t_test(rng.normal(1.0, 0.6, seeds).tolist(), above(0)) for _ in range(2000)]
        return float(np.mean([verdict(inside=one.inside, p_value=one.p_value) == SUPPORTED for one in tests]))

    assert share(found) > 0.77
    assert share(found - 1) < 0.83


def test_a_margin_needs_seeds_too_and_a_wrong_mean_never_gets_there() -> None:
    margin = within(-0.1, 0.1)
    assert seeds_needed(margin, 0.0, 0.05) == 4
    assert power(margin, 0.0, 0.05, 3) < 0.8 <= power(margin, 0.0, 0.05, 4)
    assert seeds_needed(above(0), -0.2, 0.1) is None
    assert seeds_needed(within(-0.1, 0.1), 0.2, 0.01) is None


def test_more_items_help_as_far_as_items_make_the_spread() -> None:
    noisy = [statistic(seed, value, reach=1.96 * 0.3) for seed, value in enumerate((0.1, 0.5, 0.7))]
    found = needed(noisy, above(0))
    assert found is not None and found.seeds_run == 3
    assert found.item_spread == pytest.approx(0.3, rel=1e-3)
    assert found.seeds_with_items is not None and found.seeds is not None
    assert found.seeds_with_items < found.seeds
    exact = needed([statistic(seed, value, reach=0.0) for seed, value in enumerate((0.1, 0.5, 0.7))], above(0))
    assert exact is not None and exact.seeds_with_items == exact.seeds


def test_one_seed_knows_the_spread_of_its_items_alone() -> None:
    found = needed([statistic(0, 0.5, reach=1.96 * 0.2), statistic(1, None)], above(0))
    assert found is not None
    assert (found.seeds_run, found.spread) == (1, pytest.approx(0.2, rel=1e-3))
    assert needed([statistic(0, None)], above(0)) is None
