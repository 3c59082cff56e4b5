"""Log-probabilities of given tokens under a causal language model, batched by length.

Shapes: `row` sequences of one forward pass, padded on the right to `column` tokens; a causal model never looks right,
so padding changes no value and no attention mask is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel


@dataclass(frozen=True)
class TokenScores:
    """What the model says of one sequence's scored tokens, in their order."""

    log_probability: Tensor
    """[scored] float32, nats: log p(token | the tokens before it)."""
    greedy: Tensor
    """[scored] the most probable token at each position."""
    first_logits: Tensor
    """[vocabulary] float32 log-probabilities at the first scored position."""


@dataclass(frozen=True)
class Scored:
    """A token sequence of which the tokens from `first` on are scored; `first` is at least 1."""

    tokens: Sequence[int]
    first: int


@torch.inference_mode()
def score_tokens(
    model: PreTrainedModel, sequences: Sequence[Scored], *, batch_tokens: int
) -> Iterator[tuple[int, TokenScores]]:
    """(index, scores) of every sequence; longest first, about `batch_tokens` tokens (padding included) at a time."""
    was_training = model.training
    model.eval()
    try:
        for rows in batches_by_length([len(one.tokens) for one in sequences], batch_tokens):
            yield from _score_batch(model, sequences, rows)
    finally:
        model.train(was_training)


def batches_by_length(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Indices sorted by falling length, cut so that rows * longest row stays within `batch_tokens` (or one row)."""
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    while order:
        rows = max(1, batch_tokens // max(1, lengths[order[0]]))
        yield order[:rows]
        order = order[rows:]


def _score_batch(
    model: PreTrainedModel, sequences: Sequence[Scored], rows: list[int]
) -> Iterator[tuple[int, TokenScores]]:
    width = len(sequences[rows[0]].tokens)
    padded = torch.zeros(len(rows), width, dtype=torch.long)
    for row, index in enumerate(rows):
        padded[row, : len(sequences[index].tokens)] = torch.tensor(sequences[index].tokens)
    logits = model(input_ids=padded.to(model.device), use_cache=False).logits
    for row, index in enumerate(rows):
        one = sequences[index]
        assert 1 <= one.first < len(one.tokens)
        positions = slice(one.first - 1, len(one.tokens) - 1)
        log_probabilities = torch.log_softmax(logits[row, positions].float(), dim=-1).cpu()
        targets = padded[row, one.first : len(one.tokens)]
        picked = log_probabilities.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
        yield index, TokenScores(picked, log_probabilities.argmax(-1), log_probabilities[0].clone())
