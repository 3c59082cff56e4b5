"""Batches for encoder-decoder models: what is read, what is written, padded."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lineage.data.batch import IGNORED, Batch
from lineage.models.encoder_decoder import END, PAD


def sequence_batch(sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> Batch:
    """One row a pair; the decoder reads its target one step late, after padding, which starts it.

    source            5 6 1     7 1 #
    labels            8 9 1     4 1 #      # is padding, or -100
    decoder_input_ids 0 8 9     0 4 1
    scored            x x x     x x .
    """
    labels = padded(targets, IGNORED)
    shifted = torch.full_like(labels, PAD)
    shifted[:, 1:] = labels[:, :-1]
    inputs = source_inputs(sources)
    inputs |= {"decoder_input_ids": shifted.masked_fill(shifted == IGNORED, PAD), "scored": labels != IGNORED}
    count = sum(map(len, targets))
    return Batch(inputs, {"labels": labels}, count=count, tokens=count + sum(map(len, sources)))


def source_inputs(sources: Sequence[Sequence[int]]) -> dict[str, Tensor]:
    """`input_ids` and `attention_mask` [row, token]."""
    lengths = torch.tensor([len(one) for one in sources])
    ids = padded(sources, PAD)
    return {"input_ids": ids, "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long()}


def padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """[row, longest] int64."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows])


def cut(tokens: Sequence[int], longest: int) -> list[int]:
    """At most `longest` tokens, the last of which is the end."""
    return [*tokens[: longest - 1], END]
