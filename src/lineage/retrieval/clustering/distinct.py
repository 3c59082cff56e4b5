"""Vectors that occur more than once in their group, found in one pass over the states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]

_SEED = 0
_BLOCK_ELEMENTS = 1 << 22


@dataclass(frozen=True)
class Distinct:
    """The distinct vectors of all groups, numbered group after group, in a group by their first occurrence."""

    number: Ints
    """[state] int64: the distinct vector that each state is."""
    first_state: Ints
    """[distinct] int64: where each occurs first."""
    per_group: Ints
    """[group] int64: how many a group has."""

    @property
    def group_first(self) -> Ints:
        """[group + 1] number of each group's first."""
        return np.concatenate([[0], np.cumsum(self.per_group)])


def distinct_vectors(states: Floats, group_first: Ints) -> Distinct:
    """Finds equal vectors, bit for bit (0 and -0 are equal), among the states of each group.

    states [state, d] lie group after group, group g from `group_first[g]` on. Vectors are told apart by 64 bits of a
    multilinear hash: two different ones of a group count as equal with a probability of about 2^-60.
    """
    group = np.repeat(np.arange(len(group_first) - 1), np.diff(group_first))
    hashes = _hashes(states)
    order = np.lexsort((hashes, group))
    begins = np.ones(len(order), bool)
    begins[1:] = (hashes[order[1:]] != hashes[order[:-1]]) | (group[order[1:]] != group[order[:-1]])
    first_seen = order[begins]
    by_occurrence = np.argsort(first_seen)
    renumbered = np.empty_like(by_occurrence)
    renumbered[by_occurrence] = np.arange(len(by_occurrence))
    number = np.empty(len(order), np.int64)
    number[order] = renumbered[np.cumsum(begins) - 1]
    first_state = first_seen[by_occurrence]
    return Distinct(number, first_state, np.bincount(group[first_state], minlength=len(group_first) - 1))


def _hashes(states: Floats) -> NDArray[np.uint64]:
    """[state] the sum of a vector's 32-bit words, each times a random odd number, modulo 2^64."""
    words = states.shape[1] * states.dtype.itemsize // 4
    factors = np.random.default_rng(_SEED).integers(0, 1 << 64, size=words, dtype=np.uint64) | np.uint64(1)
    found = np.empty(len(states), np.uint64)
    rows = max(1, _BLOCK_ELEMENTS // max(words, 1))
    for start in range(0, len(states), rows):
        block = np.ascontiguousarray(states[start : start + rows]) + 0.0  # -0 + 0 is 0
        found[start : start + rows] = np.einsum("sw,w->s", block.view(np.uint32).astype(np.uint64), factors)
    return found
