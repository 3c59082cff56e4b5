"""Rendered conversations put into the rows of one step: one a row and padded, or packed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lineage.conversations.render import Rendered
from lineage.data.batch import IGNORED, Attached, Batch


def packed(lengths: Sequence[int], row_tokens: int) -> list[list[int]]:
    """Rows of conversations, by first fit in order of falling length; ties keep their order.

    >>> packed([3, 5, 2, 4], 7)
    [[1, 2], [3, 0]]
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for item in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        row = next((number for number, left in enumerate(room) if left >= lengths[item]), None)
        if row is None:
            row = len(rows)
            rows.append([])
            room.append(row_tokens)
        rows[row].append(item)
        room[row] -= lengths[item]
    return rows


def make_batch(
    conversations: Sequence[Rendered],
    rows: Sequence[Sequence[int]],
    *,
    pad_id: int,
    pixels: Sequence[Tensor | None] = (),
    row_multiple: int = 1,
    rows_together: int = 1,
) -> Batch:
    """The batch of one step; every row holds the conversations of these numbers.

    Rows are padded on the right to the longest. Labels are shifted as in `pack`: the label at t is the token at t + 1
    where the assistant says it, else -100. `position_ids` start at 0 with each conversation, and with the padding, so
    that conversations of a row do not see each other (see `lineage.data.batch.pack`); a causal model never sees the
    padding behind it.

    Args:
        pixels: [image, channel, height, width] of each conversation, None where it has no picture.
        row_multiple: rows of padding are added up to a multiple, for several processes; they have no label.
        rows_together: as in `Batch`.
    """
    width = max(sum(len(conversations[item].ids) for item in row) for row in rows)
    height = -(-len(rows) // row_multiple) * row_multiple
    tokens = np.full((height, width), pad_id, dtype=np.int64)
    labels = np.full((height, width), IGNORED, dtype=np.int64)
    positions = np.tile(np.arange(width), (height, 1))
    images: list[Tensor] = []
    image_rows: list[int] = []
    for number, row in enumerate(rows):
        column = 0
        for item in row:
            one = conversations[item]
            end = column + len(one.ids)
            tokens[number, column:end] = one.ids
            labels[number, column : end - 1] = np.where(one.learned[1:], one.ids[1:], IGNORED)
            positions[number, column:end] = np.arange(len(one.ids))
            column = end
            pictures = pixels[item] if pixels else None
            if pictures is not None:
                images.append(pictures)
                image_rows += [number] * len(pictures)
        positions[number, column:] = np.arange(width - column)
    inputs = {"input_ids": torch.from_numpy(tokens), "position_ids": torch.from_numpy(positions)}
    attached = {"pixel_values": Attached(torch.cat(images), torch.tensor(image_rows))} if images else {}
    return Batch(
        inputs,
        {"labels": torch.from_numpy(labels)},
        count=int(np.count_nonzero(labels != IGNORED)),
        tokens=sum(len(conversations[item].ids) for row in rows for item in row),
        attached=attached,
        rows_together=rows_together,
    )
