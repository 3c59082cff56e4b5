"""Closed-book recall: does the model complete a held-out cue with the fact's value, from its weights alone?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from lineage.data.probes import first_target_token
from lineage.evaluation.log_probability import Scored, score_tokens
from lineage.evaluation.text import encode_text, start_tokens


@dataclass(frozen=True)
class Probe:
    """A cue that ends right before its target; `candidates` are the values that the target is one of."""

    fact: str
    cue: str
    target: str
    candidates: Sequence[str]


@dataclass(frozen=True)
class Recalled:
    """What a model made of one probe."""

    fact: str
    output: str
    """Greedy continuation, of as many tokens as the target has, given the target's own tokens so far."""
    correct: bool
    """Greedy decoding gives the target, token for token."""
    log_probability: float
    """Mean over target tokens, nats."""
    rank: int | None
    """Place of the target among the candidates (1 is best); None where a candidate has more than one token."""


def recall(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, probes: Sequence[Probe], *, batch_tokens: int
) -> list[Recalled]:
    """Asks every probe, in order.

    Raises:
        UserError: a target is empty, or shares a token with its cue.
    """
    sequences = [probe_tokens(tokenizer, probe) for probe in probes]
    singles = _SingleTokens(tokenizer)
    found: dict[int, Recalled] = {}
    for index, scores in score_tokens(model, sequences, batch_tokens=batch_tokens):
        probe, sequence = probes[index], sequences[index]
        target = list(sequence.tokens[sequence.first :])
        greedy = scores.greedy.tolist()
        candidates = [singles(value) for value in probe.candidates]
        rank = None
        if len(target) == 1 and all(token is not None for token in candidates):
            better = [token for token in candidates if scores.first_logits[token] > scores.first_logits[target[0]]]
            rank = 1 + len(better)
        found[index] = Recalled(
            probe.fact,
            str(tokenizer.decode(greedy)).strip(),
            greedy == target,
            float(scores.log_probability.mean()),
            rank,
        )
    return [found[index] for index in range(len(probes))]


def probe_tokens(tokenizer: PreTrainedTokenizerFast, probe: Probe) -> Scored:
    """Cue, one space and target, tokenized once; the target's tokens are those that start behind the cue.

    Raises:
        UserError: the target is empty, or a token holds parts of both.
    """
    encoded = encode_text(tokenizer, f"{probe.cue} {probe.target}")
    first = first_target_token(encoded["offset_mapping"], probe.cue, probe.target, name=probe.fact)
    prefix = start_tokens(tokenizer)
    return Scored([*prefix, *encoded["input_ids"]], len(prefix) + first)


def exposure_bucket(count: int, levels: Sequence[int]) -> int:
    """The designed level that a fact's real count is nearest to, by ratio; 0 is a level of its own.

    Rows that cut a sentence in two and duplicates that went make real counts a little smaller than designed ones:
    57 of 64 is in bucket 64, and 1 is in bucket 1 of levels 0, 1, 2, 4. `levels` holds one above 0.
    """
    if count == 0:
        return 0
    candidates = [level for level in levels if level > 0]
    return min(candidates, key=lambda level: (abs(math.log((count + 0.01) / (level + 0.01))), level))


class _SingleTokens:
    """The token of a word that stands behind a space, or None where the word has several."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast):
        self._tokenizer = tokenizer
        self._known: dict[str, int | None] = {}

    def __call__(self, word: str) -> int | None:
        if word not in self._known:
            tokens = self._tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
            self._known[word] = tokens[0] if len(tokens) == 1 else None
        return self._known[word]
