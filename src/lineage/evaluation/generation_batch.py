"""One batch of prompts through a model: padded on the left, read once, continued token by token with a cache.

Shapes: `row` prompts of a batch, `column` tokens of the longest one. Padding stands on the left, so that all rows go on
at the same column; it is masked, and positions count from each row's first token.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from lineage.conversations.prepared import pixel_values
from lineage.conversations.start import Opened

DROPPED_SHARE = 0.25
"""Share of rows that must have ended before they are taken out of the batch: each time the cache is copied."""

Choose = Callable[[Tensor, Sequence[int], Sequence[Sequence[int]]], list[int]]
"""(logits [row, vocabulary], numbers of the rows, what each has said) -> next token of each row."""


@dataclass(frozen=True)
class Row:
    """A prompt as a model reads it."""

    id: str
    tokens: Sequence[int]
    images: Sequence[bytes] = ()


@dataclass
class Prefilled:
    """A batch of prompts that has been read."""

    logits: Tensor
    """[row, kept, vocabulary] at the last columns."""
    cache: Any
    """transformers' cache of keys and values."""
    mask: Tensor
    """[row, column] 1 where a token stands, 0 where padding does."""

    @property
    def next_positions(self) -> Tensor:
        """[row] position of the token that follows."""
        return self.mask.sum(dim=1)


def pictures(opened: Opened, rows: Sequence[Row]) -> dict[str, Tensor]:
    """Pixels of the pictures of a batch, row by row, as an argument of the model; each file is opened once."""
    files = [file for row in rows for file in row.images]
    if not files:
        return {}
    assert opened.reading is not None, "a picture for a model that reads text only: the renderer refuses it"
    distinct = {file: number for number, file in enumerate(dict.fromkeys(files))}
    pixels = pixel_values(list(distinct), opened.reading, place=f"prompts {rows[0].id}, ...")
    return {"pixel_values": pixels[[distinct[file] for file in files]].to(opened.model.device)}


def prefill(opened: Opened, rows: Sequence[Row], *, kept: int = 1) -> Prefilled:
    """Reads prompts; `kept` is the number of last columns whose logits are wanted."""
    model: Any = opened.model
    width = max(len(row.tokens) for row in rows)
    tokens = torch.full((len(rows), width), opened.pad_id)
    mask = torch.zeros_like(tokens)
    for number, row in enumerate(rows):
        tokens[number, width - len(row.tokens) :] = torch.tensor(row.tokens)
        mask[number, width - len(row.tokens) :] = 1
    tokens, mask = tokens.to(model.device), mask.to(model.device)
    cache = DynamicCache(config=model.config)
    logits = model(
        input_ids=tokens,
        attention_mask=mask,
        position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=kept,
        **pictures(opened, rows),
    ).logits
    return Prefilled(logits, cache, mask)


def selected(read: Prefilled, rows: Sequence[int]) -> Prefilled:
    """A copy with these rows, each as often as it is named; the original can still go on."""
    kept = torch.tensor(rows, device=read.mask.device)
    cache = copy.deepcopy(read.cache)
    cache.batch_select_indices(kept)
    return Prefilled(read.logits[kept], cache, read.mask[kept])


def advance(opened: Opened, read: Prefilled, tokens: Tensor) -> Prefilled:
    """Reads tokens [row, more] behind what was read; logits are those of the new columns."""
    model: Any = opened.model
    more = torch.arange(tokens.shape[1], device=tokens.device)
    positions = read.next_positions.unsqueeze(1) + more
    mask = torch.cat([read.mask, torch.ones_like(tokens)], dim=1)
    logits = model(
        input_ids=tokens, attention_mask=mask, position_ids=positions, past_key_values=read.cache, use_cache=True
    ).logits
    return Prefilled(logits, read.cache, mask)


def alone(opened: Opened, row: Row, said: Sequence[int]) -> Tensor:
    """[vocabulary] logits behind a prompt and what was said, read by itself: without batch, padding and cache."""
    model: Any = opened.model
    tokens = torch.tensor([[*row.tokens, *said]], device=model.device)
    return model(input_ids=tokens, use_cache=False, logits_to_keep=1, **pictures(opened, [row])).logits[0, -1]


def continue_batch(
    opened: Opened, read: Prefilled, *, max_new_tokens: int, ends: frozenset[int], choose: Choose
) -> list[list[int]]:
    """What is said behind each prompt, its end token included; rows that have ended leave the batch."""
    numbers = list(range(len(read.mask)))
    said: list[list[int]] = [[] for _ in numbers]
    for step in range(max_new_tokens):
        chosen = choose(read.logits[:, -1], numbers, [said[one] for one in numbers])
        for number, token in zip(numbers, chosen, strict=True):
            if not (said[number] and said[number][-1] in ends):
                said[number].append(token)
        going = [place for place, number in enumerate(numbers) if said[number][-1] not in ends]
        if not going or step == max_new_tokens - 1:
            break
        if len(going) <= (1 - DROPPED_SHARE) * len(numbers):
            kept = torch.tensor(going, device=read.mask.device)
            read.cache.batch_select_indices(kept)
            read.mask = read.mask[kept]
            numbers = [numbers[place] for place in going]
        tokens = torch.tensor([[said[number][-1]] for number in numbers], device=read.mask.device)
        read = advance(opened, read, tokens)
    return said
