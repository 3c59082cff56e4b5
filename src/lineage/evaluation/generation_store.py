"""Answers that are kept: flushed batch by batch, found again by all that they follow from.

A batch is kept under a digest of the model's files, of its prompts with their pictures, of the settings, and of the
code that answers. So a killed job goes on at the next unanswered batch, and a job with another judge, or with one more
prompt set, asks nothing again. Log-probabilities depend on their batch by rounding: hence a batch is kept whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lineage.evaluation.generation import Answer
from lineage.evaluation.margins import Scores
from lineage.freshness import canonical

ANSWERS = "answers.jsonl"
"""One line a batch: `key`, `answers`. In resume state while a job runs, and in its artifact."""


def batch_key(settings: dict[str, Any], items: Iterable[str]) -> str:
    """Of what decides the answers of a batch; `items` are digests of its items, in order."""
    return hashlib.sha256(canonical({"settings": settings, "items": list(items)}).encode()).hexdigest()


class AnswerStore:
    """Answers by batch, of this job and of earlier ones."""

    def __init__(self, path: Path, *, earlier: Iterable[Path] = ()):
        """Goes on with the file at `path`; what `earlier` jobs left is looked up and never written to."""
        self._path = path
        self._known: dict[str, list[Answer]] = {}
        for file in (*earlier, path):
            self._known |= _read(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        _end_torn_line(path)

    def get(self, key: str) -> list[Answer] | None:
        """The answers of a batch, if they are known."""
        return self._known.get(key)

    def put(self, key: str, answers: Sequence[Answer]) -> None:
        """Keeps the answers of a batch; they are on their way to the disk when this returns."""
        self._known[key] = list(answers)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(key, answers))

    def write(self, path: Path, keys: Iterable[str]) -> None:
        """Writes the answers of these batches, in this order, for later jobs."""
        path.write_text("".join(_line(key, self._known[key]) for key in keys), encoding="utf-8")


def _line(key: str, answers: Sequence[Answer]) -> str:
    return json.dumps({"key": key, "answers": [asdict(one) for one in answers]}, sort_keys=True) + "\n"


def _read(path: Path) -> dict[str, list[Answer]]:
    """Whole lines of a file; the last one may be torn, since a job can be killed at any moment."""
    if not path.is_file():
        return {}
    lines = path.read_bytes().split(b"\n")
    kept = [json.loads(line) for line in lines[:-1] if line]
    return {row["key"]: [_answer(one) for one in row["answers"]] for row in kept}


def _answer(row: dict[str, Any]) -> Answer:
    scores = row.pop("scores")
    known = None if scores is None else Scores(scores["shared"], tuple(scores["endings"]))
    return Answer(**row, scores=known)


def _end_torn_line(path: Path) -> None:
    """Cuts what a killed job left of a line."""
    if path.is_file():
        whole = path.read_bytes()
        kept = whole[: whole.rfind(b"\n") + 1]
        if kept != whole:
            path.write_bytes(kept)
