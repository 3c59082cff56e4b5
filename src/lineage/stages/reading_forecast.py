"""Predict where recall overtakes reading, before any test fact is asked for.

Read are validation queries, validation passages, and study 1's forecast: no outcome of what is predicted.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.reading import ReadingForecast
from lineage.errors import UserError
from lineage.evaluation.examples import CORRECT, EXAMPLES, Example, read_examples
from lineage.reading.forecast import FORECAST, SCHEMA, forecast_rows
from lineage.reading.items import ORACLE, RANDOM
from lineage.reading.retrieved import VALIDATION, first_documents, hit_rate
from lineage.retrieval import schemas
from lineage.retrieval.tables import read_qrels, read_queries


def reading_forecast(
    config: ReadingForecast,
    *,
    retrieval_set: Artifact,
    runs: list[Artifact],
    answers: Artifact,
    knowledge_forecast: Artifact | None,
    out: ArtifactWriter,
) -> None:
    """Writes `forecast.parquet`; `answers` are those to the validation passages, and to nothing else.

    Raises:
        UserError: answers to other prompts, or no validation query of the kind that asks for a fact.
    """
    out.kind = "forecast"
    examples = read_examples(answers.path(EXAMPLES))
    if any(one.split != VALIDATION for one in examples):
        raise UserError(f"{answers.folder}: answers to test items, but a forecast reads validation passages only.")
    queries = read_queries(retrieval_set.path(schemas.QUERIES), (VALIDATION,))
    queries = [one for one in queries if one.kind == config.kind and one.fact]
    if not queries:
        raise UserError(f"{retrieval_set.folder}: no validation query of kind '{config.kind}' asks for a fact.")
    grades = read_qrels(retrieval_set.path(schemas.QRELS))
    found = first_documents(config.runs, runs, split=VALIDATION)
    closed_book = {}
    if knowledge_forecast is not None and config.closed_book is not None:
        told = pq.read_table(knowledge_forecast.path("forecast.parquet")).to_pylist()
        recall = [row for row in told if row["target"] == "recall" and row["run"] == config.closed_book]
        closed_book = {row["at"]: row for row in recall if row["at"] >= 0}
    rows = forecast_rows(
        {name: hit_rate(first, queries, grades) for name, first in found.items()},
        reads=_share(examples, ORACLE),
        reads_wrong=_share(examples, RANDOM),
        closed_book=closed_book,
    )
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
    pq.write_table(table, out.path(FORECAST), compression="zstd")
    out.counts |= {"predictions": table.num_rows, "validation_queries": len(queries), "levels": len(closed_book)}


def _share(examples: list[Example], condition: str) -> float:
    right = [one.outcome == CORRECT for one in examples if one.subset == condition]
    return sum(right) / len(right)
