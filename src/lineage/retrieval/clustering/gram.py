"""k-means of small groups by inner products alone.

A center is a mean of points, c = sum_i s_i x_i, so |x_j - c|^2 = |x_j|^2 - 2 (s G)_j + s G s with the Gram matrix
G = X X^T of the group. Where a group has fewer points than twice their coordinates, this takes less time than going
through the coordinates, and no center has to be written down before the end. Seeding and iterations are those of
`seeding` and `lloyd`; a restart ends when no point changes its center. (In a group this small one point moves a center
further than a tolerance would forgive: by |x - c| k / n.)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lineage.retrieval.clustering.lloyd import first_nearest, running_first
from lineage.retrieval.clustering.points import Points
from lineage.retrieval.clustering.seeding import drawn, num_trials


class Inner(NamedTuple):
    """Groups of points by their inner products."""

    gram: Tensor
    """[group, point, point]"""
    norms: Tensor
    """[group, point] squared."""
    weights: Tensor
    """[group, point]; 0 is padding."""

    @classmethod
    def of(cls, points: Points) -> Inner:
        """Of groups that are one block."""
        assert points.only is not None
        values = points.only.values
        return cls(values @ values.transpose(1, 2), points.only.norms, points.weights)

    def of_groups(self, kept: Tensor) -> Inner:
        """Some groups, by their numbers, padded no more than they need."""
        longest = int((self.weights[kept] > 0).sum(dim=1).max())
        return Inner(self.gram[kept, :longest, :longest], self.norms[kept, :longest], self.weights[kept, :longest])


def cluster_small(points: Points, k: int, uniforms: Tensor, *, max_iter: int) -> tuple[Tensor, Tensor]:
    """(centers [group, k, d], mean not added, label [group, point]) of the best restart.

    `uniforms` [group, restart, draw] as for `plus_plus`; every group has more than k distinct points.
    """
    inner = Inner.of(points)
    shares = _iterated(inner, _seeds(inner, k, uniforms), max_iter=max_iter)
    distances = _distances(inner, shares)
    inertia = ((distances.amin(dim=2) + inner.norms[:, None]).clamp_(min=0) @ inner.weights[..., None]).squeeze(-1)
    best = inertia.argmin(dim=1)[:, None, None, None].expand(-1, 1, *shares.shape[2:])
    assert points.only is not None
    return shares.gather(1, best).squeeze(1) @ points.only.values, distances.gather(1, best).squeeze(1).argmin(dim=1)


def _seeds(inner: Inner, k: int, uniforms: Tensor) -> Tensor:
    """[group, restart, k, point] one point a center, by k-means++."""
    groups = torch.arange(len(uniforms), device=uniforms.device)[:, None, None]
    distances = (inner.norms[:, :, None] + inner.norms[:, None] - 2 * inner.gram).clamp_(min=0)
    weights, trials = inner.weights[:, None], num_trials(k)
    first = drawn(weights.expand(-1, uniforms.shape[1], -1), uniforms[:, :, :1])
    chosen, closest = [first], distances[groups, first].squeeze(2)
    for number in range(1, k):
        candidates = drawn(closest * weights, uniforms[:, :, 1 + (number - 1) * trials : 1 + number * trials])
        lowered = torch.minimum(distances[groups, candidates], closest[:, :, None])
        best = (lowered @ weights[..., None]).squeeze(-1).argmin(dim=2, keepdim=True)
        chosen.append(candidates.gather(2, best))
        closest = lowered.gather(2, best[..., None].expand(-1, -1, 1, lowered.shape[3])).squeeze(2)
    seeds = torch.cat(chosen, dim=2)
    points = torch.arange(closest.shape[2], device=seeds.device)
    return (seeds[..., None] == points).to(inner.gram)


def _iterated(inner: Inner, shares: Tensor, *, max_iter: int) -> Tensor:
    """[group, restart, k, point] the share of each point in each center, which no iteration changes."""
    shares = shares.clone()
    running = torch.ones(shares.shape[:2], dtype=torch.bool, device=shares.device)
    present, held = inner, torch.arange(len(shares), device=shares.device)
    for _ in range(max_iter):
        live = running[held].any(dim=1)
        if not bool(live.any()):
            break
        if int(live.sum()) <= len(held) // 2:
            held, present = held[live], present.of_groups(live.nonzero()[:, 0])
        rows, restarts = held[:, None], running_first(running[held])
        size = present.weights.shape[1]
        before = shares[rows, restarts][..., :size]
        after = _iteration(present, before)
        shares[..., :size][rows, restarts] = after
        running[rows, restarts] = (after != before).flatten(2).any(dim=2)
    return shares


def _distances(inner: Inner, shares: Tensor) -> Tensor:
    """[group, restart, k, point] squared distance less the point's own squared norm."""
    products = (shares.flatten(1, 2) @ inner.gram).view_as(shares)
    norms = (products * shares).sum(dim=3, keepdim=True)
    return torch.add(norms, products, alpha=-2)


def _iteration(inner: Inner, shares: Tensor) -> Tensor:
    """[group, restart, k, point] the shares that make each center the mean of the points that are nearest to it."""
    distances = _distances(inner, shares)
    masses = first_nearest(distances) * inner.weights[:, None, None]
    totals = masses.sum(dim=3, keepdim=True)
    for group, restart in (totals == 0).any(dim=2)[..., 0].nonzero().tolist():
        _fill_empty(inner, distances[group, restart], masses[group, restart], group)
        totals[group, restart] = masses[group, restart].sum(dim=1, keepdim=True)
    return masses.div_(totals.clamp_(min=torch.finfo(totals.dtype).tiny))


def _fill_empty(inner: Inner, distances: Tensor, masses: Tensor, group: int) -> None:
    """Gives centers without points the points that are farthest from their own, in place; masses [k, point]."""
    empty = (masses.sum(dim=1) == 0).nonzero()[:, 0]
    nearest = (distances.amin(dim=0) + inner.norms[group]) * (inner.weights[group] > 0)
    for number, point in zip(empty.tolist(), nearest.topk(len(empty)).indices.tolist(), strict=True):
        masses[:, point] = 0
        masses[number, point] = inner.weights[group, point]
