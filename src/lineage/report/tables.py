"""Rows for charts out of tidy tables: columns checked, numbers that JSON can hold, one estimator chosen."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import altair as alt
import pyarrow as pa

from lineage.errors import UserError

Row: TypeAlias = dict[str, Any]

_DIGITS = 6


def rows(table: pa.Table, columns: Sequence[str], *, name: str) -> list[Row]:
    """The named columns of a table as rows; a number that is not finite becomes None.

    Numbers keep six significant digits: enough for any screen, and half the size of a page.

    Raises:
        UserError: the table lacks a column; the message names those that it has.
    """
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise UserError(
            f"table {name} has no column {', '.join(map(repr, missing))}.\n  columns: {', '.join(table.column_names)}"
        )
    return [{key: _plain(value) for key, value in row.items()} for row in table.select(list(columns)).to_pylist()]


def where(candidates: Iterable[Row], **equal: Any) -> list[Row]:
    """The rows whose columns have these values.

    >>> where([{"arm": "once", "lag": 1}, {"arm": "never", "lag": 1}], arm="once")
    [{'arm': 'once', 'lag': 1}]
    """
    return [row for row in candidates if all(row[column] == value for column, value in equal.items())]


def of_runs(
    runs: Mapping[str, Iterable[Row]], preference: Sequence[str], *, name: str
) -> tuple[dict[str, str], list[Row]]:
    """({run: its estimator}, rows with a column `run`): of each run the first estimator of `preference` that it has.

    Runs without rows are left out.

    Raises:
        UserError: a run has rows, but of none of the estimators.
    """
    used: dict[str, str] = {}
    together: list[Row] = []
    for run, candidates in runs.items():
        estimator, found = chosen(candidates, preference, name=f"{name} of run {run}")
        if found:
            used[run] = estimator
            together += [row | {"run": run} for row in found]
    return used, together


def chosen(candidates: Iterable[Row], preference: Sequence[str], *, name: str) -> tuple[str, list[Row]]:
    """The first estimator of `preference` that the rows have, and its rows; no rows choose nothing: ('', []).

    >>> chosen([{"estimator": "raw"}], ["twin", "raw"], name="curves")
    ('raw', [{'estimator': 'raw'}])

    Raises:
        UserError: there are rows, but of none of the estimators.
    """
    by_estimator: dict[str, list[Row]] = {}
    for row in candidates:
        by_estimator.setdefault(row["estimator"], []).append(row)
    for estimator in preference:
        if estimator in by_estimator:
            return estimator, by_estimator[estimator]
    if by_estimator:
        raise UserError(
            f"table {name} has none of the estimators {', '.join(preference)}.\n  estimators: {', '.join(by_estimator)}"
        )
    return "", []


def inline(values: Sequence[Row]) -> alt.Data:
    """The rows as the data of a chart, in CSV: a third of the size of JSON, and Altair need not copy every cell.

    A column of numbers stays one, whatever else is text; None is an empty cell, which Vega reads as null.

    >>> inline([{"run": "512", "value": 0.5}, {"run": "64", "value": None}])["values"]
    'run,value\\n512,0.5\\n64,\\n'
    """
    columns = list(dict.fromkeys(column for row in values for column in row))
    if not columns:
        return alt.Data(values=[])
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(values)
    parse = {column: "number" if _is_numeric(values, column) else "string" for column in columns}
    return alt.Data(values=text.getvalue(), format=alt.CsvDataFormat(type="csv", parse=parse))


def _is_numeric(values: Sequence[Row], column: str) -> bool:
    there = [row[column] for row in values if row.get(column) is not None]
    return bool(there) and all(isinstance(value, int | float) for value in there)


def span(values: Iterable[float | None], *, include: Sequence[float] = (), margin: float = 0.04) -> list[float]:
    """[lowest, highest] of the values that are there and of `include`, with a margin on both sides.

    >>> span([None, 1.0, 3.0], include=[0.0], margin=0.1)
    [-0.3, 3.3]
    """
    there = [value for value in values if value is not None] + list(include)
    if not there:
        return [0.0, 1.0]
    low, high = min(there), max(there)
    room = margin * (high - low) or 0.5
    return [round(low - room, 6), round(high + room, 6)]


def _plain(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
