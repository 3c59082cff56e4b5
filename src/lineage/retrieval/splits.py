"""Which query is for training, validation or the test, and which documents no training query is about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lineage.retrieval.sets.raw import Judgement, SourceQuery

Gold = Mapping[str, Sequence[str]]
"""Query to its relevant documents."""

SYNTHETIC = "synthetic/"
"""Beginning of the kind of a query that was made from a document."""


def share_of(seed: int, about: str) -> float:
    """A number from 0 up to 1 that looks random and depends on the seed and the text only.

    >>> share_of(0, "query-1") == share_of(0, "query-1") != share_of(1, "query-1")
    True
    """
    digest = hashlib.sha256(f"{seed} {about}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def relevant(judgements: Iterable[Judgement]) -> dict[str, list[str]]:
    """Relevant documents (grade above 0) of each query that has any, in the order of the judgements."""
    gold: dict[str, list[str]] = {}
    for one in judgements:
        if one.grade > 0:
            gold.setdefault(one.query, []).append(one.document)
    return gold


def with_validation(queries: Iterable[SourceQuery], share: float, seed: int) -> list[SourceQuery]:
    """A share of the training queries becomes validation; queries of one text, or of one cluster, stay together.

    Text counts without case and spacing, so that a repeated question is in one split.
    """
    return [
        replace(one, split="validation")
        if one.split == "train" and share_of(seed, one.cluster or " ".join(one.text.lower().split())) < share
        else one
        for one in queries
    ]


def without_unseen(
    queries: Sequence[SourceQuery], gold: Gold, share: float, seed: int
) -> tuple[list[SourceQuery], set[str]]:
    """The queries without the training queries about a share of the documents, and these documents.

    Documents are drawn from those with training queries; a query with several relevant documents goes if one is drawn.
    """
    trained = {document for one in queries if one.split == "train" for document in gold.get(one.id, ())}
    drawn = {document for document in trained if share_of(seed, f"unseen {document}") < share}
    kept = [one for one in queries if one.split != "train" or not drawn.intersection(gold.get(one.id, ()))]
    return kept, drawn


def seen_documents(queries: Iterable[SourceQuery], gold: Gold) -> set[str]:
    """Documents that are relevant to a training query of the source; synthetic queries show none."""
    return {
        document
        for one in queries
        if one.split == "train" and not one.kind.startswith(SYNTHETIC)
        for document in gold.get(one.id, ())
    }
