"""What the search stages of all retrievers have in common: a run is written as it is made, and timed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from lineage.artifact import ArtifactWriter
from lineage.progress import Progress
from lineage.retrieval.runs import Found, write_run
from lineage.retrieval.tables import QueryRow


def search(
    found: Iterable[Found], out: ArtifactWriter, *, queries: Sequence[QueryRow], tag: str, index_bytes: int
) -> None:
    """Writes the run of `queries` while it is made; the time a query takes goes to `run.json`.

    `found` must do the searching as it is read, query after query, and nothing else: reading it is what is timed.
    `index_bytes` is the size of all that has to lie ready for a search, models included.
    """
    out.kind = "run"
    clock = _Clock()
    with Progress("searching", total=len(queries), unit="queries") as progress:
        written = write_run(clock.timed(found, progress), out.folder, tag)
    assert written.queries == len(queries), f"{written.queries} of {len(queries)} queries were searched for"
    splits = dict(Counter(one.split for one in queries))
    out.counts |= {**written.counts(), "queries by split": splits, "index bytes": index_bytes}
    out.run["search"] = {"seconds": clock.seconds, "milliseconds a query": 1000 * clock.seconds / max(len(queries), 1)}


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
