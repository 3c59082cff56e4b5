"""Held-out bits per byte: how well a model predicts text that it never saw, whatever its tokenizer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from lineage.errors import UserError
from lineage.evaluation.log_probability import Scored, score_tokens
from lineage.evaluation.text import encode_text, start_tokens


@dataclass(frozen=True)
class DocumentBits:
    """One held-out document. Its first token has no context and is not scored; nor are that token's bytes counted."""

    id: str
    bits: float
    tokens: int
    bytes: int


@dataclass(frozen=True)
class HeldOutText:
    """Held-out documents as token windows, ready to be scored by any checkpoint with the same tokenizer."""

    ids: list[str]
    bytes: list[int]
    """Bytes of each document behind its first token."""
    token_ids: list[list[int]]
    windows: list[tuple[int, Scored]]
    """(document, window): together the windows score every token of a document but its first, once."""

    @classmethod
    def tokenize(
        cls, documents: Sequence[tuple[str, str]], tokenizer: PreTrainedTokenizerFast, *, context_tokens: int
    ) -> HeldOutText:
        """From (id, text) pairs; documents of fewer than two tokens say nothing and are left out.

        Raises:
            UserError: no document is left.
        """
        ids: list[str] = []
        sizes: list[int] = []
        tokens: list[list[int]] = []
        windows: list[tuple[int, Scored]] = []
        prefix = start_tokens(tokenizer)
        for identifier, text in documents:
            encoded = encode_text(tokenizer, text)
            token_ids: list[int] = encoded["input_ids"]
            first_stop = encoded["offset_mapping"][0][1] if token_ids else 0
            if len(token_ids) < 2 or first_stop == len(text):  # or one character of several tokens
                continue
            windows.extend((len(ids), window) for window in _windows(token_ids, context_tokens, prefix))
            ids.append(identifier)
            sizes.append(len(text[first_stop:].encode()))
            tokens.append(token_ids)
        if not ids:
            raise UserError(
                "the held-out part of the corpus has no document of two tokens or more: raise `held_out_share`."
            )
        return cls(ids, sizes, tokens, windows)

    def unigram_bits_per_byte(self) -> float:
        """Entropy of the scored tokens' own frequencies: no model without context can predict them better."""
        scored = np.concatenate([np.asarray(tokens[1:]) for tokens in self.token_ids])
        counts = np.unique(scored, return_counts=True)[1]
        shares = counts / counts.sum()
        return float(-(counts * np.log2(shares)).sum() / sum(self.bytes))

    def score(self, model: PreTrainedModel, *, batch_tokens: int) -> list[DocumentBits]:
        """Bits of every document under the model, in their order."""
        nats = np.zeros(len(self.ids))
        scored = [window for _, window in self.windows]
        for index, scores in score_tokens(model, scored, batch_tokens=batch_tokens):
            nats[self.windows[index][0]] -= float(scores.log_probability.double().sum())
        return [
            DocumentBits(identifier, bits / math.log(2), len(tokens) - 1, size)
            for identifier, bits, tokens, size in zip(self.ids, nats.tolist(), self.token_ids, self.bytes, strict=True)
        ]


def bits_per_byte(documents: Sequence[DocumentBits]) -> float:
    """All bits over all bytes."""
    return sum(one.bits for one in documents) / sum(one.bytes for one in documents)


def _windows(tokens: list[int], context: int, prefix: list[int]) -> Iterator[Scored]:
    """Windows of at most `context` tokens that score every token but the first once, with half a window before it.

    Ten tokens with a context of 4 give [0:4] scoring 1-3, [2:6] scoring 4-5, [4:8] scoring 6-7, [6:10] scoring 8-9.
    Each begins with `prefix`, which counts towards the context.
    """
    context -= len(prefix)
    yield Scored([*prefix, *tokens[:context]], len(prefix) + 1)
    stride = context // 2
    for stop in range(context + stride, len(tokens) + stride, stride):
        start, last = stop - context, min(stop, len(tokens))
        yield Scored([*prefix, *tokens[start:last]], len(prefix) + context - stride)
