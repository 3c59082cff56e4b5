"""Read external data into the one table of documents."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from lineage.artifact import ArtifactWriter
from lineage.config.documents import Documents
from lineage.data.readers import READERS
from lineage.data.schema import DOCUMENT_SCHEMA, TableWriter, UniqueIds, read_columns
from lineage.errors import UserError
from lineage.progress import Progress


def documents(config: Documents, *, source: Path | None, out: ArtifactWriter) -> None:
    """Writes `documents.parquet`: every document once, in the order of the source, ids unique.

    Raises:
        UserError: missing, empty, torn or non-UTF-8 data, a bad row, a repeated id, or no document at all.
    """
    out.kind = "documents"
    reading = config.root
    path = out.path("documents.parquet")
    ids = UniqueIds()
    characters = 0
    with TableWriter(path, DOCUMENT_SCHEMA) as table, Progress("reading", unit="documents") as progress:
        for document in islice(READERS[reading.reader](reading, source), reading.limit):
            table.write(document, characters=len(document.text))
            ids.add(document.id)
            characters += len(document.text)
            progress.advance()
    if not table.num_rows:
        raise UserError(f"{source}: no document in it.\n  Check `path`, `pattern` and `split`.")
    ids.check(lambda: _places(path), remedy="Mend the ids, or set `columns: {id: null}` to number the rows.")
    out.counts |= {"documents": table.num_rows, "characters": characters}


def _places(path: Path) -> Iterator[tuple[str, str]]:
    """(id, file and number of the document in it) of what was just written."""
    counted: dict[str, int] = {}
    for ids, sources in read_columns(path, ("id", "source")):
        for identifier, source in zip(ids, sources, strict=True):
            counted[source] = counted.get(source, 0) + 1
            yield identifier, f"{source} document {counted[source]}"
