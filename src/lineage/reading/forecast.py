"""The crossing, predicted: what a retriever finds on validation queries, what the reader reads of disjoint facts, and
what study 1's kernel says of recall by exposure.

A reader behind a retriever of hit rate h is right in h o + (1 - h) w of the cases, o and w its shares of right answers
behind right and wrong passages. Assumed and not corrected: retrievers hit test queries as often as validation ones,
whatever the exposure, and greedy answers to questions are right as often as the forecast gives the value probability.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from lineage.reading.crossing import crossing

Row = dict[str, Any]
FORECAST = "forecast.parquet"
HIT_RATE, READS, READS_WRONG = "hit rate", "reads the right passage", "right behind a wrong passage"
READER, CLOSED, CROSSING = "reader", "closed book", "crossing"
NAIVES = ("naive_no_forgetting", "naive_last_only")
SCHEMA = pa.schema(
    [
        pa.field("quantity", pa.string(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("at", pa.float64(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        *(pa.field(name, pa.float64()) for name in NAIVES),
    ]
)
"""`at`: the exposure level of `closed book`, 0 elsewhere; `crossing` in doublings (`reading.crossing`), infinite where
none is predicted; the naive columns by the naive curves of study 1's forecast."""


def forecast_rows(
    hits: Mapping[str, float], *, reads: float, reads_wrong: float, closed_book: Mapping[float, Row]
) -> Iterator[Row]:
    """Everything that is predicted; `closed_book` is study 1's forecast by level, empty where there is none."""
    yield _row(READS, reads)
    yield _row(READS_WRONG, reads_wrong)
    for level, row in sorted(closed_book.items()):
        yield _row(CLOSED, row["value"], at=level, **{name: row[name] for name in NAIVES})
    levels = np.asarray(sorted(closed_book), dtype=np.float64)
    for run, hit in hits.items():
        reader = hit * reads + (1 - hit) * reads_wrong
        yield _row(HIT_RATE, hit, run=run)
        yield _row(READER, reader, run=run)
        if closed_book:
            curves = {
                name: np.asarray([closed_book[level][name] for level in levels.tolist()]) for name in ("value", *NAIVES)
            }
            found = {name: crossing(levels, curve - reader, np.ones(len(levels))) for name, curve in curves.items()}
            yield _row(CROSSING, found.pop("value"), run=run, **found)


def _row(quantity: str, value: float, *, run: str = "", at: float = 0.0, **naive: float | None) -> Row:
    return {"quantity": quantity, "run": run, "at": at, "value": value, **dict.fromkeys(NAIVES), **naive}
