"""Configs of retrievers: what searches a retrieval set, and how its runs are scored."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from lineage.config.base import Frozen
from lineage.config.retrieval_sets import Split

Splits = Annotated[list[Split], Field(min_length=1)]
Measure = Literal[
    "hits@1",
    "hits@10",
    "mrr@10",
    "mrr@100",
    "recall@10",
    "recall@100",
    "ndcg@10",
    "p@30",
    "rprec",
    "map",
    "rprec_kilt",
    "recall_kilt@5",
]


class Searching(Frozen):
    """What every retriever has."""

    depth: PositiveInt = 100
    """Documents that are kept for a query; 1000 for the mean average precision of a large set."""
    splits: Splits = ["validation", "test"]
    """Queries that are searched for."""


class Bm25(Searching):
    """BM25 with the terms of Lucene's English analyzer."""

    k1: Annotated[float, Field(ge=0)] = 0.9
    """How slowly repeated terms saturate."""
    b: Annotated[float, Field(ge=0, le=1)] = 0.4
    """How much long documents are held back."""
    text: Literal["title_and_text", "title", "text"] = "title_and_text"
    """What of a document is indexed."""


class Hybrid(Searching):
    """Several runs fused by ranks (reciprocal rank fusion)."""

    k: PositiveInt = 60
    """Documents score the sum over runs of 1 / (k + rank)."""


class RetrievalScores(Frozen):
    """Measures of all runs on a set, and the paired comparison of every two."""

    splits: Splits = ["validation", "test"]
    """Queries that are scored; a retriever must have searched for them."""
    compared: Annotated[list[Measure], Field(min_length=1)] = ["hits@1", "hits@10", "mrr@10", "rprec_kilt"]
    """Measures in which every two retrievers are compared, on the test queries."""
    samples: PositiveInt = 10_000
    """Resamples of the intervals, and randomisations of the tests."""
    seed: NonNegativeInt = 0
    """Their seed."""


class ScoredRuns(RetrievalScores):
    """The runs of one set that are scored together."""

    names: Annotated[list[str], Field(min_length=1)]
    """Names of the retrievers, in the order of their runs."""
