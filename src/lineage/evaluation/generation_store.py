"""Answers that are kept: flushed batch by batch, found again by all that they follow from.

A batch is kept under a digest of the model's files, of its prompts with their pictures, of the settings, and of the
code that answers. So a killed job goes on at the next unanswered batch, and a job with another judge, or with one more
prompt set, asks nothing again. Log-probabilities depend on their batch by rounding: hence a batch is kept whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lineage.evaluation.generation import Answer
from lineage.evaluation.margins import Scores
from lineage.freshness import canonical
from lineage.parts import Journal, json_line

ANSWERS = "answers.jsonl"
"""One line a batch: `key`, `answers`. In resume state while a job runs, and in its artifact."""


def batch_key(settings: dict[str, Any], items: Iterable[str]) -> str:
    """Of what decides the answers of a batch; `items` are digests of its items, in order."""
    return hashlib.sha256(canonical({"settings": settings, "items": list(items)}).encode()).hexdigest()


class AnswerStore:
    """Answers by batch, of this job and of earlier ones."""

    def __init__(self, path: Path, *, earlier: Iterable[Path] = ()):
        """Goes on with the file at `path`; what `earlier` jobs left is looked up and never written to."""
        self._journal = Journal(path, earlier=earlier)

    def get(self, key: str) -> list[Answer] | None:
        """The answers of a batch, if they are known."""
        found = self._journal.get(key)
        return None if found is None else [_answer(one) for one in found["answers"]]

    def put(self, key: str, answers: Sequence[Answer]) -> None:
        """Keeps the answers of a batch; they are on their way to the disk when this returns."""
        self._journal.put(key, {"answers": [asdict(one) for one in answers]})

    def write(self, path: Path, keys: Iterable[str]) -> None:
        """Writes the answers of these batches, in this order, for later jobs."""
        with path.open("wb") as file:
            for key in keys:
                found = self._journal.get(key)
                assert found is not None, key
                file.write(json_line(key, {"answers": found["answers"]}))


def _answer(row: dict[str, Any]) -> Answer:
    scores = row.pop("scores")
    known = None if scores is None else Scores(scores["shared"], tuple(scores["endings"]))
    return Answer(**row, scores=known)
