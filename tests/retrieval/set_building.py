"""Small retrieval sets on disk, and what the stage makes of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lineage.artifact import Artifact
from lineage.retrieval import schemas
from tests.stages.building import run_stage

CORPUS = [
    {"_id": "d1", "title": "Amber Lake", "text": "A lake in the north. Boats sail there."},
    {"_id": "d2", "title": "Amber Choir", "text": "A choir that sings in the old hall."},
    {"_id": "d3", "title": "Amber Lake", "text": "Another lake of the same name."},
    {"_id": "d4", "title": "Mira Soltan", "text": "A baker who plays the flute."},
]
QUERIES = [
    {"_id": "q1", "text": "where do boats sail"},
    {"_id": "q2", "text": "who sings in the hall"},
    {"_id": "q3", "text": "which baker plays the flute"},
]
QRELS = {"train": [("q1", "d1", 1)], "test": [("q2", "d2", 1), ("q2", "d4", 0), ("q3", "d4", 2), ("q3", "d1", 0)]}


def data(name: str) -> Path:
    """A folder of real files; skips where there are none."""
    named = os.environ.get("LINEAGE_DATA")
    if named is None:
        pytest.skip("LINEAGE_DATA is not set: no real files to read")
    folder = Path(named) / name
    assert folder.exists(), f"LINEAGE_DATA is {named}, which holds no {name}"
    return folder


def beir(
    folder: Path,
    corpus: Sequence[Mapping[str, Any]] = CORPUS,
    queries: Sequence[Mapping[str, Any]] = QUERIES,
    qrels: Mapping[str, Sequence[tuple[str, str, int]]] = QRELS,
) -> Path:
    """A folder in BEIR's layout."""
    (folder / "qrels").mkdir(parents=True)
    lines(folder / "corpus.jsonl", corpus)
    lines(folder / "queries.jsonl", queries)
    for split, rows in qrels.items():
        text = "".join(f"{query}\t{document}\t{grade}\n" for query, document, grade in rows)
        (folder / "qrels" / f"{split}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{text}")
    return folder


def lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A file of JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def taken(folder: Path, path: Path | None, /, *, world: Artifact | None = None, **spec: Any) -> Artifact:
    """The set that the stage makes of a path, or of a world."""
    return run_stage("retrieval_set", folder / "set", spec, inputs={"world": world}, source=path)


def table(made: Artifact, name: str) -> list[dict[str, Any]]:
    """Rows of one of its tables."""
    return pq.read_table(made.path(name)).to_pylist()


def documents(made: Artifact) -> list[dict[str, Any]]:
    """Its documents."""
    return table(made, schemas.DOCUMENTS)


def queries(made: Artifact) -> dict[str, dict[str, Any]]:
    """Its queries by id."""
    return {row["id"]: row for row in table(made, schemas.QUERIES)}


def judged(made: Artifact) -> set[tuple[str, str, int]]:
    """Its judgements."""
    return {(row["query"], row["document"], row["grade"]) for row in table(made, schemas.QRELS)}
