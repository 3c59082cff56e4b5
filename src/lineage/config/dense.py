"""What the stages read that make and use dense retrievers: bi-encoders, indexes of vectors, and their bottleneck."""

from typing import Annotated, Literal

from pydantic import Field

from lineage.config.base import Frozen
from lineage.config.retrievers import Searching
from lineage.config.training import Optimizer

Similarity = Literal["cosine", "dot"]


class DenseReading(Frozen):
    """How texts become vectors; null takes what the model's folder says."""

    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Tokens of a query or document that are read; the rest is cut. Null: what the folder says, or 256."""
    query_prefix: str | None = None
    """Text before every query, such as E5's `query: `."""
    document_prefix: str | None = None
    """Text before every document, such as E5's `passage: `."""
    similarity: Similarity | None = None
    """`cosine` compares directions, `dot` raw inner products. Null: what the folder says, or cosine."""


class BiEncoder(Frozen):
    """A shared encoder of queries and documents, trained with the other documents of a step as negatives."""

    steps: Annotated[int, Field(ge=1)]
    """Optimizer steps."""
    batch_queries: Annotated[int, Field(ge=2)] = 64
    """Pairs of query and relevant document in a step; each query is compared with all of their documents."""
    query_tokens: Annotated[int, Field(ge=1)] = 32
    """Tokens of a query that are read."""
    document_tokens: Annotated[int, Field(ge=1)] = 128
    """Tokens of a document (title, then text) that are read."""
    similarity: Similarity = "cosine"
    """`cosine` compares directions, `dot` raw inner products."""
    temperature: Annotated[float, Field(gt=0)] = 0.05
    """Similarities are divided by it; 1 is usual with `dot`."""
    dimension: Annotated[int, Field(ge=1)] | None = None
    """Width of the vectors, by a linear map of the pooled states; null: the width of the encoder."""
    optimization: Optimizer = Optimizer()
    """Learning rate, optimizer and seed."""


class DenseIndex(Searching):
    """Vectors of all documents in a FAISS index, and what it finds for queries."""

    reading: DenseReading = DenseReading()
    """How texts become vectors."""
    factory: str = "Flat"
    """FAISS `index_factory` string. `Flat` is exact; `HNSW32`, `IVF100,PQ16` and others are faster or smaller, and the
    manifest says how much of the exact result they find."""


class Bottleneck(Frozen):
    """All pairs of documents, each the answer to one query, for retrievers whose last inner product is narrow."""

    documents: Annotated[int, Field(ge=3)] = 32
    """Documents; every pair of them answers one query."""
    dimensions: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] = [4, 8, 16, 32, 64, 128]
    """Widths of the last inner product that are tried."""
    arms: Annotated[list[Literal["table", "bi_encoder", "generative"]], Field(min_length=1)] = [
        "table",
        "bi_encoder",
        "generative",
    ]
    """`table`: a free vector for each query and document, the most that any bi-encoder can do. `bi_encoder`: vectors
    from a shared encoder. `generative`: a decoder writes the document's number, digit by digit."""
    digits: Annotated[int, Field(ge=1)] = 2
    """Digits of a document's number, in the smallest base that has enough of them."""
    width: Annotated[int, Field(ge=8, multiple_of=4)] = 128
    """Width of encoder and decoder; an inner product that is wider gains nothing."""
    layers: Annotated[int, Field(ge=1)] = 1
    """Layers of each."""
    steps: Annotated[int, Field(ge=1)] = 1000
    """Optimizer steps of encoder and decoder, the same at each width."""
    table_steps: Annotated[int, Field(ge=1)] = 4000
    """Optimizer steps of the free vectors, each on all queries: in batches they end far from what they can do."""
    batch_queries: Annotated[int, Field(ge=1)] = 128
    """Queries of a step of encoder and decoder; every query is compared with all documents."""
    optimization: Optimizer = Optimizer(peak_learning_rate=3e-3, weight_decay=0.0, schedule="linear")
    """Learning rate, optimizer and seed of encoder and decoder."""
    table: Optimizer = Optimizer(peak_learning_rate=0.1, weight_decay=0.0, schedule="linear")
    """Learning rate, optimizer and seed of the free vectors."""
