"""Lloyd's algorithm for many groups and restarts at once."""

from __future__ import annotations

import torch
from torch import Tensor

from lineage.retrieval.clustering.points import Points
from lineage.retrieval.clustering.seeding import center_distances, squared_distances


def lloyd(points: Points, centers: Tensor, *, max_iter: int, tol: float) -> Tensor:
    """[group, restart, k, d] centers from which no iteration moves far, from given ones of that shape.

    Stops, for each group and restart by itself, when the squared shift of all its centers is at most `tol` times the
    group's mean variance; centers that lose all their points move to points that are far from theirs; both as in
    scikit-learn. Groups and restarts that have stopped are left out as soon as that is cheaper.
    """
    centers = centers.clone()
    limit = tol * points.variance()
    running = torch.ones(centers.shape[:2], dtype=torch.bool, device=centers.device)
    present, held = points, torch.arange(len(centers), device=centers.device)
    for _ in range(max_iter):
        live = running[held].any(dim=1)
        if not bool(live.any()):
            break
        if int(live.sum()) <= len(held) // 2:
            held, present = held[live], present.of_groups(live.nonzero()[:, 0])
        restarts = running_first(running[held])
        rows = held[:, None]
        before = centers[rows, restarts]
        after = _iteration(present, before)
        moved = torch.linalg.vector_norm(after - before, dim=(2, 3)).square()
        is_running = running[rows, restarts]
        centers[rows, restarts] = torch.where(is_running[:, :, None, None], after, before)
        running[rows, restarts] = is_running & (moved > limit[held, None])
    return centers


def assign(points: Points, centers: Tensor) -> tuple[Tensor, Tensor]:
    """(label [group, point] of the nearest center, inertia [group]) under centers [group, k, d].

    Inertia is the weighted sum of squared distances. A label among equally near centers is the first.
    """
    labels = torch.empty(points.weights.shape, dtype=torch.int64, device=points.device)
    inertia = torch.zeros(len(centers), dtype=points.dtype, device=points.device)
    for block in points.blocks():
        nearest = squared_distances(block, centers).min(dim=1)
        labels[:, block.part] = nearest.indices
        inertia += (nearest.values * block.weights).sum(dim=1)
    return labels, inertia


def best_restart(points: Points, centers: Tensor) -> Tensor:
    """[group, k, d] the restart of each group whose inertia is least, from [group, restart, k, d]."""
    groups, restarts, k, width = centers.shape
    inertia = torch.zeros(groups, restarts, dtype=points.dtype, device=points.device)
    for block in points.blocks():
        nearest = squared_distances(block, centers.flatten(1, 2)).unflatten(1, (restarts, k)).amin(dim=2)
        inertia += (nearest @ block.weights[:, :, None]).squeeze(-1)
    best = inertia.argmin(dim=1)
    return centers.gather(1, best[:, None, None, None].expand(-1, 1, k, width)).squeeze(1)


def running_first(running: Tensor) -> Tensor:
    """[group, most that run in any group] numbers of restarts, those that run before those that have stopped."""
    most = int(running.sum(dim=1).max())
    return running.int().argsort(dim=1, descending=True, stable=True)[:, :most]


def _iteration(points: Points, centers: Tensor) -> Tensor:
    """[group, restart, k, d] the mean of each center's points."""
    _, restarts, k, width = centers.shape
    flat = centers.flatten(1, 2)
    totals = torch.zeros(*flat.shape[:2], width + 1, dtype=points.dtype, device=points.device)
    for block in points.blocks():
        nearest = first_nearest(center_distances(block.values, flat).unflatten(1, (restarts, k)))
        totals.baddbmm_(nearest.flatten(1, 2).to(totals), block.weighted)
    sums, masses = totals.unflatten(1, (restarts, k)).split([width, 1], dim=3)
    masses = masses.squeeze(3)
    for group, restart in (masses == 0).any(dim=2).nonzero().tolist():
        _fill_empty(points, centers, sums, masses, group, restart)
    return sums / masses[..., None].clamp(min=torch.finfo(sums.dtype).tiny)


def first_nearest(distances: Tensor) -> Tensor:
    """[group, restart, k, point] whether a center is the nearest of its point, and the first among equally near ones.

    `argmin` alone would do; on a CPU it is an order of magnitude slower than finding the least value.
    """
    nearest = distances == distances.amin(dim=2, keepdim=True)
    if int(nearest.count_nonzero()) == nearest.numel() // nearest.shape[2]:
        return nearest
    numbers = torch.arange(nearest.shape[2], device=nearest.device)[:, None]
    return distances.argmin(dim=2, keepdim=True) == numbers


def _fill_empty(points: Points, centers: Tensor, sums: Tensor, masses: Tensor, group: int, restart: int) -> None:
    """Gives centers without points the points that are farthest from their own, as scikit-learn does, in place."""
    empty = (masses[group, restart] == 0).nonzero()[:, 0]
    alone = points.of_groups(torch.tensor([group], device=points.device))
    own = centers[group, restart][None]
    distances, labels = torch.empty_like(alone.weights[0]), torch.empty_like(alone.weights[0], dtype=torch.int64)
    for block in alone.blocks():
        nearest = squared_distances(block, own).min(dim=1)
        distances[block.part] = (nearest.values * (block.weights > 0))[0]
        labels[block.part] = nearest.indices[0]
    for number, point in zip(empty.tolist(), distances.topk(len(empty)).indices, strict=True):
        mass = alone.weights[0, point]
        moved = alone.take(point.reshape(1, 1, 1))[0, 0, 0] * mass
        sums[group, restart, labels[point]] -= moved
        masses[group, restart, labels[point]] -= mass
        sums[group, restart, number], masses[group, restart, number] = moved, mass
