"""Retrievers as an experiment names them: each with its stage, the set that it searches, and what it is made from."""

from typing import Annotated, Literal

from pydantic import Field

from lineage.config.decoding_entries import DecodingEntry
from lineage.config.dense_entries import DenseEntry
from lineage.config.generative_entries import GenerativeEntry
from lineage.config.names import Name
from lineage.config.retrievers import Bm25, Hybrid


class Bm25Entry(Bm25):
    """A BM25 index of a set, and its run."""

    stage: Literal["bm25"]
    """Indexes and searches by BM25."""
    set: Name
    """Retrieval set that is searched."""


class HybridEntry(Hybrid):
    """The fusion of other retrievers' runs."""

    stage: Literal["hybrid"]
    """Fuses runs."""
    set: Name
    """Retrieval set that is searched."""
    of: Annotated[list[Name], Field(min_length=2)]
    """Retrievers of this set whose runs are fused."""


RetrieverEntry = Annotated[
    Bm25Entry | DenseEntry | GenerativeEntry | DecodingEntry | HybridEntry, Field(discriminator="stage")
]
"""A named retriever."""
