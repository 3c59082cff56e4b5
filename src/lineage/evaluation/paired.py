"""Rates and differences of models that answered the same prompts, with intervals over what the prompts are made of.

Prompts share verbs and objects: a model that does not know one root answers every question about it wrong. So verbs and
objects are both drawn with replacement, and a prompt counts as often as its verb times its object was drawn: the
pigeonhole bootstrap (Owen 2007, Annals of Applied Statistics 1, 386), which errs towards wide intervals. The draws
depend on seed and groups alone, so figures of several models are resampled together.
"""

from __future__ import annotations

import operator
import zlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from lineage.analysis.bootstrap import interval

Floats = NDArray[np.float64]


def mcnemar(first: Sequence[bool] | NDArray[np.bool_], second: Sequence[bool] | NDArray[np.bool_]) -> float:
    """Exact two-sided p-value that two models do as well on the same items: a coin decides each that they differ on.

    Six differ, all in favour of the first: 2 / 2^6.

    >>> mcnemar([True] * 6 + [True, False], [False] * 6 + [True, False])
    0.03125
    """
    one, other = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    assert one.shape == other.shape, "the same items"
    only_one, only_other = int((one & ~other).sum()), int((~one & other).sum())
    differing = only_one + only_other
    if differing == 0:
        return 1.0
    return min(1.0, 2.0 * float(bdtr(min(only_one, only_other), differing, 0.5)))


@dataclass(frozen=True)
class Draws:
    """How often each item counts in each resample."""

    weights: Floats
    """[resample, item]"""
    groups: int
    """Of the factor with fewest groups: what the interval is stretched for."""

    def mean(self, values: Sequence[float] | Floats) -> Floats:
        """[resample] weighted mean over items; NaN where no item was drawn.

        >>> draws([["a", "b"]], samples=3, seed=0).mean([1.0, 1.0]).tolist()
        [1.0, 1.0, 1.0]
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.weights @ np.asarray(values, dtype=np.float64) / self.weights.sum(axis=1)

    def resampled(self, values: Sequence[float] | Floats) -> Resampled:
        """Mean of the values of the items, in the sample and in each resample."""
        array = np.asarray(values, dtype=np.float64)
        return Resampled(float(array.mean()), self.mean(array), self.groups, len(array))

    def times(self, counts: Sequence[float] | Floats) -> Draws:
        """The same resamples with each item counted so often."""
        return Draws(self.weights * np.asarray(counts, dtype=np.float64), self.groups)


@dataclass(frozen=True)
class Resampled:
    """A figure, and what it would be in each resample: sums and products of several go draw by draw."""

    value: float
    rows: Floats
    """[resample]; NaN where a resample leaves it undefined."""
    groups: int
    """Independent groups behind it, of the factor and the figure with fewest."""
    items: int
    """Items behind it, of the figure with fewest."""

    def __add__(self, other: Resampled | float) -> Resampled:
        return self._joined(other, operator.add)

    def __sub__(self, other: Resampled | float) -> Resampled:
        return self._joined(other, operator.sub)

    def __mul__(self, other: Resampled | float) -> Resampled:
        return self._joined(other, operator.mul)

    def __truediv__(self, other: Resampled | float) -> Resampled:
        return self._joined(other, _divided)

    def __rsub__(self, other: float) -> Resampled:
        return self * -1.0 + other

    def _joined(self, other: Resampled | float, join: Callable[[Any, Any], Any]) -> Resampled:
        if not isinstance(other, Resampled):
            return Resampled(float(join(self.value, other)), join(self.rows, other), self.groups, self.items)
        groups, items = min(self.groups, other.groups), min(self.items, other.items)
        return Resampled(float(join(self.value, other.value)), join(self.rows, other.rows), groups, items)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Ends of the 95 % interval; None for fewer than two groups."""
        return bounds(self.value, self.rows, groups=self.groups)


def _divided(one: Any, other: Any) -> Any:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.divide(one, other)


def mean(figures: Sequence[Resampled]) -> Resampled:
    """Mean of figures, each with the same weight."""
    first, *others = figures
    return sum(others, start=first) * (1 / len(figures))


def largest(figures: Sequence[Resampled]) -> Resampled:
    """The largest of several figures; in each resample it may be another."""
    rows = np.max([one.rows for one in figures], axis=0)
    groups, items = min(one.groups for one in figures), min(one.items for one in figures)
    return Resampled(max(one.value for one in figures), rows, groups, items)


def draws(factors: Sequence[Sequence[Hashable]], *, samples: int, seed: int) -> Draws:
    """Resamples of items that are crossed by `factors`: each a list with the group of every item, such as its verb.

    One factor is the usual cluster bootstrap; of two, an item counts with the product of both. A group's draws depend
    on the set of groups, not on the items or their order.
    """
    assert factors, "one factor or more"
    weights = np.ones((samples, len(factors[0])))
    fewest = len(factors[0])
    for number, groups in enumerate(factors):
        names = sorted(set(groups), key=str)
        index = {name: position for position, name in enumerate(names)}
        purpose = zlib.crc32("\n".join(map(str, names)).encode())
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, number, purpose))))
        counts = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=samples) if names else None
        if counts is not None:
            weights *= counts[:, [index[name] for name in groups]]
        fewest = min(fewest, len(names))
    return Draws(weights, fewest)


def bounds(value: float, resampled: Floats, *, groups: int) -> tuple[float, float] | None:
    """Ends of the 95 % interval of a figure from its resamples; None for a figure of fewer than two groups."""
    there = resampled[np.isfinite(resampled)]
    if groups < 2 or len(there) < 2:
        return None
    low, high = interval(np.asarray(value), there, clusters=groups)
    return float(low), float(high)
