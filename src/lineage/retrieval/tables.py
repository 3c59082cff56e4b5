"""Reads the files of a retrieval set, as every retriever and every measure needs them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from lineage.data.schema import read_columns


class DocumentRow(NamedTuple):
    """A row of `documents.parquet`."""

    id: str
    title: str
    text: str
    identifier: str


class QueryRow(NamedTuple):
    """A row of `queries.parquet`; see `schemas.QUERY_SCHEMA`."""

    id: str
    text: str
    split: str
    kind: str
    seen: bool
    cluster: str | None
    answers: list[str]
    fact: str | None
    clues: list[str]
    level: int | None
    exposures: int | None
    weight: float

    @property
    def resampled_with(self) -> str:
        """What it is resampled with: its cluster, or itself."""
        return self.cluster or self.id


def read_documents(path: Path) -> Iterator[DocumentRow]:
    """Documents in order, a few in memory at a time."""
    for columns in read_columns(path, DocumentRow._fields, batch_rows=256):
        yield from map(DocumentRow, *columns)


def read_queries(path: Path, splits: Collection[str]) -> list[QueryRow]:
    """Queries of some splits, in order."""
    rows = pq.read_table(path, columns=list(QueryRow._fields), filters=[("split", "in", set(splits))]).to_pylist()
    return [QueryRow(**row) for row in rows]


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Query to the grades of its documents."""
    grades: dict[str, dict[str, int]] = {}
    for query, document, grade in _rows(path, ["query", "document", "grade"]):
        grades.setdefault(query, {})[document] = grade
    return grades


def read_evidence(path: Path) -> dict[str, list[set[str]]]:
    """Query to its evidence sets."""
    sets: dict[str, list[set[str]]] = {}
    for query, number, document in _rows(path, ["query", "evidence", "document"]):
        found = sets.setdefault(query, [])
        if number == len(found):
            found.append(set())
        found[number].add(document)
    return sets


def _rows(path: Path, names: list[str]) -> Iterator[tuple[Any, ...]]:
    for columns in read_columns(path, names):
        yield from zip(*columns, strict=True)
