"""Write one retrieval set: documents with what names them, queries with their split, judgements, evidence."""

from __future__ import annotations

from pathlib import Path

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.retrieval_sets import RetrievalSet
from lineage.retrieval.sets import SET_READERS
from lineage.retrieval.sets.intake import take_in
from lineage.retrieval.sets.raw import Inputs


def retrieval_set(config: RetrievalSet, *, world: Artifact | None, source: Path | None, out: ArtifactWriter) -> None:
    """Writes the files of `lineage.retrieval.schemas`, every row checked.

    Raises:
        UserError: missing or torn files, judgements about unknown documents or queries, bad grades, ids or titles.
    """
    out.kind = "retrieval_set"
    raw = SET_READERS[config.root.source](config.root, Inputs(world, source))
    out.counts |= take_in(raw, config.root, out.folder)
