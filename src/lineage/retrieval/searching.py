"""What the search stages of all retrievers have in common: a run is written as it is made, and timed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from lineage.artifact import ArtifactWriter
from lineage.parts import Parts, pieces
from lineage.progress import Progress
from lineage.retrieval.runs import Found, write_run
from lineage.retrieval.tables import QueryRow

Find = Callable[[Sequence[QueryRow]], Iterable[Found]]
"""Searches for some queries, in order."""


def search(
    found: Iterable[Found],
    out: ArtifactWriter,
    *,
    queries: Sequence[QueryRow],
    tag: str,
    index_bytes: int,
    parts: Parts | None = None,
) -> None:
    """Writes the run of `queries` while it is made; the time a query takes goes to `run.json`.

    `found` must do the searching as it is read, query after query, and nothing else: reading it is what is timed. Where
    it does so in `parts`, they have been timed, perhaps by an earlier run of the job. `index_bytes` is the size of all
    that has to lie ready for a search, models included.
    """
    out.kind = "run"
    clock, before = _Clock(), 0.0 if parts is None else parts.seconds
    with Progress("searching", total=len(queries), unit="queries") as progress:
        written = write_run(clock.timed(found, progress), out.folder, tag)
    assert written.queries == len(queries), f"{written.queries} of {len(queries)} queries were searched for"
    splits = dict(Counter(one.split for one in queries))
    out.counts |= {**written.counts(), "queries by split": splits, "index bytes": index_bytes}
    seconds = clock.seconds if parts is None else parts.seconds - before
    out.run["search"] = {"seconds": seconds, "milliseconds a query": 1000 * seconds / max(len(queries), 1)}


def in_parts(find: Find, queries: Sequence[QueryRow], parts: Parts, *, together: int) -> Iterator[Found]:
    """What is found, so many queries at a time; those of finished parts are not searched for again."""
    for numbers in pieces(len(queries), together):
        asked = queries[numbers.start : numbers.stop]
        for query, documents, scores in parts.json(f"queries from {numbers.start}", partial(_rows, find, asked)):
            yield Found(query, documents, np.asarray(scores, dtype=np.float64))


def _rows(find: Find, queries: Sequence[QueryRow]) -> list[tuple[str, list[str], Any]]:
    return [(query, list(documents), np.asarray(scores).tolist()) for query, documents, scores in find(queries)]


class _Clock:
    """Sums up the time that the next item takes."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, items: Iterable[Found], progress: Progress) -> Iterator[Found]:
        remaining = iter(items)
        while True:
            started = time.perf_counter()
            item = next(remaining, None)
            self.seconds += time.perf_counter() - started
            if item is None:
                return
            progress.advance()
            yield item
