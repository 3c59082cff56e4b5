"""Index a retrieval set by BM25 and search it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.retrievers import Bm25
from lineage.retrieval import schemas
from lineage.retrieval.bm25 import Bm25Index
from lineage.retrieval.runs import Found
from lineage.retrieval.searching import search
from lineage.retrieval.tables import DocumentRow, QueryRow, read_documents, read_queries

INDEX = "index"
"""Folder of the index; row i is document i of the set."""


def bm25(config: Bm25, *, retrieval_set: Artifact, out: ArtifactWriter) -> None:
    """Writes the index and the run.

    Raises:
        UserError: no term in any document.
    """
    started = time.perf_counter()
    names: list[str] = []
    index = Bm25Index.build(_texts(config, retrieval_set, names), k1=config.k1, b=config.b)
    out.run["build"] = {"seconds": time.perf_counter() - started}
    index.save(out.folder / INDEX)
    size = sum(path.stat().st_size for path in (out.folder / INDEX).iterdir())
    queries = read_queries(retrieval_set.path(schemas.QUERIES), config.splits)
    search(_found(config, index, queries, names), out, queries=queries, tag="bm25", index_bytes=size)
    out.counts |= {"documents": index.num_documents, "terms": index.num_terms}


def _texts(config: Bm25, retrieval_set: Artifact, names: list[str]) -> Iterator[str]:
    """What of each document is indexed; its id is added to `names`."""
    for document in read_documents(retrieval_set.path(schemas.DOCUMENTS)):
        names.append(document.id)
        yield indexed_text(config.text, document)


def indexed_text(what: str, document: DocumentRow) -> str:
    """Title, text, or both."""
    parts = {"title": document.title, "text": document.text, "title_and_text": f"{document.title}\n{document.text}"}
    return parts[what]


def _found(config: Bm25, index: Bm25Index, queries: list[QueryRow], names: list[str]) -> Iterator[Found]:
    for query in queries:
        rows, scores = index.search(query.text, depth=config.depth)
        yield Found(query.id, [names[row] for row in rows], scores)
