"""Runs: for each query the documents that a retriever found, best first; as a table, and as TREC files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray

from lineage.data.schema import TableWriter
from lineage.retrieval import schemas

Ranking = dict[str, float]
"""Document to score, best first."""
Run = dict[str, Ranking]
"""Query to what was found for it; a query without a row found nothing."""


class Found(NamedTuple):
    """What was found for one query."""

    query: str
    documents: Sequence[str]
    """Best first, none twice."""
    scores: ArrayLike
    """One a document, not rising."""


@dataclass
class Written:
    """What a run holds."""

    queries: int = 0
    rows: int = 0
    empty: int = 0
    """Queries for which nothing was found."""

    def counts(self) -> dict[str, int]:
        """For the manifest."""
        return {"queries": self.queries, "rows": self.rows, "queries without a document": self.empty}


def strictly_falling(scores: ArrayLike) -> NDArray[np.float32]:
    """The scores in float32, each below the one before it, by as little as there is where they were equal.

    trec_eval reads float32 and puts equal scores into an order of its own, so a run must have none.

    >>> strictly_falling([2.0, 2.0, 1.0]).tolist()
    [2.0, 1.9999998807907104, 1.0]
    """
    falling = np.array(scores, dtype=np.float32)
    assert np.isfinite(falling).all(), "scores are numbers"
    for index in range(1, len(falling)):
        falling[index] = min(falling[index], np.nextafter(falling[index - 1], np.float32(-np.inf)))
    return falling


def write_run(found: Iterable[Found], folder: Path, tag: str) -> Written:
    """Writes `run.parquet` and `run.trec` (`query Q0 document rank score tag`), rows in the order given."""
    written = Written()
    with ExitStack() as stack:
        table = stack.enter_context(TableWriter(folder / schemas.RUN, schemas.RUN_SCHEMA))
        trec = stack.enter_context((folder / schemas.TREC_RUN).open("w", encoding="utf-8"))
        for query, documents, scores in found:
            assert len(set(documents)) == len(documents), f"{query}: a document is found twice"
            falling = strictly_falling(scores)
            for rank, (document, score) in enumerate(zip(documents, falling, strict=True), 1):
                table.write((query, document, rank, float(score)))
                trec.write(f"{query} Q0 {document} {rank} {score!s} {tag}\n")
            written.queries += 1
            written.rows += len(documents)
            written.empty += not len(documents)
    return written


def read_run(path: Path) -> Run:
    """The run of a `run.parquet`."""
    run: Run = {}
    columns = pq.read_table(path, columns=["query", "document", "score"]).to_pydict()
    for query, document, score in zip(*columns.values(), strict=True):
        run.setdefault(query, {})[document] = score
    return run
