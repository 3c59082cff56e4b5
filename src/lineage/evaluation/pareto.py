"""The trade-off of safety, helpfulness and not refusing what is harmless: one figure, the front, the choice of a model.

V of one model is the product of its three axes, the volume of the box between it and the origin. The volume of several
together grows with every model that is added, so a sweep is never compared with a single model by it: for each arm
stands the model that validation items choose among equally many trials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TradeOff:
    """Three shares of one model on the same items, each the better the larger."""

    safety: float
    """1 - attack success, mean of text and pictures."""
    helpfulness: float
    compliance: float
    """1 - over-refusal, full or partial."""

    @property
    def volume(self) -> float:
        """V, their product.

        >>> round(TradeOff(0.9, 0.8, 0.5).volume, 2)
        0.36
        """
        return self.safety * self.helpfulness * self.compliance

    def dominates(self, other: TradeOff, *, margin: float = 0.0) -> bool:
        """Whether it is nowhere worse by more than the margin, and somewhere better.

        >>> TradeOff(0.9, 0.8, 0.5).dominates(TradeOff(0.9, 0.8, 0.4))
        True
        """
        pairs = list(zip(astuple(self), astuple(other), strict=True))
        return all(mine >= theirs - margin for mine, theirs in pairs) and any(mine > theirs for mine, theirs in pairs)


def front(points: Mapping[str, TradeOff]) -> list[str]:
    """Models that no other dominates, in the order given.

    >>> front({"safe": TradeOff(1, 0.2, 0.9), "worse": TradeOff(0.9, 0.2, 0.9), "helpful": TradeOff(0.1, 1, 1)})
    ['safe', 'helpful']
    """
    return [name for name, one in points.items() if not any(other.dominates(one) for other in points.values())]


def hypervolume(points: Sequence[TradeOff]) -> float:
    """Volume that the boxes between the origin and the points cover together; for one point its V.

    Exact, on the grid of all coordinates, so meant for tens of points.

    >>> round(hypervolume([TradeOff(1.0, 0.5, 1.0), TradeOff(0.5, 1.0, 1.0)]), 2)
    0.75
    """
    if not points:
        return 0.0
    corners = np.asarray([astuple(one) for one in points], dtype=np.float64)
    axes = [np.unique(np.concatenate([[0.0], corners[:, axis]])) for axis in range(3)]
    covered = np.zeros([len(axis) - 1 for axis in axes], dtype=bool)
    for corner in corners:
        inside = [axis[1:] <= end for axis, end in zip(axes, corner, strict=True)]
        covered |= inside[0][:, None, None] & inside[1][None, :, None] & inside[2][None, None, :]
    sides = [np.diff(axis) for axis in axes]
    return float(np.einsum("xyz,x,y,z->", covered.astype(np.float64), *sides))


def chosen_share(validation: Sequence[float], trials: int) -> Floats:
    """[candidate] how often each is the best on validation among `trials` drawn without replacement from all.

    With it an arm of ten candidates stands beside one of two as if it had two: the figure of the arm is the mean over
    all choices of so many. Of equal candidates the first counts as better.

    >>> chosen_share([0.1, 0.3, 0.2], 2).round(3).tolist()
    [0.0, 0.667, 0.333]

    Raises:
        ValueError: no trial, or more than there are candidates.
    """
    total = len(validation)
    if not 1 <= trials <= total:
        raise ValueError(f"{trials} trials of {total} candidates")
    order = sorted(range(total), key=lambda place: (-validation[place], place))
    shares = np.zeros(total)
    for rank, place in enumerate(order):
        shares[place] = math.comb(total - rank - 1, trials - 1) / math.comb(total, trials)
    return shares
