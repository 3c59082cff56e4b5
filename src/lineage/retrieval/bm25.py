"""BM25 by `bm25s`, with the terms of Lucene's English analyzer: an index of documents, searched query by query."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import bm25s
import numpy as np
from numpy.typing import NDArray

from lineage.errors import UserError
from lineage.retrieval.analyzer import terms


class Bm25Index:
    """Scores of every term in every document; row i is document i of the set."""

    def __init__(self, scorer: bm25s.BM25):
        self._scorer = scorer

    @property
    def num_documents(self) -> int:
        """Documents, those without a term included."""
        return int(self._scorer.scores["num_docs"])

    @property
    def num_terms(self) -> int:
        """Different terms; the library adds an empty one."""
        return len(self._scorer.vocab_dict) - ("" in self._scorer.vocab_dict)

    @classmethod
    def build(cls, texts: Iterable[str], *, k1: float, b: float) -> Bm25Index:
        """An index of the texts, Lucene's variant of BM25 with exact document lengths.

        Terms are numbered as they first occur: the library's own numbers follow hashes, which differ from run to run.

        Raises:
            UserError: no term in any text.
        """
        vocabulary: dict[str, int] = {}
        documents = [[vocabulary.setdefault(term, len(vocabulary)) for term in terms(text)] for text in texts]
        if not vocabulary:
            raise UserError("BM25: no document holds a term. Check the text of the set, and `text`.")
        scorer = bm25s.BM25(k1=k1, b=b, method="lucene", backend="numpy")
        scorer.index((documents, vocabulary), show_progress=False)
        return cls(scorer)

    def save(self, folder: Path) -> None:
        """Writes arrays, terms and parameters."""
        self._scorer.save(folder, show_progress=False)

    @classmethod
    def open(cls, folder: Path) -> Bm25Index:
        """What `save` wrote; scores are mapped, not read."""
        return cls(bm25s.BM25.load(folder, mmap=True, show_progress=False))

    def search(self, query: str, *, depth: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(rows, scores) of the best documents that share a term with the query; equal scores by row.

        A term counts as often as it stands in the query.
        """
        known = [self._scorer.vocab_dict[term] for term in terms(query) if term in self._scorer.vocab_dict]
        if not known:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        return best(self._scorer.get_scores_from_ids(known), depth)


def best(scores: NDArray[np.float32], depth: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(rows, scores) of the highest scores above 0, equal ones by row.

    >>> best(np.array([0.0, 2.0, 1.0, 2.0], dtype=np.float32), 2)[0].tolist()
    [1, 3]
    """
    floor = np.partition(scores, -depth)[-depth] if len(scores) > depth else 0.0
    rows = np.flatnonzero((scores >= floor) & (scores > 0))
    order = np.argsort(-scores[rows], kind="stable")[:depth]
    return rows[order], scores[rows[order]]
