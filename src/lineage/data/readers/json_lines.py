"""JSONL: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lineage.config.documents import JsonLinesDocuments
from lineage.data.readers.files import source_files, utf8_lines
from lineage.data.readers.rows import row_documents
from lineage.data.schema import Document
from lineage.errors import UserError


def read_jsonl(config: JsonLinesDocuments, source: Path | None) -> Iterator[Document]:
    """Documents of JSONL files.

    Raises:
        UserError: no file, a line that is no JSON object, not UTF-8, or a bad row.
    """
    for path, name in source_files(config, source):
        yield from row_documents(
            _objects(path),
            columns=config.columns,
            empty_rows=config.empty_rows,
            id_prefix=config.id_prefix,
            source=name,
            place=str(path),
        )


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(utf8_lines(path), 1):
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            torn = "" if line.endswith("\n") else " It is the last line and has no line end: the file looks truncated."
            detail = (
                f"column {error.colno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "nested too deep"
            )
            raise UserError(
                f"{path}: row {number} is not JSON ({detail}): {line[:60]!r}.{torn}\n"
                "  Every line must be one JSON object: mend the line or fetch the file again."
            ) from error
        if not isinstance(value, dict):
            raise UserError(
                f"{path}: row {number} is {type(value).__name__} {line[:60].strip()!r}, not a JSON object.\n"
                '  Every line must look like {"text": "..."}.'
            )
        yield value
