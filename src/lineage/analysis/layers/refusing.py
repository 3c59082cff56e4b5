"""Does a model refuse? By its greedy answers, and by what it gives a refusal against an answer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineage.analysis.layers.asked import Asked
from lineage.analysis.layers.parts import language_layers
from lineage.analysis.layers.states import BATCH_TOKENS, Patch
from lineage.conversations.start import Opened
from lineage.evaluation.generation import end_tokens
from lineage.evaluation.generation_batch import continue_batch, prefill
from lineage.evaluation.judges.judge import Judge, Response
from lineage.evaluation.log_probability import batches_by_length
from lineage.evaluation.margins import Scores, score_known

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Decided:
    """What a model does with each request."""

    refused: Floats
    """[item] 1 where the greedy answer refuses, in full or in part, else 0."""
    margin: Floats
    """[item] log p(refusal) - log p(answer) in nats, each to its end, behind what both begin with; NaN where no
    reference text is known."""


@torch.inference_mode()
def decide(
    opened: Opened,
    asked: Sequence[Asked],
    position: str,
    judge: Judge,
    *,
    max_new_tokens: int,
    patch: Patch | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> Decided:
    """Reads every request up to a position and lets the model go on from there.

    `patch` puts another model's states into the last token of that position; all that follows is the model's own. A
    response that the judge cannot read is no refusal.
    """
    layers, ends = list(language_layers(opened.model)), end_tokens(opened)
    said: dict[int, str] = {}
    margin = np.full(len(asked), np.nan)
    for numbers in batches_by_length([len(one.upto(position)) + max_new_tokens for one in asked], batch_tokens):
        with nullcontext() if patch is None else patch.applied(layers, numbers):
            read = prefill(opened, [asked[number].row(position) for number in numbers])
        for number, scores in zip(
            numbers, score_known(opened, read, [asked[number].behind(position) for number in numbers]), strict=True
        ):
            margin[number] = _margin(scores)
        found = continue_batch(opened, read, max_new_tokens=max_new_tokens, ends=ends, choose=_likeliest)
        texts = opened.tokenizer.batch_decode(found, skip_special_tokens=True)
        said |= {number: text.strip() for number, text in zip(numbers, texts, strict=True)}
    verdicts = judge.judge([Response(one.item.asked, said[number]) for number, one in enumerate(asked)])
    refused = np.asarray([float(one is not None and one.refuses) for one in verdicts])
    return Decided(refused, margin)


def _margin(scores: Scores | None) -> float:
    if scores is None:
        return float("nan")
    refusal, answer = scores.endings
    return refusal - answer


def _likeliest(logits: Tensor, _numbers: Sequence[int], _said: Sequence[Sequence[int]]) -> list[int]:
    return logits.argmax(dim=-1).tolist()
