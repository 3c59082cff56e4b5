"""Put what a reader said beside what was forecast: readings, recall by exposure of every condition, a figure."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.reading import ReadingStudy
from lineage.evaluation.examples import EXAMPLES, read_examples
from lineage.evaluation.items import ITEMS, read_items
from lineage.evaluation.paired import bounds, draws
from lineage.reading.forecast import CLOSED as CLOSED_FORECAST
from lineage.reading.forecast import FORECAST, READER, READS
from lineage.reading.items import CLOSED, CONDITIONS, ORACLE, RETRIEVED, SHOWN
from lineage.reading.levels import answers
from lineage.reading.readings import READINGS, readings
from lineage.report.reading import recall_by_exposure
from lineage.report.saving import files

RECALL = "recall"
RECALL_SCHEMA = pa.schema(
    [
        pa.field("condition", pa.string(), nullable=False),
        pa.field("exposures", pa.int32(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("facts", pa.int32(), nullable=False),
        pa.field("forecast", pa.float64()),
    ]
)
"""`condition`: of `retrieved` the retriever's name; `exposures`: the exposure level; `value`: share of right answers
with its 95 % interval over subjects; `forecast`: what was predicted before."""


def reading(
    config: ReadingStudy, *, prompts: Artifact, answers: Artifact, forecast: Artifact, out: ArtifactWriter
) -> None:
    """Writes `readings.parquet` (a row a fact and condition), `forecast.parquet` (as it was made), `recall.parquet` and
    `.csv`, and the figure.

    Raises:
        UserError: answers to other prompts.
    """
    out.kind = "reading"
    shown = pq.read_table(prompts.path(SHOWN)).to_pylist()
    table = readings(shown, read_items(prompts.path(ITEMS)), read_examples(answers.path(EXAMPLES)))
    pq.write_table(table, out.path(READINGS), compression="zstd")
    shutil.copyfile(forecast.path(FORECAST), out.path(FORECAST))
    foretold = pq.read_table(forecast.path(FORECAST)).to_pylist()
    rows = list(_recall(config, table, foretold))
    recall = pa.Table.from_pylist(rows, schema=RECALL_SCHEMA)
    pq.write_table(recall, out.path(f"{RECALL}.parquet"), compression="zstd")
    out.path(f"{RECALL}.csv").write_text(_csv(rows))
    drawn = {"recall_by_exposure": recall_by_exposure(recall)}
    for name, content in files(drawn, title="When does recall overtake reading?").items():
        out.path(f"figures/{name}").write_text(content, encoding="utf-8")
    out.counts |= {"readings": table.num_rows, "facts": len(set(table.column("fact").to_pylist()))}


def _recall(config: ReadingStudy, table: pa.Table, foretold: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    conditions = [(one, one, "") for one in CONDITIONS if one != RETRIEVED]
    conditions += [(name, RETRIEVED, name) for name in config.runs]
    for words, condition, run in conditions:
        found = answers(table, condition, run=run)
        assert found is not None, f"{words}: every condition is asked"
        drawn = draws([found.subjects], samples=config.samples, seed=config.seed)
        means = found.by_level(np.ones((1, len(found.facts))))[0]
        rows = found.by_level(drawn.weights)
        for place, level in enumerate(found.known_levels.tolist()):
            at = found.levels == level
            clusters = len({name for name, inside in zip(found.subjects, at, strict=True) if inside})
            ends = bounds(float(means[place]), rows[:, place], groups=clusters)
            yield {
                "condition": words,
                "exposures": int(level),
                "value": float(means[place]),
                "low": ends[0] if ends else None,
                "high": ends[1] if ends else None,
                "facts": int(at.sum()),
                "forecast": _foretold(foretold, condition, run, level),
            }


def _foretold(rows: list[dict[str, Any]], condition: str, run: str, level: float) -> float | None:
    wanted = {
        CLOSED: (CLOSED_FORECAST, "", level),
        ORACLE: (READS, "", 0.0),
        RETRIEVED: (READER, run, 0.0),
    }.get(condition)
    found = [row["value"] for row in rows if (row["quantity"], row["run"], row["at"]) == wanted]
    return found[0] if found else None


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, RECALL_SCHEMA.names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"{one:.6g}" if isinstance(one, float) else one for key, one in row.items()})
    return text.getvalue()
