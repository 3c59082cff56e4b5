"""k-means++ for many groups and restarts at once, drawn from (seed, group) alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineage.retrieval.clustering.points import Block, Points

_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1, _MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_MASK = (1 << 64) - 1


def plus_plus(points: Points, k: int, uniforms: Tensor) -> Tensor:
    """[group, restart, k, d] points that are far from each other (Arthur and Vassilvitskii 2007).

    Each next one is the best of several candidates drawn by squared distance, as in scikit-learn. `uniforms`
    [group, restart, draw] lie in [0, 1); see `num_draws`. Every group has more than k distinct points.
    """
    groups, restarts, _ = uniforms.shape
    trials = num_trials(k)
    chosen = torch.empty(groups, restarts, k, points.width, dtype=points.dtype, device=points.device)
    mass = points.weights[:, None].expand(-1, restarts, -1)
    chosen[:, :, 0] = points.take(drawn(mass, uniforms[:, :, :1])).squeeze(2)
    closest = torch.full_like(mass, math.inf)
    for number in range(1, k):
        _lower(points, chosen[:, :, number - 1], closest)
        draws = uniforms[:, :, 1 + (number - 1) * trials : 1 + number * trials]
        candidates = points.take(drawn(closest * points.weights[:, None], draws))
        best = _potentials(points, candidates, closest).argmin(dim=2)
        index = best[:, :, None, None].expand(-1, -1, 1, points.width)
        chosen[:, :, number] = candidates.gather(2, index).squeeze(2)
    return chosen


def num_draws(k: int) -> int:
    """Random numbers that one restart needs."""
    return 1 + (k - 1) * num_trials(k)


def uniform(seed: int, groups: NDArray[np.integer[Any]], *, restarts: int, draws: int) -> NDArray[np.float64]:
    """[group, restart, draw] numbers in [0, 1), a function of seed and the group's number alone.

    splitmix64 (Steele, Lea and Flood 2014) on a counter, so that no group's draws depend on which others it is
    computed with.
    """
    keys = _mixed(_mixed(np.array([seed & _MASK], np.uint64)) ^ groups.astype(np.uint64))
    counter = np.arange(1, restarts * draws + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
    bits = _mixed(keys[:, None] + counter)
    return (bits >> np.uint64(11)).astype(np.float64).reshape(len(groups), restarts, draws) / (1 << 53)


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(_MIX_1)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(_MIX_2)
    return words ^ (words >> np.uint64(31))


def num_trials(k: int) -> int:
    """Candidates for each next point, as in scikit-learn."""
    return 2 + int(math.log(k))


def drawn(mass: Tensor, uniforms: Tensor) -> Tensor:
    """[group, restart, draw] indices of points, drawn in proportion to mass [group, restart, point]."""
    sums = mass.cumsum(dim=2)
    wanted = uniforms.to(sums) * sums[:, :, -1:]
    last = (mass > 0).int().cumsum(dim=2).argmax(dim=2, keepdim=True)  # rounding must not lead to padding
    return torch.searchsorted(sums, wanted, right=True).minimum(last)


def _lower(points: Points, center: Tensor, closest: Tensor) -> None:
    """Takes one more center [group, restart, d] into `closest` [group, restart, point] squared distances."""
    for block in points.blocks():
        known = closest[:, :, block.part]
        torch.minimum(known, squared_distances(block, center), out=known)


def _potentials(points: Points, candidates: Tensor, closest: Tensor) -> Tensor:
    """[group, restart, trial] sum of squared distances if a candidate [group, restart, trial, d] were chosen."""
    groups, restarts, trials, width = candidates.shape
    total = torch.zeros(groups, restarts, trials, dtype=closest.dtype, device=closest.device)
    flat = candidates.reshape(groups, restarts * trials, width)
    for block in points.blocks():
        distances = squared_distances(block, flat).unflatten(1, (restarts, trials))
        lowered = torch.minimum(distances, closest[:, :, None, block.part])
        total += (lowered @ block.weights[:, None, :, None]).squeeze(-1)
    return total


def squared_distances(block: Block, centers: Tensor) -> Tensor:
    """[group, center, point] squared distances of the points from centers [group, center, d]."""
    return center_distances(block.values, centers).add_(block.norms[:, None]).clamp_(min=0)


def center_distances(values: Tensor, centers: Tensor) -> Tensor:
    """[group, center, point] squared distance less the point's own squared norm: |c|^2 - 2 c x."""
    norms = torch.linalg.vector_norm(centers, dim=-1, keepdim=True).square()
    return torch.baddbmm(norms, centers, values.transpose(1, 2), alpha=-2)
