"""The one table of documents (id, title, text, source), written and read in bounded memory."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lineage.errors import UserError

ROW_GROUP_ROWS = 16_384
ROW_GROUP_CHARACTERS = 1 << 23
DOCUMENT_BYTES_LIMIT = 1 << 28
"""A longer document is an error: it would not fit the memory that streaming promises."""


class Document(NamedTuple):
    """One text and where it came from."""

    id: str
    title: str
    text: str
    source: str
    """`<label>/<file>`, or the generator that wrote it."""


class Removal(NamedTuple):
    """One duplicate that deduplication left out."""

    id: str
    kept_id: str
    """The document of the corpus that stands for it."""
    reason: str
    """`exact` or `near`."""
    similarity: float
    """Jaccard similarity of the shingle sets; 1 for exact duplicates."""


DOCUMENT_SCHEMA = pa.schema([pa.field(name, pa.string(), nullable=False) for name in Document._fields])
REMOVAL_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("kept_id", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("similarity", pa.float64(), nullable=False),
    ]
)
TOKENIZED_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
    ]
)


class TableWriter:
    """Writes rows to Parquet; a row group is written whenever enough rows or characters have come together.

    >>> with TableWriter(path, DOCUMENT_SCHEMA) as table:
    ...     table.write(Document("a", "", "Some text.", "notes.txt"), characters=10)
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        *,
        row_group_rows: int = ROW_GROUP_ROWS,
        row_group_characters: int = ROW_GROUP_CHARACTERS,
    ):
        self.num_rows = 0
        self._schema = schema
        self._row_group_rows = row_group_rows
        self._row_group_characters = row_group_characters
        self._rows: list[Sequence[Any]] = []
        self._characters = 0
        self._parquet = pq.ParquetWriter(path, schema, compression="zstd")

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(self, error: type[BaseException] | None, _value: object, _trace: TracebackType | None) -> None:
        if error is None:
            self._flush()
        self._parquet.close()

    def write(self, row: Sequence[Any], *, characters: int = 0) -> None:
        """Adds one row, its values in the order of the schema; `characters` is about its size."""
        self._rows.append(row)
        self.num_rows += 1
        self._characters += characters
        if len(self._rows) >= self._row_group_rows or self._characters >= self._row_group_characters:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        self._parquet.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._rows = []
        self._characters = 0


def read_documents(path: Path, *, batch_rows: int = 256) -> Iterator[Document]:
    """The documents of one `documents.parquet`, in order.

    Raises:
        UserError: a column of the schema is missing.
    """
    for columns in read_columns(path, Document._fields, batch_rows=batch_rows):
        yield from map(Document, *columns)


def read_columns(path: Path, names: Sequence[str], *, batch_rows: int = 4096) -> Iterator[list[list[Any]]]:
    """Some columns of a Parquet table, a batch of rows at a time, each column a list of Python values.

    Raises:
        UserError: a column is missing.
    """
    # pre_buffer would read whole column chunks; a buffer lets a large row group pass through page by page.
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16) as table:
        if missing := [name for name in names if name not in table.schema_arrow.names]:
            raise UserError(f"{path}: no column '{missing[0]}'; it has {', '.join(table.schema_arrow.names)}")
        for batch in table.iter_batches(batch_size=batch_rows, columns=list(names), use_threads=False):
            yield [batch.column(name).to_pylist() for name in names]


def count_rows(path: Path) -> int:
    """Rows of a Parquet table, from its footer."""
    return pq.read_metadata(path).num_rows


class UniqueIds:
    """Notices a repeated id with 8 bytes of memory a document.

    Hashes of ids are kept; only when two of them are equal are the ids themselves read again. The process's own string
    hash will do: equal hashes of different ids are told apart, so the outcome does not depend on it.
    """

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, identifier: str) -> None:
        """Takes note of one more id."""
        self._hashes.append(hash(identifier))

    def check(self, reread: Callable[[], Iterable[tuple[str, str]]], *, remedy: str) -> None:
        """Finds the first id that was added twice; `reread` gives (id, place) of every document again.

        Raises:
            UserError: with the id and both places.
        """
        hashes = np.sort(np.frombuffer(self._hashes, dtype=np.int64)) if self._hashes else np.zeros(0, np.int64)
        repeated = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
        if not repeated:
            return
        places: dict[str, str] = {}
        for identifier, place in reread():
            if hash(identifier) not in repeated:
                continue
            if identifier in places:
                raise UserError(f"duplicate id '{identifier}': {places[identifier]} and {place}.\n  {remedy}")
            places[identifier] = place
