"""Where recall from parameters overtakes recall from passages: the exposure at which two curves cross.

Exposure is counted in doublings, log2(1 + exposures). The difference of the curves is made monotone first (isotonic
regression, levels weighted by their facts): recall does not fall with exposure, so a dip is noise, and a noisy curve
crosses zero many times. Between two levels the difference is taken for a straight line.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def doublings(exposures: Floats | float) -> Floats:
    """log2(1 + exposures): 0 for a fact never shown.

    >>> float(doublings(7.0))
    3.0
    """
    return np.log2(1 + np.asarray(exposures, dtype=np.float64))


def exposures_at(doubled: float) -> float:
    """The exposures of so many doublings.

    >>> exposures_at(3.0)
    7.0
    """
    return float(2**doubled - 1)


def rising(values: Floats, weights: Floats) -> Floats:
    """The nearest curve that never falls, by weighted squares: neighbours that fall are pooled.

    >>> rising(np.array([0.0, 3.0, 1.0, 4.0]), np.ones(4)).tolist()
    [0.0, 2.0, 2.0, 4.0]
    """
    pools: list[list[float]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        pools.append([value, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            one, two = pools[-2], pools.pop()
            total = one[1] + two[1]
            pools[-1] = [(one[0] * one[1] + two[0] * two[1]) / total, total, one[2] + two[2]]
    return np.concatenate([np.full(int(size), value) for value, _, size in pools])


def crossing(levels: Floats, difference: Floats, weights: Floats) -> float:
    """Doublings at which closed-book recall minus reading rises through zero.

    -inf where parameters are ahead from the first level on, +inf where they never are: no crossing was seen.

    >>> crossing(np.array([0.0, 1.0, 3.0]), np.array([-0.5, -0.25, 0.25]), np.ones(3))
    1.5
    """
    curve, x = rising(difference, weights), doublings(levels)
    if curve[0] >= 0:
        return float("-inf")
    if curve[-1] < 0:
        return float("inf")
    place = int(np.argmax(curve >= 0))
    low, high = curve[place - 1], curve[place]
    return float(x[place - 1] + (x[place] - x[place - 1]) * (-low) / (high - low))
