"""From contextual states to the rows of a vocabulary, and the controls that tell more rows from better ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from lineage.config.retrieval_models import Assignment, Clustering
from lineage.retrieval.clustering.groups import Grouped, States
from lineage.retrieval.occurrences import Occurrences
from lineage.retrieval.titles import Titles
from lineage.retrieval.vocabulary import END, Floats, Ints, Vocabulary, create_table

_NUM_SPECIAL = 2
"""Padding and end, which no control touches."""
_BLOCK_ELEMENTS = 1 << 24


def write_rows(
    folder: Path, shards: Sequence[States], *, clusters: int | None, settings: Clustering, device: torch.device
) -> tuple[Floats, Ints, Ints]:
    """Clusters every group into `table.npy` and returns (table [row, d], group_first [group + 1], row [state]).

    Args:
        shards: all states, in files of whole groups.
        clusters: rows a group at most; None: one for every distinct state.
    """
    group = np.cumsum([0, *(len(one.group_sizes) for one in shards)])
    grouped = [Grouped(one, clusters, first_group=int(first)) for one, first in zip(shards, group[:-1], strict=True)]
    group_first = np.cumsum(np.concatenate([[0], *(one.rows_per_group for one in grouped)]))
    bounds = group_first[group]
    table = create_table(folder, int(bounds[-1]), shards[0].vectors.shape[1])
    rows = [
        one.cluster(table[start:stop], settings, device) + start
        for one, start, stop in zip(grouped, bounds[:-1], bounds[1:], strict=True)
    ]
    return table, group_first, np.concatenate(rows)


def control(assignment: Assignment, table: Floats, row: Ints, group_first_state: Ints, seed: int) -> Ints:
    """[state] rows after the control is applied to `table` (in place) or `row` [state]; `kmeans` changes neither.

    `shuffled` deals the rows of each group to its states anew; `random_rows` gives each row a random direction.
    """
    if assignment == "random_rows":
        randomize(table, seed)
    if assignment == "shuffled":
        group = np.repeat(np.arange(len(group_first_state) - 1), np.diff(group_first_state))
        keys = np.random.default_rng([seed, 1]).random(len(row))
        return row[np.lexsort((keys, group))]
    return row


def randomize(table: Floats, seed: int) -> None:
    """Replaces rows by vectors of random direction and their own length, in place; padding and end stay."""
    generator = np.random.default_rng([seed, 2])
    rows = max(1, _BLOCK_ELEMENTS // table.shape[1])
    for start in range(_NUM_SPECIAL, len(table), rows):
        part = table[start : start + rows]
        drawn = generator.standard_normal(part.shape, dtype=np.float32)
        drawn *= np.linalg.norm(part, axis=1, keepdims=True) / np.linalg.norm(drawn, axis=1, keepdims=True)
        part[:] = drawn


def contextual(titles: Titles, occurrences: Occurrences, group_first: Ints, row: Ints) -> Vocabulary:
    """The vocabulary in which every document's path is the rows [state] of its own states, and the end."""
    path_first = titles.first + np.arange(titles.num_documents + 1)
    path_row = np.full(path_first[-1], END, np.int32)
    is_token = np.ones(len(path_row), bool)
    is_token[path_first[1:] - 1] = False
    path_row[is_token] = row[occurrences.place]
    return Vocabulary(group_first, occurrences.group_token, path_first, path_row)
