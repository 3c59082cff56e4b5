"""From one figure a seed to a verdict: t intervals, regions that a claim says the figure lies in, Holm's correction.

All tests are written so that 0.05 is the level: a p-value of an expectation with a 95 % interval is two-sided, one of
a claim of no difference (90 % interval inside a margin) is the larger of its two one-sided ones (TOST).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit

LEVEL = 0.05
"""Level of every test, after Holm's correction within a study."""

SUPPORTED = "supported"
CONTRADICTED = "contradicted"
UNDECIDED = "undecided"
NOT_TESTABLE = "not testable here"
ONE_SEED = "one seed"
Verdict = Literal["supported", "contradicted", "undecided", "not testable here", "one seed"]


@dataclass(frozen=True)
class Interval:
    """A range with a figure in it."""

    low: float
    high: float


@dataclass(frozen=True)
class Expectation:
    """Where a claim says that a figure lies: between `low` and `high`, both left out.

    Supported when the interval of `confidence` lies inside, contradicted when the 95 % interval lies outside on one
    side, else undecided. `ratio` figures are averaged and tested as logarithms.
    """

    low: float = -math.inf
    high: float = math.inf
    confidence: float = 0.95
    ratio: bool = False

    @property
    def text(self) -> str:
        """As the ledger prints it.

        >>> above(0).text, within(-0.1, 0.1).text
        ('> 0', 'between -0.1 and 0.1')
        """
        if math.isinf(self.high):
            return f"> {self.low:g}"
        return f"< {self.high:g}" if math.isinf(self.low) else f"between {self.low:g} and {self.high:g}"

    def on_scale(self, values: Sequence[float]) -> np.ndarray:
        """Figures as they are averaged: themselves, or their logarithms."""
        array = np.asarray(values, dtype=np.float64)
        return np.log(array) if self.ratio else array

    def off_scale(self, value: float) -> float:
        """The way back."""
        return math.exp(value) if self.ratio else value

    @property
    def scaled_low(self) -> float:
        """`low` on the scale of the test; a ratio has no bound below 0."""
        if not self.ratio:
            return self.low
        return math.log(self.low) if self.low > 0 else -math.inf

    @property
    def scaled_high(self) -> float:
        """`high` on the scale of the test."""
        return math.log(self.high) if self.ratio and not math.isinf(self.high) else self.high

    def holds_for(self, interval: Interval) -> bool:
        """Whether a whole interval lies inside."""
        return self.low < interval.low and interval.high < self.high


def above(low: float, *, ratio: bool = False) -> Expectation:
    """The figure is larger than `low`."""
    return Expectation(low=low, ratio=ratio)


def below(high: float, *, ratio: bool = False) -> Expectation:
    """The figure is smaller than `high`."""
    return Expectation(high=high, ratio=ratio)


def within(low: float, high: float, *, ratio: bool = False) -> Expectation:
    """No difference that matters: the 90 % interval must lie inside a margin fixed beforehand."""
    return Expectation(low, high, confidence=0.9, ratio=ratio)


def not_above(high: float, *, ratio: bool = False) -> Expectation:
    """No gain that matters: the 90 % interval must end below a margin fixed beforehand; how far below is free."""
    return Expectation(high=high, confidence=0.9, ratio=ratio)


@dataclass(frozen=True)
class Test:
    """One expectation against one figure a seed."""

    mean: float
    interval: Interval
    p_value: float
    """Of what the mean points to: of lying inside when it does, else of lying outside."""
    inside: bool


def t_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Interval of the mean of two or more seeds.

    >>> found = t_interval([1.0, 2.0, 3.0])
    >>> round(found.low, 3), round(found.high, 3)
    (-0.484, 4.484)
    """
    mean, error = _mean_and_error(np.asarray(values, dtype=np.float64))
    reach = float(stdtrit(len(values) - 1, 0.5 + confidence / 2)) * error
    return Interval(mean - reach, mean + reach)


def t_test(values: Sequence[float], expected: Expectation) -> Test:
    """Tests two or more seeds against an expectation; the interval has its confidence.

    Mean 2 with a standard error of 0.577 is t = 3.464 at 2 degrees of freedom:

    >>> found = t_test([1.0, 2.0, 3.0], above(0))
    >>> round(found.p_value, 4), found.inside
    (0.0742, True)
    """
    assert len(values) >= 2, "an interval over seeds needs two"
    scaled = expected.on_scale(values)
    mean, error = _mean_and_error(scaled)
    interval = t_interval(scaled.tolist(), expected.confidence)
    freedom = len(values) - 1
    not_over_low = _tail(mean - expected.scaled_low, error, freedom)
    not_under_high = _tail(expected.scaled_high - mean, error, freedom)
    inside = expected.scaled_low < mean < expected.scaled_high
    if inside:
        sides = 2.0 if expected.confidence == 0.95 else 1.0
        p_value = sides * max(not_over_low, not_under_high)
    else:
        p_value = 2.0 * (1.0 - max(not_over_low, not_under_high))
    shown = Interval(expected.off_scale(interval.low), expected.off_scale(interval.high))
    return Test(expected.off_scale(mean), shown, min(1.0, p_value), inside)


def verdict(*, inside: bool, p_value: float) -> Verdict:
    """The verdict of two or more seeds from a p-value (corrected or not) and the side that the mean lies on.

    >>> verdict(inside=True, p_value=0.01), verdict(inside=False, p_value=0.01), verdict(inside=True, p_value=0.2)
    ('supported', 'contradicted', 'undecided')
    """
    if p_value >= LEVEL:
        return UNDECIDED
    return SUPPORTED if inside else CONTRADICTED


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's corrected p-values, in the order given (Holm 1979, Scand. J. Statist. 6).

    Sorted, the k-th of n is multiplied by n - k + 1, and none is smaller than the one before:

    >>> [round(one, 3) for one in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    order = sorted(range(len(p_values)), key=lambda position: p_values[position])
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, position in enumerate(order):
        largest = max(largest, min(1.0, p_values[position] * (len(p_values) - rank)))
        corrected[position] = largest
    return corrected


def _mean_and_error(values: np.ndarray) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))


def _tail(distance: float, error: float, freedom: int) -> float:
    """One-sided p-value against "the mean lies not on this side"; without any spread it is 0, 1/2 or 1."""
    if error == 0:
        return 0.5 - 0.5 * float(np.sign(distance))
    return float(stdtr(freedom, -distance / error))
