"""CSV with a header row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lineage.config.documents import CsvDocuments
from lineage.data.readers.files import source_files, utf8_lines
from lineage.data.readers.rows import check_columns, row_documents
from lineage.data.schema import DOCUMENT_BYTES_LIMIT, Document
from lineage.errors import UserError


def read_csv(config: CsvDocuments, source: Path | None) -> Iterator[Document]:
    """Documents of CSV files.

    Raises:
        UserError: no file, no such column, an unclosed quote, a row with too few or too many fields, not UTF-8.
    """
    for path, name in source_files(config, source):
        with long_fields():
            yield from row_documents(
                _rows(path, config),
                columns=config.columns,
                empty_rows=config.empty_rows,
                id_prefix=config.id_prefix,
                source=name,
                place=str(path),
            )


@contextmanager
def long_fields() -> Iterator[None]:
    """The csv module refuses fields over 128 kB; its limit can only be set for the whole process, so it is put back."""
    before = csv.field_size_limit(DOCUMENT_BYTES_LIMIT)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _rows(path: Path, config: CsvDocuments) -> Iterator[dict[str, str]]:
    lines = csv.reader(utf8_lines(path), delimiter=config.delimiter, strict=True)
    header: list[str] | None = None
    number, first_line = 0, 1
    try:
        for fields in lines:
            if header is None:
                header = fields
                _check_header(header, path)
                check_columns(config.columns, header, str(path))
            else:
                number += 1
                if len(fields) != len(header):
                    raise UserError(
                        f"{path}: row {number} (line {first_line}) has {len(fields)} fields,"
                        f" the header has {len(header)} ({', '.join(header)}).\n"
                        f"  Quote fields that hold '{config.delimiter}' or line ends, or set `delimiter`."
                    )
                yield dict(zip(header, fields, strict=True))
            first_line = lines.line_num + 1
    except csv.Error as error:
        unclosed = " A quote is not closed, or the file is truncated." if "unexpected end" in str(error) else ""
        raise UserError(
            f"{path}: row {number + 1}, which starts in line {first_line}: {error}.{unclosed}\n"
            '  Quotes are ", doubled inside a quoted field: mend the row or fetch the file again.'
        ) from error


def _check_header(header: list[str], path: Path) -> None:
    repeated = [name for name in header if header.count(name) > 1]
    if repeated:
        raise UserError(f"{path}: the header names column '{repeated[0]}' twice: {', '.join(header)}")
