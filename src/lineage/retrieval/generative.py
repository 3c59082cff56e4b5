"""The batches of generative retrievers, and what validation queries say of them while they learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from lineage.config.training import Optimizer
from lineage.conversations.order import MixtureOrder, Part
from lineage.data.batch import IGNORED, Batch
from lineage.models.decoder_heads import IdentifierHead
from lineage.progress import Progress
from lineage.retrieval.examples import Example
from lineage.retrieval.sequences import padded, sequence_batch, source_inputs
from lineage.retrieval.vocabulary import Vocabulary

_BATCH_EXAMPLES = 64


class MixedBatches:
    """Mixtures of sets of examples: `batches(step)` is the batch of one update."""

    def __init__(
        self,
        sets: Mapping[str, Sequence[Example]],
        shares: Mapping[str, float],
        optimizer: Optimizer,
        *,
        batch_pairs: int,
        steps: int,
        make: Callable[[Sequence[Example]], Batch],
    ):
        """`make` turns the examples of a step into tensors."""
        parts = [Part(name, len(sets[name]), share) for name, share in shares.items() if share > 0]
        self._sets = [sets[part.name] for part in parts]
        self._order = MixtureOrder(parts, total=steps * batch_pairs, seed=optimizer.seed)
        self._size, self._make = batch_pairs, make

    def __call__(self, step: int) -> Batch:
        """What the model reads and writes."""
        return self._make(self._examples(step))

    def describe(self, step: int) -> str:
        """Ids of what a step reads."""
        ids = [one.id for one in self._examples(step)]
        return f"{len(ids)} examples: {', '.join(ids[:20])}{', ...' if len(ids) > 20 else ''}"

    def passes(self, steps: int) -> dict[str, float]:
        """{set: how often each of its examples was read} after so many steps."""
        return {name: round(times, 6) for name, times in self._order.passes(steps * self._size).items()}

    def _examples(self, step: int) -> list[Example]:
        items = self._order.items(step * self._size, (step + 1) * self._size)
        return [self._sets[part][number] for part, number in items]


def identifier_batches(vocabulary: Vocabulary) -> Callable[[Sequence[Example]], Batch]:
    """Makes batches in which the own path of each example's document is to be written."""

    def make(examples: Sequence[Example]) -> Batch:
        return sequence_batch(
            [one.source for one in examples], [vocabulary.path(one.document).tolist() for one in examples]
        )

    return make


def token_batches(rows: Sequence[int]) -> Callable[[Sequence[Example]], Batch]:
    """Makes batches of queries, each with one row: `Example.document` is an index of `rows`."""

    def make(examples: Sequence[Example]) -> Batch:
        inputs = source_inputs([one.source for one in examples])
        targets = {"token_row": torch.tensor([rows[one.document] for one in examples])}
        return Batch(inputs, targets, count=len(examples), tokens=int(inputs["attention_mask"].sum()))

    return make


def path_batches(vocabulary: Vocabulary) -> Callable[[Sequence[Example]], Batch]:
    """Makes batches of queries, each with all rows of its identifier but the end."""

    def make(examples: Sequence[Example]) -> Batch:
        inputs = source_inputs([one.source for one in examples])
        paths = [vocabulary.path(one.document)[:-1].tolist() for one in examples]
        labels = padded(paths, IGNORED)
        count = int((labels != IGNORED).sum())
        return Batch(inputs, {"labels": labels}, count=count, tokens=int(inputs["attention_mask"].sum()))

    return make


def per_token(examples: Sequence[Example], vocabulary: Vocabulary) -> tuple[list[Example], list[int]]:
    """(one example for each row of each identifier, numbered by `document`; those rows)."""
    found, rows = list[Example](), list[int]()
    for one in examples:
        for row in vocabulary.path(one.document)[:-1].tolist():
            found.append(one._replace(document=len(rows)))
            rows.append(row)
    return found, rows


class ValidationObserver:
    """How likely the own paths of validation queries are; a pure function of the weights."""

    def __init__(self, examples: Sequence[Example], vocabulary: Vocabulary, *, every: int, last: int):
        self._examples, self._make = examples, identifier_batches(vocabulary)
        self._every, self._last = every, last

    def restart(self, step: int) -> None:
        """Nothing is recorded here: what is measured goes into training.jsonl."""

    def wants(self, step: int) -> bool:
        """Every so many steps, and at the end."""
        return bool(self._examples) and (step % self._every == 0 or step == self._last)

    def observe(self, step: int, model: nn.Module) -> Mapping[str, float]:
        """`validation_loss` in nats a row, and `validation_exact`: the share of queries all of whose rows are the
        likeliest, each after the right ones before it."""
        assert isinstance(model, IdentifierHead)
        device = next(model.parameters()).device
        nats, exact, rows = 0.0, 0, 0
        with Progress("validating", total=len(self._examples), unit="queries") as progress:
            for first in range(0, len(self._examples), _BATCH_EXAMPLES):
                batch = self._make(self._examples[first : first + _BATCH_EXAMPLES])
                labels, scored = batch.targets["labels"].to(device), batch.inputs["scored"].to(device)
                logits = model(**{name: tensor.to(device) for name, tensor in batch.inputs.items()}).logits.float()
                nats += float(nn.functional.cross_entropy(logits, labels[scored], reduction="sum"))
                wrong = torch.zeros_like(labels, dtype=torch.bool)
                wrong[scored] = logits.argmax(dim=1) != labels[scored]
                exact += int((~wrong.any(dim=1)).sum())
                rows += batch.count
                progress.advance(len(labels))
        return {"validation_loss": nats / rows, "validation_exact": exact / len(self._examples)}

    def save(self) -> None:
        """Nothing to put on the disk."""
