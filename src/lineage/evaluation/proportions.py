"""Shares of independent items with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtri


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float
    numerator: int
    n: int


def wilson(numerator: int, n: int, *, confidence: float = 0.95) -> Rate:
    """Wilson's score interval of a share of independent items (Wilson 1927).

    >>> found = wilson(8, 10)
    >>> round(found.low, 3), round(found.high, 3)
    (0.49, 0.943)

    Raises:
        ValueError: no item.
    """
    if n == 0:
        raise ValueError("a share of no items")
    z = float(ndtri(0.5 + confidence / 2))
    share = numerator / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Rate(share, max(0.0, middle - reach), min(1.0, middle + reach), numerator, n)
