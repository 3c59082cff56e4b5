"""Index the vectors of all documents, and search them for the queries of a retrieval set."""

from __future__ import annotations

import time
from collections.abc import Iterator

import faiss
import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.dense import DenseIndex
from lineage.config.execution import Execution
from lineage.models.device import device_for
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
from lineage.retrieval.searching import search
from lineage.retrieval.tables import QueryRow, read_documents, read_queries
from lineage.retrieval.vocabulary import open_table

TOGETHER = 16
"""Queries that are encoded and searched at once."""


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
    """
    torch.set_num_threads(execution.threads)
    faiss.omp_set_num_threads(execution.threads)
    encoder, tokenizer, reading = open_encoder(model.folder, config.reading)
    encoder.to(device_for(execution))
    started = time.perf_counter()
    names, texts = _documents(retrieval_set)
    if vocabulary is None:
        vectors = _encoded(encoder, tokenizer, reading, texts)
    else:
        vectors = _of_table(vocabulary, retrieval_set, normalized=reading.similarity == "cosine")
    index = NearestIndex.build(vectors, config.factory, model=model.digest, documents=retrieval_set.digest)
    out.run["build"] = {"seconds": time.perf_counter() - started}
    out.reserve(2 * vectors.nbytes)
    index.save(out.folder)
    if device_for(execution).type == "cuda":
        index = index.on_gpu()
    queries = read_queries(retrieval_set.path(schemas.QUERIES), config.splits)
    asked: list[Vectors] = []
    found = _found(config, index, names, queries, encoder, tokenizer, reading, asked)
    weights = sum(path.stat().st_size for path in model.folder.rglob("model*.safetensors"))
    size = (out.folder / INDEX).stat().st_size + weights
    search(found, out, queries=queries, tag="dense", index_bytes=size)
    exact = index.is_exact or not asked or recall_of_exact(index, vectors, np.concatenate(asked), config.depth)
    out.counts |= {"documents": len(names), "dimension": vectors.shape[1], "recall of exact": round(float(exact), 6)}


def _documents(retrieval_set: Artifact) -> tuple[list[str], list[str]]:
    """Ids and texts, in the order of the set."""
    names: list[str] = []
    texts: list[str] = []
    for document in read_documents(retrieval_set.path(schemas.DOCUMENTS)):
        names.append(document.id)
        texts.append(document_text(document.title, document.text))
    return names, texts


def _encoded(encoder: TextEncoder, tokenizer: PreTrainedTokenizerFast, reading: Reading, texts: list[str]) -> Vectors:
    prefixed = [reading.document_prefix + text for text in texts]
    with Progress("encoding documents", total=len(texts), unit="documents") as progress:
        return encode_texts(encoder, tokenizer, prefixed, max_tokens=reading.max_tokens, progress=progress)


def _of_table(vocabulary: Artifact, retrieval_set: Artifact, *, normalized: bool) -> Vectors:
    rows = open_vocabulary(vocabulary, retrieval_set)
    table = open_table(vocabulary.folder, rows)
    return path_vectors(table, rows, num_documents=rows.num_documents, normalized=normalized)


def _found(
    config: DenseIndex,
    index: NearestIndex,
    names: list[str],
    queries: list[QueryRow],
    encoder: TextEncoder,
    tokenizer: PreTrainedTokenizerFast,
    reading: Reading,
    asked: list[Vectors],
) -> Iterator[Found]:
    """What is found for each query; their vectors are added to `asked`."""
    for start in range(0, len(queries), TOGETHER):
        part = queries[start : start + TOGETHER]
        texts = [reading.query_prefix + query.text for query in part]
        vectors = encode_texts(encoder, tokenizer, texts, max_tokens=reading.max_tokens)
        asked.append(vectors)
        for query, scores, rows in zip(part, *index.search(vectors, config.depth), strict=True):
            there = rows >= 0
            yield Found(query.id, [names[row] for row in rows[there].tolist()], scores[there])
