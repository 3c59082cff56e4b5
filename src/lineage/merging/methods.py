"""The arithmetic of merging: float32 tensors in, one float32 tensor out. docs/merging.md has all formulas.

Shapes: every tensor is flat, `(elements,)`, and stands for the same elements of one tensor in each model. A *delta* is
what a model learned since its base (its task vector), theta_i - theta_0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

NEARLY_PARALLEL = 0.9995
"""Beyond this cosine slerp goes along the straight line: the arc would be divided by its vanishing sine."""


_TINY = torch.finfo(torch.float32).tiny
"""Stands in for a sum of weights that nobody took part in; what it divides is 0."""


class Arc(NamedTuple):
    """Factors of the two ends of a slerp; `straight` where the line is taken instead of the arc."""

    first: float
    second: float
    straight: bool


def linear(values: Sequence[torch.Tensor], weights: Sequence[float]) -> torch.Tensor:
    """sum w_i theta_i / sum w_i, written as theta_1 + sum w_i (theta_i - theta_1) / sum w_i.

    So that elements which are equal in all models come out bit for bit.

    >>> linear([torch.tensor([1.0]), torch.tensor([3.0])], [1.0, 3.0])
    tensor([2.5000])
    """
    total = sum(weights)
    merged = values[0]
    for value, weight in zip(values[1:], weights[1:], strict=True):
        merged = torch.add(merged, value - values[0], alpha=weight / total)
    return merged


def arc(dot: float, first_norm: float, second_norm: float, share: float) -> Arc:
    """How far to go from each end of a slerp, `share` (0..1) of the way from the first to the second.

    From the dot product and the norms of the whole flattened tensors; a tensor of zeros has no direction.
    """
    norms = first_norm * second_norm
    cosine = dot / norms if norms > 0 else 1.0
    if abs(cosine) > NEARLY_PARALLEL:
        return Arc(1 - share, share, straight=True)
    angle = math.acos(cosine)
    return Arc(
        math.sin((1 - share) * angle) / math.sin(angle), math.sin(share * angle) / math.sin(angle), straight=False
    )


def slerp(first: torch.Tensor, second: torch.Tensor, way: Arc) -> torch.Tensor:
    """[sin((1-t) W) v_0 + sin(t W) v_1] / sin W of vectors that keep their norms, or the straight line."""
    if way.straight:
        return linear([first, second], [way.first, way.second])
    return torch.add(first * way.first, second, alpha=way.second)


def weighted_sum(deltas: Sequence[torch.Tensor], weights: Sequence[float]) -> torch.Tensor:
    """sum w_i tau_i."""
    total = deltas[0] * weights[0]
    for delta, weight in zip(deltas[1:], weights[1:], strict=True):
        total.add_(delta, alpha=weight)
    return total


def elected_sign(
    deltas: Sequence[torch.Tensor], weights: Sequence[float], *, zero_is_positive: bool = True
) -> torch.Tensor:
    """sign(sum w_i tau_i), 1 or -1 for each element; a sum of 0 has the sign that `zero_is_positive` says."""
    sign = weighted_sum(deltas, weights).sign_()
    return sign.clamp_max_(0).mul_(2).add_(1) if zero_is_positive else sign.clamp_min_(0).mul_(2).sub_(1)


def elect(
    deltas: Sequence[torch.Tensor], weights: Sequence[float], *, mean: bool, zero_is_positive: bool = True
) -> torch.Tensor:
    """Sum of the w_i tau_i whose sign is that of their total; with `mean`, divided by the weights that took part.

    Entries of 0 (trimmed, dropped) take no side. (Products with 0 and 1 stand for masks, which torch is ten times
    slower at.)

    >>> elect([torch.tensor([2.0]), torch.tensor([-1.0]), torch.tensor([4.0])], [1.0, 1.0, 1.0], mean=True)
    tensor([3.])
    """
    elected = elected_sign(deltas, weights, zero_is_positive=zero_is_positive)
    merged = torch.zeros_like(elected)
    weight_sum = torch.zeros_like(elected)
    for delta, weight in zip(deltas, weights, strict=True):
        weighted = delta * weight
        agrees = weighted.sign().mul_(elected).clamp_min_(0)
        merged.addcmul_(weighted, agrees)
        weight_sum.add_(agrees, alpha=weight)
    return merged.div_(weight_sum.clamp_min_(_TINY)) if mean else merged


def drop(delta: torch.Tensor, mask: torch.Tensor, factor: float) -> torch.Tensor:
    """m tau times a factor (1 / density, or L1(tau) / L1(m tau)); the mask holds 0 and 1."""
    return (delta * mask).mul_(factor)
