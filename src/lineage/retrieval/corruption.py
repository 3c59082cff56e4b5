"""Span corruption: documents with some spans replaced by sentinels, which the decoder writes down with what is missing.

document   the red boat on the lake near town
source     the <0> on the lake <1> #
target     <0> red boat <1> near town <2> #
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerFast

from lineage.config.retrieval_models import T5Pretraining
from lineage.conversations.order import MixtureOrder, Part
from lineage.data.batch import Batch
from lineage.data.schema import count_rows, read_columns
from lineage.errors import UserError
from lineage.models.encoder_decoder import END
from lineage.progress import Progress
from lineage.retrieval.sequences import sequence_batch
from lineage.retrieval.titles import encoded
from lineage.retrieval.vocabulary import Ints

_SHORTEST = 4
"""Tokens of a document that can lose a span and keep one."""
_SET = "documents"


def sentinels(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """Ids of `<extra_id_0>`, `<extra_id_1>`, ...

    Raises:
        UserError: the tokenizer has fewer than two.
    """
    vocabulary = tokenizer.get_vocab()
    found = []
    while (token := f"<extra_id_{len(found)}>") in vocabulary:
        found.append(vocabulary[token])
    if len(found) < 2:
        raise UserError(
            "the tokenizer has no sentinel tokens (<extra_id_0>, ...), which span corruption needs.\n"
            "  Use a tokenizer that is trained here, or the one of a T5."
        )
    return found


def read_documents(path: Path, tokenizer: PreTrainedTokenizerFast) -> list[Ints]:
    """Identifier and text of each document as tokens; those of fewer than four tokens are left out.

    Raises:
        UserError: none is left.
    """
    found: list[Ints] = []
    with Progress("reading documents", total=count_rows(path), unit="documents") as progress:
        for identifiers, texts in read_columns(path, ("identifier", "text")):
            whole = [" ".join([one, *text.split("\n")]) for one, text in zip(identifiers, texts, strict=True)]
            rows = [np.array(tokens, np.int32) for tokens in encoded(tokenizer, whole)]
            found += [row for row in rows if len(row) >= _SHORTEST]
            progress.advance(len(texts))
    if not found:
        raise UserError(f"{path}: no document of at least {_SHORTEST} tokens.")
    return found


class CorruptedBatches:
    """`batches(step)` is the batch of one update: documents in passes, windows and spans by (seed, position)."""

    def __init__(self, documents: Sequence[Ints], config: T5Pretraining, sentinel_ids: Sequence[int]):
        self._documents, self._config, self._sentinels = documents, config, sentinel_ids
        self._size = config.optimization.batch_pairs
        self._order = MixtureOrder(
            [Part(_SET, len(documents), 1.0)], total=config.steps * self._size, seed=config.optimization.seed
        )

    def __call__(self, step: int) -> Batch:
        """What the model reads and writes."""
        pairs = []
        for position in range(step * self._size, (step + 1) * self._size):
            ((_, number),) = self._order.items(position, position + 1)
            generator = np.random.default_rng([self._config.optimization.seed, position])
            pairs.append(self._corrupted(self._documents[number], generator))
        return sequence_batch(*zip(*pairs, strict=True))

    def describe(self, step: int) -> str:
        """Numbers of what a step reads."""
        items = self._order.items(step * self._size, (step + 1) * self._size)
        return f"{len(items)} documents: {', '.join(str(number) for _, number in items[:20])}"

    def passes(self, steps: int) -> dict[str, float]:
        """How often each document was read."""
        return {name: round(times, 6) for name, times in self._order.passes(steps * self._size).items()}

    def _corrupted(self, document: Ints, generator: np.random.Generator) -> tuple[list[int], list[int]]:
        longest = self._config.row_tokens - 1
        start = generator.integers(len(document) - longest + 1) if len(document) > longest else 0
        window = document[start : start + longest]
        lengths = span_lengths(
            len(window),
            masked_share=self._config.masked_share,
            mean_span=self._config.mean_span,
            most=len(self._sentinels) - 1,
            generator=generator,
        )
        source, target, place = list[int](), list[int](), 0
        for number, (kept, masked) in enumerate(lengths):
            middle, stop = place + kept, place + kept + masked
            source += [*window[place:middle].tolist(), self._sentinels[number]]
            target += [self._sentinels[number], *window[middle:stop].tolist()]
            place = stop
        return [*source, END], [*target, self._sentinels[len(lengths)], END]


def span_lengths(
    tokens: int, *, masked_share: float, mean_span: float, most: int, generator: np.random.Generator
) -> list[tuple[int, int]]:
    """(tokens kept, tokens masked) in turn; both sum to what the share says, and none is 0.

    As in T5: a fixed number of spans, and kept and masked tokens each parted at random places.
    """
    num_masked = min(max(round(tokens * masked_share), 1), tokens - 1)
    num_spans = max(1, min(round(num_masked / mean_span), num_masked, tokens - num_masked, most))
    kept = _parted(tokens - num_masked, num_spans, generator)
    return list(zip(kept, _parted(num_masked, num_spans, generator), strict=True))


def _parted(total: int, parts: int, generator: np.random.Generator) -> list[int]:
    """`total` as a sum of positive numbers, every way equally likely."""
    borders = np.sort(generator.choice(total - 1, parts - 1, replace=False)) + 1
    return np.diff([0, *borders.tolist(), total]).tolist()
