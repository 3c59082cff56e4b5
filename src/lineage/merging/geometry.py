"""Lengths of vectors that come in pieces, and the angles between them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch


class Gram:
    """Dot products of every two of some vectors, summed up over pieces: float32 within a piece, float64 over pieces.

    Sums do not depend on how a piece lies in memory (as BLAS's do), so that shards change no bit.
    """

    def __init__(self, num_vectors: int) -> None:
        self._dots = [[0.0] * num_vectors for _ in range(num_vectors)]

    def add(self, pieces: Sequence[torch.Tensor]) -> None:
        """The next piece of each vector, flat."""
        for row, one in enumerate(pieces):
            for column in range(row, len(pieces)):
                self._dots[row][column] += float((one * pieces[column]).sum())

    def dot(self, first: int, second: int) -> float:
        """Dot product of two of them."""
        return self._dots[min(first, second)][max(first, second)]

    def norm(self, index: int) -> float:
        """Euclidean length of one: the Frobenius norm of a tensor."""
        return math.sqrt(self._dots[index][index])

    def cosine(self, first: int, second: int) -> float | None:
        """Cosine of the angle between two; None where one has no direction."""
        norms = self.norm(first) * self.norm(second)
        return self.dot(first, second) / norms if norms else None
