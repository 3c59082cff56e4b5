"""Small artifacts for the tests of the data stages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.documents import Documents
from lineage.data.schema import DOCUMENT_SCHEMA, Document, TableWriter
from lineage.stages.documents import documents


def build(stage: Callable[..., None], folder: Path, config: Any, **inputs: Any) -> Artifact:
    """Runs a stage function and closes its artifact."""
    out = ArtifactWriter.create(folder, state=folder.with_name("state"))
    try:
        stage(config, out=out, **inputs)
    except BaseException:
        out.discard()
        raise
    return out.close(stage=stage.__name__, spec={}, code={}, inputs={})


def read(source: Path | None, folder: Path, **config: Any) -> list[Document]:
    """The documents that the stage `documents` makes of a source."""
    artifact = build(documents, folder / "artifact", Documents.model_validate(config), source=source)
    return table(artifact, "documents.parquet")


def table(artifact: Artifact, name: str) -> list[Document]:
    """A table of documents of an artifact."""
    return [Document(**row) for row in pq.read_table(artifact.path(name)).to_pylist()]


def write_documents(folder: Path, rows: Iterable[Document], *, kind: str = "documents", **options: int) -> Artifact:
    """An artifact with a table of documents (and the options of `TableWriter`)."""
    out = ArtifactWriter.create(folder, state=folder.with_name("state"))
    out.kind = kind
    with TableWriter(out.path("documents.parquet"), DOCUMENT_SCHEMA, **options) as writer:
        for row in rows:
            writer.write(row, characters=len(row.text))
    return out.close(stage="documents", spec={}, code={}, inputs={})


def numbered(texts: Iterable[str], source: str = "notes") -> list[Document]:
    """Documents with ids 0, 1, ..."""
    return [Document(str(number), f"Title {number}", text, source) for number, text in enumerate(texts)]
