"""Fuse the runs of several retrievers by ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.retrievers import Hybrid
from lineage.retrieval import schemas
from lineage.retrieval.fusion import fuse
from lineage.retrieval.runs import Found, Run, read_run
from lineage.retrieval.searching import search
from lineage.retrieval.tables import QueryRow, read_queries


def hybrid(config: Hybrid, *, retrieval_set: Artifact, runs: list[Artifact], out: ArtifactWriter) -> None:
    """Writes the fused run; its index is all of theirs, and the time of a query is that of the fusion alone."""
    queries = read_queries(retrieval_set.path(schemas.QUERIES), config.splits)
    fused = [read_run(one.path(schemas.RUN)) for one in runs]
    size = sum(one.manifest.counts["index bytes"] for one in runs)
    search(_found(config, fused, queries), out, queries=queries, tag="hybrid", index_bytes=size)


def _found(config: Hybrid, runs: Sequence[Run], queries: Sequence[QueryRow]) -> Iterator[Found]:
    for query in queries:
        yield fuse(query.id, [run.get(query.id, {}) for run in runs], depth=config.depth, k=config.k)
