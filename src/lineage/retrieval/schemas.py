"""The files of a retrieval set and of a run: what every reader writes, and every retriever reads and writes.

A retrieval set is an artifact `data/retrieval/<name>/` of kind `retrieval_set`: documents in the order of their source,
queries with their split, relevance judgements, and evidence sets. A run is an artifact of kind `run`: for each query
of one split the documents that a retriever found, best first, as `run.parquet` and as `run.trec`.
"""

from __future__ import annotations

import pyarrow as pa

DOCUMENTS = "documents.parquet"
QUERIES = "queries.parquet"
QRELS = "qrels.parquet"
EVIDENCE = "evidence.parquet"
RUN = "run.parquet"
TREC_RUN = "run.trec"

SPLITS = ("train", "validation", "test")
"""What a retriever learns from, what it is chosen on, and what it is judged by; a query is in one of them."""


def _required(name: str, type_: pa.DataType | None = None) -> pa.Field:
    return pa.field(name, pa.string() if type_ is None else type_, nullable=False)


DOCUMENT_SCHEMA = pa.schema([_required("id"), _required("title"), _required("text"), _required("identifier")])
"""`id`: unique, without white space; row i is document i of every index. `text`: one paragraph a line, without the
title. `identifier`: what a generative retriever writes to name the document: its title, or, with `identifiers:
disambiguate`, its title with a suffix where several documents share it. Documents that share an identifier are all
named by it, in the order of the rows (`identifiers: expand`). Empty where the set has no titles."""

QUERY_SCHEMA = pa.schema(
    [
        _required("id"),
        _required("text"),
        _required("split"),
        _required("kind"),
        _required("seen", pa.bool_()),
        pa.field("cluster", pa.string()),
        _required("answers", pa.list_(pa.string())),
        pa.field("fact", pa.string()),
        _required("clues", pa.list_(pa.string())),
        pa.field("level", pa.int32()),
        pa.field("exposures", pa.int32()),
        _required("weight", pa.float64()),
    ]
)
"""`kind`: what sort of query it is: `question` of the source; `described` or `named` of the world (without and with the
title of its subject); `synthetic/...`, made from the text of an unlabelled document. `seen`: a relevant document is
relevant to a training query of the source too (true of those themselves, false of synthetic ones). `cluster`: queries
of one cluster are resampled together (null: each by itself). `fact`: id of the world's fact that is asked for;
`clues`: ids of the facts that describe its subject; `level`, `exposures`: exposure level (a label; null outside that
design) and designed exposures of `fact`; null or empty elsewhere. `weight`: how often it is asked beside other queries
(popularity); 1 where nobody knows."""

QRELS_SCHEMA = pa.schema([_required("query"), _required("document"), _required("grade", pa.int32())])
"""Judgements; a grade above 0 is relevant. Every query and document of it is in the set."""

EVIDENCE_SCHEMA = pa.schema([_required("query"), _required("evidence", pa.int32()), _required("document")])
"""Evidence sets, numbered from 0 in each query: documents that answer it only together (KILT's provenance). Where the
source has none, every relevant document is a set of its own."""

RUN_SCHEMA = pa.schema(
    [_required("query"), _required("document"), _required("rank", pa.int32()), _required("score", pa.float32())]
)
"""Rows in the order of the set's queries, then of `rank`, from 1; a document once a query. `score` falls strictly with
the rank, in float32: trec_eval compares such numbers and orders ties by itself."""
