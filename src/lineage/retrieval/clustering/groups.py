"""From the states of every token to its rows: distinct vectors as they are, or the centers of k clusters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from lineage.config.retrieval_models import Clustering
from lineage.progress import Progress
from lineage.retrieval.clustering.backends import BACKENDS
from lineage.retrieval.clustering.distinct import Distinct, Floats, Ints, distinct_vectors
from lineage.retrieval.clustering.gram import cluster_small
from lineage.retrieval.clustering.lloyd import assign, best_restart, lloyd
from lineage.retrieval.clustering.points import Points
from lineage.retrieval.clustering.seeding import num_draws, plus_plus, uniform

_TILE_DISTANCES = {"cpu": 1 << 18}
"""Distances that are held at once: on a CPU as many as stay in its cache; elsewhere `_TILE_DISTANCES_DEVICE`."""
_TILE_DISTANCES_DEVICE = 1 << 27
_GRAM_POINTS = 2
"""Groups of up to so many points a coordinate are clustered by inner products."""
_FILL = 0.8
"""Groups are padded to one length only where the shortest has at least this share of it."""


@dataclass(frozen=True)
class States:
    """The vectors of all tokens, group after group."""

    vectors: Floats
    """[state, d]; a memory-mapped one must be open for writing (`r+`), though nothing is written."""
    weights: Floats
    """[state] how many occurrences have this vector."""
    group_first: Ints
    """[group + 1] group g has the states `group_first[g]` to `group_first[g + 1]` - 1."""

    @property
    def group_sizes(self) -> Ints:
        """[group] states."""
        return np.diff(self.group_first)


class Grouped:
    """How many rows each group gets: k, or its distinct vectors where it has no more (or `k` is None)."""

    def __init__(self, states: States, k: int | None, *, first_group: int = 0):
        """`first_group`: number of the first of these groups among all, for seeds."""
        self._states, self._k, self._first_group = states, k, first_group
        self.distinct: Distinct = distinct_vectors(states.vectors, states.group_first)
        per_group = self.distinct.per_group
        self.rows_per_group: Ints = per_group if k is None else np.minimum(per_group, k)

    @property
    def row_first(self) -> Ints:
        """[group + 1] first row of each group."""
        return np.concatenate([[0], np.cumsum(self.rows_per_group)])

    def cluster(self, table: Floats, settings: Clustering, device: torch.device) -> Ints:
        """Fills `table` [row, d] and returns the row [state] of each state.

        A group of one row gets the mean of its states. The result is a function of the states and the settings: what a
        group is computed together with changes no more than the last digits.

        Raises:
            UserError: the backend is not installed.
        """
        rows = self._as_they_are(table)
        large = np.flatnonzero(self.distinct.per_group > self.rows_per_group)
        sizes = self._states.group_sizes
        with Progress("clustering", total=int(sizes[large].sum()), unit="states") as progress:
            if settings.backend != "torch":
                for group in large:
                    self._cluster_alone(int(group), table, rows, settings)
                    progress.advance(int(sizes[group]))
                return rows
            by_size = large[np.argsort(sizes[large], kind="stable")]
            for tile in _tiles(by_size, sizes, self._tile_points(settings, device)) if len(large) else ():
                self._cluster_tile(tile, table, rows, settings, device)
                progress.advance(int(sizes[tile].sum()))
        return rows

    def _as_they_are(self, table: Floats) -> Ints:
        """[state] rows of the groups that keep their distinct vectors, -1 in the others."""
        kept = self.distinct.per_group == self.rows_per_group
        group_of_distinct = np.repeat(np.arange(len(kept)), self.distinct.per_group)
        offset = self.row_first[:-1] - self.distinct.group_first[:-1]
        row_of_distinct = np.arange(len(group_of_distinct)) + offset[group_of_distinct]
        row_of_distinct[~kept[group_of_distinct]] = -1
        found = np.flatnonzero(row_of_distinct >= 0)
        table[row_of_distinct[found]] = self._states.vectors[self.distinct.first_state[found]]
        return row_of_distinct[self.distinct.number].astype(np.int32)

    def _tile_points(self, settings: Clustering, device: torch.device) -> int:
        """Points whose distances to all centers of all restarts are held at once."""
        assert self._k is not None, "without k every group keeps its distinct vectors"
        distances = _TILE_DISTANCES.get(device.type, _TILE_DISTANCES_DEVICE)
        return max(1, distances // (settings.n_init * self._k))

    def _cluster_tile(
        self, groups: Ints, table: Floats, rows: Ints, settings: Clustering, device: torch.device
    ) -> None:
        """Groups of about one size, together; all of them have more distinct vectors than k."""
        assert self._k is not None
        points = self._points(groups, self._tile_points(settings, device), device)
        numbers = groups + self._first_group
        draws = uniform(settings.seed, numbers, restarts=settings.n_init, draws=num_draws(self._k))
        draw = torch.from_numpy(draws).to(device)
        if points.values.shape[1] <= _GRAM_POINTS * points.width and points.only is not None:
            centers, labels = cluster_small(points, self._k, draw, max_iter=settings.max_iter)
        else:
            centers = lloyd(points, plus_plus(points, self._k, draw), max_iter=settings.max_iter, tol=settings.tol)
            centers = best_restart(points, centers)
            labels, _ = assign(points, centers)
        centers = (centers + points.mean).cpu().numpy()
        for group, own_centers, own_labels in zip(groups, centers, labels.cpu().numpy(), strict=True):
            self._write(int(group), own_centers, own_labels, table, rows)

    def _points(self, groups: Ints, block: int, device: torch.device) -> Points:
        """One large group stays where it lies; small ones are copied side by side."""
        sizes, first = self._states.group_sizes[groups], self._states.group_first[groups]
        if len(groups) == 1 and sizes[0] > block:
            part = slice(int(first[0]), int(first[0] + sizes[0]))
            values = torch.from_numpy(self._states.vectors[part])[None]
            weights = torch.from_numpy(self._states.weights[part].astype(np.float32))[None]
            return Points.of(values, weights.to(device), block=block)
        index = first[:, None] + np.arange(sizes.max())
        present = np.arange(sizes.max()) < sizes[:, None]
        index = np.where(present, index, first[:, None])
        weights = np.where(present, self._states.weights[index], 0).astype(np.float32)
        values = torch.from_numpy(self._states.vectors[index]).to(device)
        return Points.of(values, torch.from_numpy(weights).to(device), block=block)

    def _cluster_alone(self, group: int, table: Floats, rows: Ints, settings: Clustering) -> None:
        assert self._k is not None
        part = slice(int(self._states.group_first[group]), int(self._states.group_first[group + 1]))
        seed = int(np.random.SeedSequence((settings.seed, group + self._first_group)).generate_state(1)[0] >> 1)
        points, weights = np.asarray(self._states.vectors[part]), self._states.weights[part]
        centers, labels = BACKENDS[settings.backend](points, weights, self._k, settings, seed)
        self._write(group, centers, labels, table, rows)

    def _write(self, group: int, centers: Floats, labels: Ints, table: Floats, rows: Ints) -> None:
        row, state, size = self.row_first[group], self._states.group_first[group], self._states.group_sizes[group]
        table[row : row + len(centers)] = centers
        rows[state : state + size] = row + labels[:size]


def _tiles(groups: Ints, sizes: Ints, tile_points: int) -> Iterator[Ints]:
    """Runs of groups, given in the order of their sizes, that fit a tile and are about equally large."""
    start = 0
    while start < len(groups):
        longest = np.minimum(sizes[groups[start]] / _FILL, tile_points)
        stop = int(np.searchsorted(sizes[groups], longest, side="right"))
        stop = max(start + 1, min(stop, start + int(tile_points // max(longest, 1))))
        yield groups[start:stop]
        start = stop
