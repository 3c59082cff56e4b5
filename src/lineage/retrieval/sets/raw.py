"""What a reader of retrieval sets gives: documents as a stream, queries and judgements in memory, unchecked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lineage.artifact import Artifact
from lineage.errors import UserError


class SourceDocument(NamedTuple):
    """One document of a source."""

    id: str
    title: str
    """Empty where there is none."""
    text: str
    """One paragraph a line, without the title."""


@dataclass(frozen=True)
class SourceQuery:
    """One query of a source; the fields are columns of `queries.parquet`."""

    id: str
    text: str
    split: str
    kind: str = "question"
    cluster: str | None = None
    answers: tuple[str, ...] = ()
    fact: str | None = None
    clues: tuple[str, ...] = ()
    level: int | None = None
    exposures: int | None = None
    weight: float = 1.0


class Judgement(NamedTuple):
    """How relevant a document is to a query."""

    query: str
    document: str
    grade: int
    place: str
    """Where it stands, for messages: `qrels/test.tsv row 12`."""


@dataclass(frozen=True)
class RawSet:
    """A whole source."""

    documents: Iterable[SourceDocument]
    """Read once, in order."""
    queries: Sequence[SourceQuery]
    judgements: Sequence[Judgement]
    evidence: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    """Query to its evidence sets, where the source has such sets."""
    counts: dict[str, Any] = field(default_factory=dict)
    """What the manifest is to say beside the usual counts."""
    place: str = ""
    """What messages call the source."""
    check_inverted: bool = False
    """Whether grades come from a file of judgements that may be inverted."""


@dataclass(frozen=True)
class Inputs:
    """What a reader may read."""

    world: Artifact | None
    source: Path | None

    @property
    def folder(self) -> Path:
        """The folder of a source that has several files.

        Raises:
            UserError: no path is given, or it is no folder.
        """
        if self.source is None or not self.source.is_dir():
            raise UserError(f"{self.source}: no such folder.\n  Set `path` to the folder of the set's files.")
        return self.source

    def file(self, name: str) -> Path:
        """One file of the folder.

        Raises:
            UserError: the folder has no such file; with what it has.
        """
        path = self.folder / name
        if not path.is_file():
            inside = sorted(one.name for one in self.folder.iterdir())[:12]
            raise UserError(f"{path}: no such file.\n  The folder holds {', '.join(inside) or 'nothing'}.")
        return path
