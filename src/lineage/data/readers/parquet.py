"""Parquet tables, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lineage.config.documents import ParquetDocuments
from lineage.data.readers.files import source_files
from lineage.data.readers.rows import check_columns, row_documents
from lineage.data.schema import Document
from lineage.errors import UserError

BATCH_ROWS = 256


def read_parquet(config: ParquetDocuments, source: Path | None) -> Iterator[Document]:
    """Documents of Parquet files.

    Raises:
        UserError: no file, a torn file, no such column, or a bad row.
    """
    for path, name in source_files(config, source):
        yield from row_documents(
            _rows(path, config),
            columns=config.columns,
            empty_rows=config.empty_rows,
            id_prefix=config.id_prefix,
            source=name,
            place=str(path),
        )


def _rows(path: Path, config: ParquetDocuments) -> Iterator[dict[str, Any]]:
    names = [name for name in (config.columns.id, config.columns.title, config.columns.text) if name is not None]
    number = 0
    try:
        # See schema.read_columns for the two buffer options.
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16) as table:
            check_columns(config.columns, table.schema_arrow.names, str(path))
            for batch in table.iter_batches(batch_size=BATCH_ROWS, columns=names, use_threads=False):
                for row in batch.to_pylist():
                    number += 1
                    yield row
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path}: not a whole Parquet file, after row {number}: {error}.\n"
            "  It is torn or of another format: fetch it again."
        ) from error
