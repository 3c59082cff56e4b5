"""The range of layers in which the gap opens, and how much of it another model has lost there.

The published rule ("Safety Layers", arXiv 2408.17003, as replications apply it): the range starts at the first layer
whose gap is more than .001 above that of the layer below, and goes on while the gap grows by more than .0001. It is
applied to the base model alone, before any other is looked at, and to permuted labels: a rule that finds a range there
too finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lineage.evaluation.paired import Resampled, mean

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rule:
    """How fast a curve must rise for its range to start, and to go on, a layer."""

    start: float
    go_on: float


RULES = {"gap": Rule(1e-3, 1e-4), "separation": Rule(0.05, 0.01)}
"""`gap` is the published one. `separation` is ours, in shares of pairs."""


class Range(NamedTuple):
    """Layers [first, stop)."""

    first: int
    stop: int

    @property
    def width(self) -> int:
        """Number of layers."""
        return self.stop - self.first


def safety_range(curve: Sequence[float] | Floats, rule: Rule = RULES["gap"]) -> Range | None:
    """The range that a rule finds in a curve; None where the curve never rises fast enough.

    >>> safety_range([0.0, 0.0, 0.01, 0.05, 0.05, 0.04])
    Range(first=2, stop=4)
    >>> safety_range([0.02, 0.02, 0.02]) is None
    True
    """
    rises = np.diff(np.asarray(curve, dtype=np.float64))
    starts = np.flatnonzero(rises > rule.start)
    if len(starts) == 0:
        return None
    first = int(starts[0])
    stop = first + 1
    while stop < len(rises) and rises[stop] > rule.go_on:
        stop += 1
    return Range(first + 1, stop + 1)


def windows(num_layers: int, width: int) -> list[Range]:
    """Every range of one width.

    >>> windows(4, 3)
    [Range(first=0, stop=3), Range(first=1, stop=4)]
    """
    return [Range(first, first + width) for first in range(num_layers - width + 1)]


def area(curve: Sequence[Resampled], found: Range, *, outside: bool = False) -> Resampled | None:
    """Mean of a curve over the layers of a range, or over all others; None where there is no such layer."""
    chosen = [one for layer, one in enumerate(curve) if (found.first <= layer < found.stop) != outside]
    return mean(chosen) if chosen else None


def differences(base: Sequence[Resampled], model: Sequence[Resampled]) -> list[Resampled]:
    """[layer] what the model has lost of the base's gap."""
    return [ours - theirs for ours, theirs in zip(base, model, strict=True)]


def magnitudes(lost: Sequence[Resampled]) -> list[Resampled]:
    """[layer] how far apart the curves are, whichever is higher."""
    return [Resampled(abs(one.value), np.abs(one.rows), one.groups, one.items) for one in lost]


def rank(moved: Sequence[float] | Floats, found: Range) -> tuple[int, int]:
    """(place of the range among all windows of its width by their mean, 1 the largest; number of windows).

    Windows that moved as much count as larger.

    >>> rank([0.0, 3.0, 1.0, 0.0], Range(1, 2))
    (1, 4)
    """
    values = np.asarray(moved, dtype=np.float64)
    means = {one: float(values[one.first : one.stop].mean()) for one in windows(len(values), found.width)}
    return sum(value >= means[found] for value in means.values()), len(means)


def null_shares(moved: Sequence[float] | Floats, ranges: Iterable[Range | None]) -> list[float]:
    """rank / windows of ranges that the rule finds when labels are permuted; those in which it finds none are left
    out."""
    shares = []
    for one in ranges:
        if one is not None:
            place, count = rank(moved, one)
            shares.append(place / count)
    return shares
