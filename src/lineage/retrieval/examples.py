"""What generative retrievers learn from: queries and documents as tokens, and identifiers as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from transformers import PreTrainedTokenizerFast

from lineage.artifact import Artifact
from lineage.data.schema import read_columns
from lineage.errors import UserError
from lineage.progress import Progress
from lineage.retrieval import schemas
from lineage.retrieval.sequences import cut
from lineage.retrieval.tables import read_documents, read_qrels, read_queries
from lineage.retrieval.titles import encoded


class Example(NamedTuple):
    """Something that is read, and the document whose identifier is to be written."""

    id: str
    """Of the query or document that is read."""
    source: list[int]
    """Its tokens, end included."""
    document: int
    """Row of the document."""


@dataclass(frozen=True)
class Examples:
    """Everything that a run on one retrieval set may read."""

    training: list[Example]
    """A training query and one of its relevant documents each, in the order of the queries."""
    validation: list[Example]
    documents: list[Example]
    """The text of each document, for its own identifier; empty where none is read."""


def read_examples(
    retrieval_set: Artifact, tokenizer: PreTrainedTokenizerFast, *, query_tokens: int, document_tokens: int | None
) -> Examples:
    """Queries are cut behind `query_tokens`, documents behind `document_tokens`; None reads none.

    Raises:
        UserError: the set has no training query with a relevant document.
    """
    path = retrieval_set.path(schemas.DOCUMENTS)
    row_of = {document.id: row for row, document in enumerate(read_documents(path))}
    grades = read_qrels(retrieval_set.path(schemas.QRELS))
    of_split: dict[str, list[Example]] = {}
    for split in ("train", "validation"):
        queries = read_queries(retrieval_set.path(schemas.QUERIES), [split])
        sources = encoded(tokenizer, [query.text for query in queries])
        of_split[split] = [
            Example(query.id, cut(tokens, query_tokens), row_of[document])
            for query, tokens in zip(queries, sources, strict=True)
            for document, grade in grades.get(query.id, {}).items()
            if grade > 0
        ]
    if not of_split["train"]:
        raise UserError(
            f"{retrieval_set.folder}: no training query with a relevant document, so a retriever has nothing to learn"
            " from.\n  Read the set with `synthetic: {keywords: 2}`, which makes queries of documents."
        )
    texts = _documents(path, tokenizer, document_tokens, len(row_of)) if document_tokens else []
    return Examples(of_split["train"], of_split["validation"], texts)


def _documents(path: Path, tokenizer: PreTrainedTokenizerFast, longest: int, total: int) -> list[Example]:
    found: list[Example] = []
    with Progress("reading documents", total=total, unit="documents") as progress:
        for ids, texts in read_columns(path, ("id", "text")):
            for one, tokens in zip(ids, encoded(tokenizer, _lines_joined(texts)), strict=True):
                found.append(Example(one, cut(tokens, longest), len(found)))
            progress.advance(len(ids))
    return found


def _lines_joined(texts: Sequence[str]) -> list[str]:
    return [" ".join(text.split("\n")) for text in texts]


def steps_in_all(model: Artifact) -> int:
    """Optimizer steps behind a model, those of everything that it started from included; 0 of one from elsewhere."""
    return model.manifest.counts.get("steps_in_all", 0)
