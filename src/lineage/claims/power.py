"""How many seeds, or items, a row needs to be supported, if what was measured so far is the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from lineage.claims.slices import Statistic
from lineage.claims.statistics import Expectation

POWER = 0.8
MOST_SEEDS = 50
_SAMPLES = 4000
_NORMAL_REACH = 1.959964


@dataclass(frozen=True)
class Needed:
    """What one row needs, on the scale on which its figures are averaged."""

    mean: float
    spread: float
    """Standard deviation between seeds; of one seed that of its items alone, so that `seeds` is the least it can be."""
    item_spread: float | None
    """Its part that more items would take away; None where slices have no intervals."""
    seeds_run: int
    seeds: int | None
    """For a power of 80 %; None: more than `MOST_SEEDS`, or the mean lies where the claim does not hold."""
    seeds_with_items: int | None
    """The same with four times as many items, which halve the second part."""


def needed(statistics: Sequence[Statistic], expected: Expectation) -> Needed | None:
    """From the slices of one row in one world; None where no slice has a figure."""
    used = [one for one in statistics if one.value is not None]
    if not used:
        return None
    scaled = expected.on_scale([one.value for one in used if one.value is not None])
    errors = [_item_error(one, expected) for one in used]
    known = [error for error in errors if error is not None]
    items = math.sqrt(sum(error * error for error in known) / len(known)) if known else None
    mean = float(scaled.mean())
    spread = float(scaled.std(ddof=1)) if len(used) > 1 else items or 0.0
    fewer = math.sqrt(max(0.0, spread**2 - 0.75 * (items or 0.0) ** 2))
    return Needed(
        mean,
        spread,
        items,
        len({one.seed for one in used}),
        seeds_needed(expected, mean, spread),
        seeds_needed(expected, mean, fewer),
    )


def seeds_needed(expected: Expectation, mean: float, spread: float) -> int | None:
    """The fewest seeds, two or more, whose interval lies inside the expectation in 80 % of repetitions."""
    for seeds in range(2, MOST_SEEDS + 1):
        if power(expected, mean, spread, seeds) >= POWER:
            return seeds
    return None


def power(expected: Expectation, mean: float, spread: float, seeds: int) -> float:
    """Share of 4,000 repetitions in which the row is supported; before Holm's correction, which asks for more.

    `mean` and `spread` (a standard deviation) are on the scale of the test; seeds vary normally around the mean.

    >>> from lineage.claims.statistics import above
    >>> power(above(0), 1.0, 0.0, 2), power(above(0), -1.0, 0.5, 5)
    (1.0, 0.0)
    """
    drawn = np.random.default_rng(seeds).normal(mean, spread, (_SAMPLES, seeds))
    means, errors = drawn.mean(axis=1), drawn.std(axis=1, ddof=1) / math.sqrt(seeds)
    reach = float(stdtrit(seeds - 1, 0.5 + expected.confidence / 2)) * errors
    inside = (expected.scaled_low < means - reach) & (means + reach < expected.scaled_high)
    return float(inside.mean())


def _item_error(one: Statistic, expected: Expectation) -> float | None:
    """Standard error over items, from the interval."""
    if one.low is None or one.high is None or (expected.ratio and one.low <= 0):
        return None
    low, high = expected.on_scale([one.low, one.high])
    return float(high - low) / (2 * _NORMAL_REACH)
