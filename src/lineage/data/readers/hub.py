"""Documents of the Hugging Face hub or of a folder on disk, through the `datasets` library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lineage.config.documents import DatasetsDocuments
from lineage.data import hub
from lineage.data.readers.rows import check_columns, checked_text, row_documents
from lineage.data.readers.wikitext import articles
from lineage.data.schema import Document
from lineage.errors import UserError


def read_datasets(config: DatasetsDocuments, source: Path | None) -> Iterator[Document]:
    """Documents of a hub data set (`name`, `revision`) or of a folder (`path`): `save_to_disk` output or data files.

    Raises:
        UserError: no such data set, subset or split, a torn file, no such column, or a bad row.
    """
    found = source if source is not None else config.name
    if found is None or (config.name is not None and source is not None):
        raise UserError("the `datasets` reader needs either `name` (a hub id) or `path` (a folder)")
    place = f"{found} ({config.split})"
    data = hub.load(
        found,
        subset=config.subset,
        split=config.split,
        revision=config.revision,
        streaming=config.streaming,
    )
    if data.column_names is not None:
        check_columns(config.columns, data.column_names, place)
    label = config.label or (source.name if source is not None else config.name)
    name = f"{label}/{config.split}"
    rows = hub.rows(data, place)
    if config.rows == "wikitext":
        lines = _column(rows, config.columns.text, place)
        for number, title, text in articles(lines, unescape=config.unescape, place=place):
            yield Document(f"{config.id_prefix}{name}:{number}", title, text, name)
        return
    yield from row_documents(
        rows,
        columns=config.columns,
        empty_rows=config.empty_rows,
        id_prefix=config.id_prefix,
        source=name,
        place=place,
    )


def _column(rows: Iterable[Mapping[str, Any]], column: str, place: str) -> Iterator[str]:
    for number, row in enumerate(rows, 1):
        value = row.get(column)
        if not isinstance(value, str):
            raise UserError(f"{place}: row {number}: column '{column}' is {value!r:.60}, but a line must be a string.")
        yield checked_text(value, f"{place}: row {number}")
