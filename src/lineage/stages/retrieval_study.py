"""Measure every row of the claims about retrieval in one slice, judge them with all slices that ran, draw figures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lineage.artifact import RUN, Artifact, ArtifactWriter
from lineage.claims import slices as tidy
from lineage.claims.concluding import conclude, draw
from lineage.claims.retrieval import CLAIMS, tables
from lineage.claims.retrieval.study import Study
from lineage.config.retrieval_study import RetrievalStudy
from lineage.errors import UserError
from lineage.report import retrieval as figures
from lineage.report.theme import Chart

QUERIES = "queries.parquet"
RECALL = "recall.csv"
READ = ("readings.parquet", "forecast.parquet")
"""What a reader answered, and what was foretold of it."""
SERIES = {
    "retrievers": tables.retrievers,
    "clusters": tables.clusters,
    "decodings": tables.decodings,
    "bottleneck": tables.bottleneck,
}


def retrieval_study(
    config: RetrievalStudy,
    *,
    scores: list[Artifact],
    bottleneck: Artifact | None,
    reading: Artifact | None,
    slices: Path | None,
    out: ArtifactWriter,
) -> None:
    """Writes what `conclude` says, `metrics` (retrievers x measures with intervals, as parquet and CSV), the tables
    behind the figures, and the figures. `slices` is a folder of the `statistics.csv` of other slices.

    Milliseconds a query, which differ from run to run, go beside the measures to `run.json`.

    Raises:
        UserError: an input of another kind, a retriever that plays a part and was not scored, a slice file that cannot
            be read, that holds what another holds, or of another design under the same name.
    """
    out.kind = "study"
    study = _study(config, scores, bottleneck, reading)
    world = tidy.FULL_WORLD if config.null == "none" else config.null
    place = tidy.Slice(world, config.seed, config.data, config.design, config.design_digest)
    conclude(CLAIMS, study, place, slices=slices, out=out)
    table = tables.metrics(study)
    pq.write_table(table, out.path("metrics.parquet"), compression="zstd")
    sizes = {
        (one.folder.name, name): size for one in scores for name, size in one.manifest.counts["index bytes"].items()
    }
    rows = tables.retrievers_by_metrics(table, sizes)
    out.path("metrics.csv").write_text(_csv(rows))
    out.run["retrievers"] = [row | {"milliseconds a query": _milliseconds(scores, row)} for row in rows]
    series = {name: table(study) for name, table in SERIES.items()}
    for name, table in series.items():
        pq.write_table(table, out.path(f"{name}.parquet"), compression="zstd")
    draw(charts(series), title="What finds the document", out=out)


def charts(series: Mapping[str, pa.Table]) -> dict[str, Chart]:
    """The figures by name, from the tables by name."""
    return {
        "retrievers": figures.retrievers(series["retrievers"]),
        "clusters": figures.clusters(series["clusters"]),
        "decodings": figures.decodings(series["decodings"]),
        "bottleneck": figures.bottleneck(series["bottleneck"]),
    }


def _study(
    config: RetrievalStudy, scores: Sequence[Artifact], bottleneck: Artifact | None, reading: Artifact | None
) -> Study:
    tabled = {one.folder.name: pd.read_parquet(_of_kind(one, "scores").path(QUERIES)) for one in scores}
    for name, roles in config.roles.items():
        scored = set(tabled[name].retriever) if name in tabled else set()
        missing = [one for one in roles.retrievers if one not in scored]
        if missing:
            raise UserError(
                f"the retriever '{missing[0]}' plays a part in the claims, but was not scored on the set '{name}'.\n"
                f"  scored: {', '.join(sorted(scored)) or 'none'}"
            )
    return Study(
        config,
        tabled,
        None if bottleneck is None else pd.read_csv(bottleneck.path(RECALL)),
        *(None if reading is None else pq.read_table(reading.path(name)) for name in READ),
        bootstrap_samples=config.bootstrap_samples,
        bootstrap_seed=config.bootstrap_seed,
    )


def _of_kind(artifact: Artifact, kind: str) -> Artifact:
    if artifact.kind != kind:
        raise UserError(f"{artifact.folder}: an artifact of kind '{artifact.kind}', but '{kind}' is needed here.")
    return artifact


def _milliseconds(scores: Sequence[Artifact], row: Mapping[str, Any]) -> float:
    [told] = [json.loads((one.folder / RUN).read_text()) for one in scores if one.folder.name == row["set"]]
    return told["retrievers"][row["retriever"]]["milliseconds a query"]


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
