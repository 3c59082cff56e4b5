"""The k largest magnitudes of any number of values, exactly, in two passes and without keeping them.

The bit pattern of a float32 without its sign grows with its magnitude. The first pass counts the upper 16 bits, which
gives the bin that the k-th largest lies in; the second counts the lower 16 bits inside that bin, which gives its exact
pattern. Of values equal to it, the first in order are taken, as many as are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch

_LOW_BITS = 16
_HIGH_BINS, _LOW_BINS = 1 << 15, 1 << 16
_LOW_MASK = _LOW_BINS - 1


class Cut(NamedTuple):
    """Keeps every value whose pattern is above `bits`, and the first `ties` of those equal to it."""

    bits: int
    ties: int


EVERYTHING = Cut(-1, 0)

Passes = Callable[[], Iterable[Sequence[torch.Tensor]]]
"""Starts a pass over all values: chunk by chunk, the float32 values of each model."""


def magnitude_bits(values: torch.Tensor) -> torch.Tensor:
    """(elements,) float32 -> int32 patterns that grow with the magnitude."""
    return values.abs().view(torch.int32)


def num_kept(density: float, num_elements: int) -> int:
    """floor(density * n), but one value at least (as mergekit counts)."""
    return max(1, int(density * num_elements))


def count_high(chunks: Iterable[Sequence[torch.Tensor]], num_models: int) -> torch.Tensor:
    """(models, 2^15) how many values of each model have which upper half."""
    counts = torch.zeros(num_models, _HIGH_BINS, dtype=torch.int64)
    for values in chunks:
        for model, one in enumerate(values):
            counts[model] += torch.bincount(magnitude_bits(one) >> _LOW_BITS, minlength=_HIGH_BINS)
    return counts


def count_low(chunks: Iterable[Sequence[torch.Tensor]], high: Sequence[int]) -> torch.Tensor:
    """(models, 2^16) how many values of each model with the upper half `high` have which lower half."""
    counts = np.zeros((len(high), _LOW_BINS), dtype=np.int64)
    for values in chunks:
        for model, one in enumerate(values):
            bits = magnitude_bits(one)
            inside = bits.numpy()[(bits >> _LOW_BITS).numpy() == high[model]]
            np.add.at(counts[model], inside & _LOW_MASK, 1)
    return torch.from_numpy(counts)


def locate(counts: torch.Tensor, keep: int) -> tuple[int, int]:
    """(bin of the `keep`-th value counted from the top, how many of that bin are among them).

    >>> locate(torch.tensor([5, 2, 3]), 4)
    (1, 1)
    """
    from_top = counts.flip(0).cumsum(0)
    position = int(torch.searchsorted(from_top, torch.tensor(keep)))
    above = int(from_top[position - 1]) if position else 0
    return len(counts) - 1 - position, keep - above


def cuts(passes: Passes, keep: Sequence[int]) -> list[Cut]:
    """The cut that leaves `keep[i]` values of model i, from two passes."""
    high = [locate(counts, number) for counts, number in zip(count_high(passes(), len(keep)), keep, strict=True)]
    low = count_low(passes(), [bin_ for bin_, _ in high])
    return [exact_cut(bin_, counts, left) for (bin_, left), counts in zip(high, low, strict=True)]


def exact_cut(high: int, low_counts: torch.Tensor, keep: int) -> Cut:
    """The cut inside the bin `high`, of which `keep` values stay."""
    low, ties = locate(low_counts, keep)
    return cut_at(high << _LOW_BITS | low, ties, int(low_counts[low]))


def cut_at(bits: int, ties: int, num_equal: int) -> Cut:
    """The cut at a pattern that `num_equal` values have, `ties` of which stay: all of them need no counting."""
    return Cut(bits - 1, 0) if ties == num_equal else Cut(bits, ties)


class Trimmer:
    """Sets to 0 what a cut does not keep. Chunks must come in order: which ties are the first depends on it."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._ties = cut.ties
        self._magnitude = float(np.array(max(cut.bits, 0), dtype=np.int32).view(np.float32))

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """The values of the next chunk, with 0 in place of small ones."""
        if self._cut == EVERYTHING:
            return values
        kept = torch.nn.functional.hardshrink(values, self._magnitude)
        if self._ties:
            equal = np.flatnonzero(values.abs().numpy() == self._magnitude)[: self._ties]
            kept[equal] = values[equal]
            self._ties -= len(equal)
        return kept
