"""Sums over the entries of task vectors, and what follows from them; sums of tensors add up to those of a layer.

Chance levels are exact and need no draw: the dot product of a vector with a permuted one has mean S_a S_b / n and
variance |a - mean|^2 |b - mean|^2 / (n - 1) (the classical moments of a permutation statistic); with a random direction
as long as b it has mean 0 and variance |a|^2 |b|^2 / n. Intervals are normal: sums of many terms.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineage.analysis.weights.schemas import SHARES
from lineage.merging.selection import Trimmer, cuts, num_kept

Floats = NDArray[np.float64]

Z95 = 1.959964
"""Half width of a normal 95 % interval in standard deviations."""


@dataclass(frozen=True)
class Tally:
    """Sums over entries, in float64."""

    dots: Floats
    """[vector, vector] <tau_i, tau_j>"""
    starts: Floats
    """[vector] |theta_0|^2"""
    along: Floats
    """[vector] <theta_0, tau>"""
    permuted_mean: Floats
    """[vector, vector] mean of <tau_i, permuted tau_j>"""
    permuted_variance: Floats
    """[vector, vector]"""
    random_variance: Floats
    """[vector, vector] of <tau_i, r>, r a random direction as long as tau_j"""
    asked: Floats
    """[share] entries that a share of the tensor is"""
    both: Floats
    """[share, vector, vector] entries that are among the largest of both"""
    both_mean: Floats
    """[share, vector, vector] what `both` is by chance"""
    both_variance: Floats
    """[share, vector, vector]"""
    signed: Floats
    """[share, vector, vector] entries among the largest of either that are zero in none"""
    opposite: Floats
    """[share, vector, vector] those with opposite signs"""

    def __add__(self, other: Tally) -> Tally:
        """The sums over both; what is independent between tensors adds its variance."""
        return Tally(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def tally(taus: Tensor, starts: Tensor) -> Tally:
    """The sums of one tensor; both [vector, entry]."""
    wide, before = taus.double(), starts.double()
    entries = taus.shape[1]
    dots, sums = _numpy(wide @ wide.T), _numpy(wide.sum(dim=1))
    squares = np.diag(dots)
    spread = squares - sums * sums / entries
    largest = [_largest(taus, share) for share in SHARES]
    return Tally(
        dots=dots,
        starts=_numpy((before * before).sum(dim=1)),
        along=_numpy((before * wide).sum(dim=1)),
        permuted_mean=np.outer(sums, sums) / entries,
        permuted_variance=np.outer(spread, spread) / max(entries - 1, 1),
        random_variance=np.outer(squares, squares) / entries,
        asked=np.asarray([float(num_kept(share, entries)) for share in SHARES]),
        both=np.stack([one[0] for one in largest]),
        both_mean=np.stack([one[1] for one in largest]),
        both_variance=np.stack([one[2] for one in largest]),
        signed=np.stack([one[3] for one in largest]),
        opposite=np.stack([one[4] for one in largest]),
    )


def _largest(taus: Tensor, share: float) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """(both, its mean and variance by chance, signed, opposite), each [vector, vector], of the largest entries.

    An entry that is zero is never among the largest, even where a vector has too few others.
    """
    entries = taus.shape[1]
    keep = [num_kept(share, entries)] * len(taus)
    kept = [Trimmer(cut)(tau) != 0 for cut, tau in zip(cuts(lambda: [list(taus)], keep), taus, strict=True)]
    masks = torch.stack(kept).double()
    size = _numpy(masks.sum(dim=1))
    both = _numpy(masks @ masks.T)
    mean = np.outer(size, size) / entries
    # Hypergeometric: |B| draws without replacement, of which |A| of n are hits.
    variance = mean * np.outer(1 - size / entries, entries - size) / max(entries - 1, 1)
    sign = taus.sign().double()
    positive, negative = (sign > 0).double(), (sign < 0).double()
    nonzero = positive + negative
    # |A or B| with both signs = A and nonzero_j, plus B and nonzero_i, minus A and B (whose entries are never zero).
    one_sided = _numpy(masks @ nonzero.T)
    signed = one_sided + one_sided.T - both
    clash = _numpy((masks * positive) @ negative.T + (masks * negative) @ positive.T)
    shared = _numpy((masks * positive) @ (masks * negative).T + (masks * negative) @ (masks * positive).T)
    return both, mean, variance, signed, clash + clash.T - shared


def _numpy(values: Tensor) -> Floats:
    return values.numpy().astype(np.float64)


def stable_rank(matrix: Tensor) -> float | None:
    """|M|_F^2 / sigma_1^2 of a matrix: 1 for rank one, the number of rows for an orthogonal one; None for zero.

    >>> stable_rank(torch.eye(3))
    3.0
    """
    wide = matrix.double()
    gram = wide @ wide.T if wide.shape[0] <= wide.shape[1] else wide.T @ wide
    largest = float(torch.linalg.eigvalsh(gram)[-1])
    return float(gram.trace()) / largest if largest > 0 else None
