"""Rows of CSV files whose form is known: every column that is needed must be there."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from lineage.config.messages import did_you_mean, listed
from lineage.data.readers.comma_separated import long_fields
from lineage.data.readers.files import utf8_lines
from lineage.errors import UserError


def csv_rows(path: Path, columns: Sequence[str], *, delimiter: str = ",") -> Iterator[tuple[str, dict[str, str]]]:
    """(`row 1`, {column: field}), ... of a file with a header row.

    Raises:
        UserError: no such file or column, a torn row, not UTF-8.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file.\n  Set `path` relative to `data_root`.")
    with long_fields():  # pictures as base64
        yield from _rows(path, columns, delimiter)


def _rows(path: Path, columns: Sequence[str], delimiter: str) -> Iterator[tuple[str, dict[str, str]]]:
    found = csv.reader(utf8_lines(path), delimiter=delimiter, strict=True)
    number = 0
    try:
        header = next(found, [])
        check_columns(columns, header, str(path))
        for fields in found:
            number += 1
            if len(fields) != len(header):
                raise UserError(
                    f"{path}: row {number} has {len(fields)} fields, the header has {len(header)}.\n"
                    "  The file looks torn, or is not quoted as CSV: fetch it again."
                )
            yield f"row {number}", dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise UserError(f"{path}: after row {number}: {error}.\n  The file looks torn: fetch it again.") from error


def check_columns(needed: Sequence[str], found: Sequence[str], place: str) -> None:
    """Every column that is needed is there.

    Raises:
        UserError: one is not; with those that are.
    """
    for name in needed:
        if name not in found:
            raise UserError(
                f"{place}: no column '{name}'.{did_you_mean(name, found)}\n  columns found: {listed(found)}\n"
                "  This is another file than the set's, or another version of it."
            )
