"""Index the vectors of all documents, and search them for the queries of a retrieval set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import faiss
import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.dense import DenseIndex
from lineage.config.execution import Execution
from lineage.models.device import device_for
from lineage.parts import Parts, pieces
from lineage.progress import Progress
from lineage.retrieval import schemas
from lineage.retrieval.dense import (
    Reading,
    TextEncoder,
    Vectors,
    document_text,
    encode_texts,
    open_encoder,
    path_vectors,
)
from lineage.retrieval.indexed import open_vocabulary
from lineage.retrieval.nearest import INDEX, NearestIndex, recall_of_exact
from lineage.retrieval.runs import Found
from lineage.retrieval.searching import in_parts, search
from lineage.retrieval.tables import QueryRow, read_documents, read_queries
from lineage.retrieval.vocabulary import open_table

TOGETHER = 16
"""Queries that are encoded and searched at once."""
DOCUMENTS_TOGETHER = 2048
"""Documents that are encoded between two saves: about a minute of a small encoder on a CPU."""


def dense_index(
    config: DenseIndex,
    *,
    model: Artifact,
    retrieval_set: Artifact,
    vocabulary: Artifact | None,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Writes the FAISS index, what it was made of, and the run.

    `model` is a bi-encoder, a sentence-transformers folder, or any encoder, pooled by the mean. With `vocabulary`
    documents are the means of their own rows in its table instead, and only queries are encoded: the contextual table
    searched by a frozen body.

    Raises:
        UserError: no encoder, an index that FAISS cannot build, vectors of another width, a vocabulary of another set.
        StoppedEarly: before the time limit; vectors, the index and what was found are kept.
    """
    torch.set_num_threads(execution.threads)
    faiss.omp_set_num_threads(execution.threads)
    encoder, tokenizer, reading = open_encoder(model.folder, config.reading)
    encoder.to(device_for(execution))
    parts = Parts(out, execution)
    started = time.perf_counter()
    names, texts = _documents(retrieval_set)
    if vocabulary is None:
        vectors = _encoded(encoder, tokenizer, reading, texts, parts)
    else:
        vectors = _of_table(vocabulary, retrieval_set, normalized=reading.similarity == "cosine")
    index = _index(config, vectors, parts, out, model=model.digest, documents=retrieval_set.digest)
    # An earlier run of the job may have done parts of it.
    out.run["build"] = {"seconds": max(time.perf_counter() - started, parts.seconds)}
    if device_for(execution).type == "cuda":
        index = index.on_gpu()
    queries = read_queries(retrieval_set.path(schemas.QUERIES), config.splits)
    ask = partial(_asked, encoder, tokenizer, reading)
    found = in_parts(partial(_found, config, index, names, ask), queries, parts, together=TOGETHER)
    weights = sum(path.stat().st_size for path in model.folder.rglob("model*.safetensors"))
    size = (out.folder / INDEX).stat().st_size + weights
    search(found, out, queries=queries, tag="dense", index_bytes=size, parts=parts)
    exact = index.is_exact or not queries or _recall_of_exact(config, index, vectors, queries, ask)
    out.counts |= {"documents": len(names), "dimension": vectors.shape[1], "recall of exact": round(float(exact), 6)}


def _documents(retrieval_set: Artifact) -> tuple[list[str], list[str]]:
    """Ids and texts, in the order of the set."""
    names: list[str] = []
    texts: list[str] = []
    for document in read_documents(retrieval_set.path(schemas.DOCUMENTS)):
        names.append(document.id)
        texts.append(document_text(document.title, document.text))
    return names, texts


def _encoded(
    encoder: TextEncoder, tokenizer: PreTrainedTokenizerFast, reading: Reading, texts: list[str], parts: Parts
) -> Vectors:
    """[document, d]; documents of similar length are a part."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    found: list[Vectors] = []
    with Progress("encoding documents", total=len(texts), unit="documents") as progress:
        for numbers in pieces(len(texts), DOCUMENTS_TOGETHER):
            prefixed = [reading.document_prefix + texts[order[number]] for number in numbers]
            make = partial(encode_texts, encoder, tokenizer, prefixed, max_tokens=reading.max_tokens)
            found.append(parts.array(f"documents from {numbers.start}", make))
            progress.advance(len(numbers))
    return np.concatenate(found)[np.argsort(order)]


def _index(
    config: DenseIndex, vectors: Vectors, parts: Parts, out: ArtifactWriter, *, model: str, documents: str
) -> NearestIndex:
    """The index, written to the artifact; what takes long to build is kept meanwhile."""
    kept = out.state / "index"

    def build() -> None:
        kept.mkdir(parents=True, exist_ok=True)
        NearestIndex.build(vectors, config.factory, model=model, documents=documents).save(kept)

    out.reserve(4 * vectors.nbytes)
    parts.json("index", build)
    index = NearestIndex.open(kept, model=model, documents=documents, rows=len(vectors))
    index.save(out.folder)
    return index


def _of_table(vocabulary: Artifact, retrieval_set: Artifact, *, normalized: bool) -> Vectors:
    rows = open_vocabulary(vocabulary, retrieval_set)
    table = open_table(vocabulary.folder, rows)
    return path_vectors(table, rows, num_documents=rows.num_documents, normalized=normalized)


Ask = Callable[[Sequence[QueryRow]], Vectors]
"""[query, d] of some queries."""


def _asked(
    encoder: TextEncoder, tokenizer: PreTrainedTokenizerFast, reading: Reading, queries: Sequence[QueryRow]
) -> Vectors:
    texts = [reading.query_prefix + query.text for query in queries]
    return encode_texts(encoder, tokenizer, texts, max_tokens=reading.max_tokens)


def _found(
    config: DenseIndex, index: NearestIndex, names: list[str], ask: Ask, queries: Sequence[QueryRow]
) -> Iterator[Found]:
    for query, scores, rows in zip(queries, *index.search(ask(queries), config.depth), strict=True):
        there = rows >= 0
        yield Found(query.id, [names[row] for row in rows[there].tolist()], scores[there])


def _recall_of_exact(
    config: DenseIndex, index: NearestIndex, vectors: Vectors, queries: Sequence[QueryRow], ask: Ask
) -> float:
    asked = [ask(queries[numbers.start : numbers.stop]) for numbers in pieces(len(queries), TOGETHER)]
    return recall_of_exact(index, vectors, np.concatenate(asked), config.depth)
