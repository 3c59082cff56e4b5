"""Answers of a model to prompts, greedy or drawn with a seed, with or without pictures, in batches of any size.

Prompts are sorted by length, padded on the left and answered in batches with a cache; what has ended leaves its batch.
**An answer depends on its prompt alone, not on the batch**: padding, batch and cache change logits by rounding only
(float32: 1e-5 and less was seen), so where the first two tokens are closer than `CLOSE`, the prompt is read once more
by itself, and that reading decides. Draws add noise of Gumbel's distribution that the item's id and the position give
to the logits, and take the largest (arXiv 1611.00712, section 3), so they hold to the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lineage.config.safety_score import Decoding
from lineage.conversations.render import Conversation
from lineage.conversations.start import Opened
from lineage.errors import UserError
from lineage.evaluation.generation_batch import Row, alone, continue_batch, prefill
from lineage.evaluation.log_probability import batches_by_length
from lineage.evaluation.margins import Known, Scores, score_known
from lineage.progress import Progress

CLOSE = 1e-3
"""Difference of logits below which rounding might decide; a hundred times the rounding that was seen."""


@dataclass(frozen=True)
class Answer:
    """What a model says to a prompt."""

    id: str
    text: str
    """Without special tokens and without space around it."""
    ended: bool
    """Whether it ended by itself; false: it was cut at the limit."""
    tokens: int
    """Tokens that were said, the end token included."""
    scores: Scores | None = None
    """Log-probabilities of what is known beforehand to be said; None where nothing is."""


def answers(
    opened: Opened, prompts: Sequence[Conversation], decoding: Decoding, *, batch_tokens: int = 16384
) -> list[Answer]:
    """An answer to every prompt, in their order.

    Raises:
        BadConversation: a prompt that cannot be rendered.
        UserError: a prompt that leaves no room for an answer of `max_new_tokens`.
    """
    rows = [Row(one.id, opened.renderer.prompt_ids(one), one.images) for one in prompts]
    check_room(opened, rows, decoding.max_new_tokens)
    found: dict[int, Answer] = {}
    with Progress("answering", total=len(rows), unit="prompts") as progress:
        for members in batches(rows, decoding, batch_tokens):
            found |= zip(members, answer_batch(opened, [rows[one] for one in members], decoding), strict=True)
            progress.advance(len(members))
    return [found[number] for number in range(len(rows))]


def batches(rows: Sequence[Row], decoding: Decoding, batch_tokens: int) -> Iterator[list[int]]:
    """Indices of rows that are answered together: longest first, of about one length."""
    return batches_by_length([len(row.tokens) + decoding.max_new_tokens for row in rows], batch_tokens)


@torch.inference_mode()
def answer_batch(
    opened: Opened, rows: Sequence[Row], decoding: Decoding, known: Sequence[Known | None] | None = None
) -> list[Answer]:
    """Answers to one batch, and the log-probabilities of what is known of each row."""
    ends = end_tokens(opened)
    read = prefill(opened, rows)
    scores = [None] * len(rows) if known is None else score_known(opened, read, known)
    chooser = _Chooser(opened, rows, decoding)
    said = continue_batch(opened, read, max_new_tokens=decoding.max_new_tokens, ends=ends, choose=chooser.choose)
    texts = opened.tokenizer.batch_decode(said, skip_special_tokens=True)
    return [
        Answer(row.id, text.strip(), tokens[-1] in ends, len(tokens), score)
        for row, text, tokens, score in zip(rows, texts, said, scores, strict=True)
    ]


def end_tokens(opened: Opened) -> frozenset[int]:
    """Tokens that end an answer: the tokenizer's, and those that the model's generation config names."""
    config = getattr(opened.model, "generation_config", None)
    named = getattr(config, "eos_token_id", None)
    listed = named if isinstance(named, list) else [] if named is None else [named]
    end = opened.tokenizer.eos_token_id
    assert isinstance(end, int)
    return frozenset([end, *listed])


def check_room(opened: Opened, rows: Sequence[Row], more: int) -> None:
    """Raises:
    UserError: a prompt that with `more` tokens is longer than the model can read.
    """
    context = getattr(opened.model.config.get_text_config(), "max_position_embeddings", None)
    longest = max(rows, key=lambda row: len(row.tokens), default=None)
    if longest is not None and context is not None and len(longest.tokens) + more > context:
        raise UserError(
            f"item {longest.id}: its prompt has {len(longest.tokens)} tokens, pictures included, and {more} are to"
            f" follow, but the model reads at most {context} (max_position_embeddings).\n"
            "  Lower `max_new_tokens`, leave such prompts out, or measure a model that reads more."
        )


class _Chooser:
    """Next tokens of one batch."""

    def __init__(self, opened: Opened, batch: Sequence[Row], decoding: Decoding):
        self._opened = opened
        self._batch = batch
        self._temperature = decoding.temperature
        self._generators = [_generator(decoding.seed, row.id) for row in batch] if decoding.temperature else []

    def choose(self, logits: Tensor, numbers: Sequence[int], said: Sequence[Sequence[int]]) -> list[int]:
        """The likeliest token of each row, or a drawn one."""
        noise = self._noise(numbers, logits.shape[-1])
        best = (logits.float().cpu() + noise).topk(2, dim=-1)
        chosen: list[int] = best.indices[:, 0].tolist()
        for place in torch.nonzero(best.values[:, 0] - best.values[:, 1] < CLOSE).flatten().tolist():
            scores = alone(self._opened, self._batch[numbers[place]], said[place]).float().cpu() + noise[place]
            chosen[place] = int(scores.argmax())
        return chosen

    def _noise(self, numbers: Sequence[int], vocabulary: int) -> Tensor:
        """[row, vocabulary] of Gumbel's distribution times the temperature; [row, 1] of zeros if nothing is drawn."""
        if not self._temperature:
            return torch.zeros(len(numbers), 1)
        drawn = np.stack([self._generators[number].gumbel(size=vocabulary) for number in numbers])
        return self._temperature * torch.from_numpy(drawn.astype(np.float32))


def _generator(seed: int, identifier: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed} {identifier}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
