"""What the training loop is fed: the tensors of one optimizer step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from lineage.data.order import Ints, Rows

IGNORED = -100
"""Label of positions that are no target."""


@dataclass(frozen=True)
class Attached:
    """Tensors of which a row has any number, such as its pictures."""

    values: Tensor
    """[item, ...] in the order of rows, and within a row in the order in which the model meets them."""
    row: Tensor
    """[item] the row that each belongs to, rising."""

    def of_rows(self, start: int, stop: int) -> Tensor:
        """[item of these rows, ...]"""
        first, last = torch.searchsorted(self.row, torch.tensor([start, stop])).tolist()
        return self.values[first:last]


@dataclass(frozen=True)
class Batch:
    """All rows of one optimizer step, before they are split over processes and micro-batches.

    The first dimension of every tensor is the row. `inputs` are keyword arguments of the model, `targets` is what the
    loss reads besides the model's outputs.
    """

    inputs: Mapping[str, Tensor]
    targets: Mapping[str, Tensor]
    count: int
    """What the loss is divided by: everything that it scores in the whole batch (labels, pairs)."""
    tokens: int
    """Tokens that the model reads in this step, for the log."""
    attached: Mapping[str, Attached] = field(default_factory=dict)
    """More arguments of the model, which not every row has; left out where no row of a micro-batch has one."""
    rows_together: int = 1
    """So many consecutive rows are never parted: 2 where they are the sides of a preference pair."""

    @property
    def num_rows(self) -> int:
        """Rows of the whole step."""
        return len(next(iter(self.inputs.values())))


def pack(rows: Rows, attention: Literal["document", "row"]) -> Batch:
    """Inputs and next-token labels of rows that hold parts of several documents.

    `targets["labels"][r, c]` is the token that follows `input_ids[r, c]`: already shifted, models must not shift again.
    With `document` attention a document's first token is no target, because nothing of its document comes before it,
    and `position_ids` start at 0 with each document and each row: transformers' causal models take a position that
    does not follow its predecessor, with no attention mask and no cache, as the start of a new sequence that sees
    nothing of the one before (`transformers.masking_utils.find_packed_sequence_indices`). With `row` attention every
    token is a target and positions are left to the model:

        tokens          c d e . a | b
        labels          d e . # b      document (# is ignored)
                        d e . a b      row
        position_ids    0 1 2 3 0      document
    """
    labels = rows.tokens[:, 1:].copy()
    inputs = {"input_ids": torch.from_numpy(rows.tokens[:, :-1].copy())}
    if attention == "document":
        labels[rows.occurrence[:, 1:] != rows.occurrence[:, :-1]] = IGNORED
        inputs["position_ids"] = torch.from_numpy(restarting_positions(rows.occurrence[:, :-1]))
    count = int(np.count_nonzero(labels != IGNORED))
    return Batch(inputs, {"labels": torch.from_numpy(labels)}, count=count, tokens=inputs["input_ids"].numel())


def restarting_positions(occurrence: Ints) -> Ints:
    """[row, column] -> positions from 0 that start again where the value changes: 7 7 7 8 8 -> 0 1 2 0 1."""
    column = np.broadcast_to(np.arange(occurrence.shape[1]), occurrence.shape)
    starts = np.zeros(occurrence.shape, bool)
    starts[:, 1:] = occurrence[:, 1:] != occurrence[:, :-1]
    return column - np.maximum.accumulate(np.where(starts, column, 0), axis=1)
