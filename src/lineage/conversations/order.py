"""Which conversations a step reads: a pure function of (seed, position), whatever the model or the machine.

A mixture draws from several sets by share: after any number of items each set has had its share of them, to within
one (Tijdeman's schedule). Every pass through a set is a permutation of its own, drawn from (seed, set, pass).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import lcm

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Part:
    """One set of a mixture."""

    name: str
    size: int
    """Conversations in it."""
    share: float
    """Its share of all that is read; shares need not add up to 1."""


class MixtureOrder:
    """The sequence of (part, item) that a run reads, `total` items long."""

    def __init__(self, parts: Sequence[Part], *, total: int, seed: int):
        self.parts = tuple(parts)
        self._seed = seed
        self._part, self._number = _apportioned([part.share for part in parts], total)
        self._permutation = lru_cache(maxsize=2 * len(parts) + 2)(self._drawn)

    def items(self, start: int, stop: int) -> list[tuple[int, int]]:
        """(part, index in it) of the positions [start, stop)."""
        found: list[tuple[int, int]] = []
        for part, number in zip(self._part[start:stop].tolist(), self._number[start:stop].tolist(), strict=True):
            turn, place = divmod(number, self.parts[part].size)
            found.append((part, int(self._permutation(part, turn)[place])))
        return found

    def passes(self, stop: int) -> dict[str, float]:
        """{set: how often each of its conversations has been read} after `stop` items."""
        read = np.bincount(self._part[:stop], minlength=len(self.parts))
        return {part.name: float(count) / part.size for part, count in zip(self.parts, read, strict=True)}

    def _drawn(self, part: int, turn: int) -> NDArray[np.int64]:
        one = self.parts[part]
        generator = np.random.Generator(np.random.PCG64([self._seed, zlib.crc32(one.name.encode()), turn]))
        return generator.permutation(one.size)


def _apportioned(shares: Sequence[float], total: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """[position] which part, and the number of the item in the part.

    Tijdeman 1980, "The chairman assignment problem": of k parts, item j of a part with the share s may come at the
    n-th place, from 1, when n s >= j + m with m = 1 / (2k - 2), and is due when n s >= j + 1 - m; at each place the
    item that is due first comes, among those that may. Then no part is ever further than 1 - m from its share. (Simply
    ordering by (j + 1/2) / s, Sainte-Lague's rule, is off by 12 items with a share of 1/2 beside fifty of 1/100.)

    >>> part, number = _apportioned([3, 1], 8)
    >>> part.tolist(), number.tolist()
    ([0, 0, 1, 0, 0, 0, 1, 0], [0, 1, 0, 2, 3, 4, 1, 5])
    """
    if len(shares) == 1:
        return np.zeros(total, np.int64), np.arange(total)
    inverse = 2 * len(shares) - 2  # 1 / m
    weights = _whole_numbers(shares)
    whole = sum(weights)
    counts = [0] * len(shares)
    opens = [_ceil(whole, weight * inverse) for weight in weights]
    due = [_ceil((inverse - 1) * whole, weight * inverse) for weight in weights]
    part, number = np.empty(total, np.int64), np.empty(total, np.int64)
    for place in range(total):
        chosen = min((one for one, first in enumerate(opens) if first <= place + 1), key=due.__getitem__)
        part[place], number[place] = chosen, counts[chosen]
        counts[chosen] += 1
        divisor = weights[chosen] * inverse
        opens[chosen] = _ceil((counts[chosen] * inverse + 1) * whole, divisor)
        due[chosen] = _ceil(((counts[chosen] + 1) * inverse - 1) * whole, divisor)
    return part, number


def _whole_numbers(shares: Sequence[float]) -> list[int]:
    """Whole numbers in the very proportions of the shares, so that nothing is rounded."""
    exact = [Fraction(share) for share in shares]
    divisor = lcm(*(one.denominator for one in exact))
    return [int(one * divisor) for one in exact]


def _ceil(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
