"""Score all runs on one retrieval set: each query, means by split and kind, every two retrievers compared."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd

from lineage.artifact import RUN, Artifact, ArtifactWriter
from lineage.config.retrievers import ScoredRuns
from lineage.errors import UserError
from lineage.retrieval import schemas
from lineage.retrieval.measures import per_query
from lineage.retrieval.runs import read_run
from lineage.retrieval.scoring import ALL, difference_rows, mean_rows, query_rows
from lineage.retrieval.tables import QueryRow, read_evidence, read_qrels, read_queries

TEST = "test"


def retrieval_scores(config: ScoredRuns, *, retrieval_set: Artifact, runs: list[Artifact], out: ArtifactWriter) -> None:
    """Writes `queries.parquet`, `means.csv`, `differences.csv` and `metrics.json` (test queries of all kinds).

    Milliseconds a query, which differ from run to run, are copied from the `run.json` of each run to this one's.

    Raises:
        UserError: a run that leaves out queries which are to be scored.
    """
    out.kind = "scores"
    assert len(runs) == len(config.names), "a name a run"
    queries = read_queries(retrieval_set.path(schemas.QUERIES), config.splits)
    queries = [one for one in queries if one.split != "train" or not one.kind.startswith("synthetic/")]
    qrels = read_qrels(retrieval_set.path(schemas.QRELS))
    evidence = read_evidence(retrieval_set.path(schemas.EVIDENCE))
    named = dict(zip(config.names, runs, strict=True))
    for name, run in named.items():
        _check_splits(name, run, queries)
    ids = [one.id for one in queries]
    values = {name: per_query(read_run(run.path(schemas.RUN)), qrels, evidence, ids) for name, run in named.items()}
    means = mean_rows(values, queries, samples=config.samples, seed=config.seed)
    compared = [one for one in queries if one.split == TEST]
    differences = difference_rows(values, compared, config.compared, samples=config.samples, seed=config.seed)
    query_rows(values, queries).to_parquet(out.path("queries.parquet"), index=False, compression="zstd")
    means.to_csv(out.path("means.csv"), index=False)
    differences.to_csv(out.path("differences.csv"), index=False)
    out.path("metrics.json").write_text(json.dumps(_metrics(means), indent=1, sort_keys=True, allow_nan=False) + "\n")
    out.counts |= {"retrievers": len(named), **_counts(queries)}
    out.counts["index bytes"] = {name: run.manifest.counts["index bytes"] for name, run in named.items()}
    out.run["retrievers"] = {name: _timing(run) for name, run in named.items()}


def _check_splits(name: str, run: Artifact, queries: list[QueryRow]) -> None:
    searched = run.manifest.counts["queries by split"]
    if missing := [one.split for one in queries if one.split not in searched]:
        raise UserError(
            f"retriever '{name}' did not search for the {missing[0]} queries, only for: {', '.join(searched)}.\n"
            "  Add the split to its `splits`, or take it out of `retrieval_scores.splits`."
        )


def _metrics(means: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Retriever to measure to its mean over all test queries, with the interval."""
    chosen = means[(means.split == TEST) & (means.kind == ALL) & (means.documents == ALL) & means.value.notna()]
    metrics: dict[str, dict[str, Any]] = {}
    columns = ["retriever", "measure", "value", "low", "high", "queries", "clusters"]
    rows = zip(*(chosen[one].tolist() for one in columns), strict=True)
    for name, measure, value, low, high, items, clusters in rows:
        interval = {"low": None if math.isnan(low) else low, "high": None if math.isnan(high) else high}
        estimate = {"value": value, **interval, "num_items": items, "num_clusters": clusters}
        metrics.setdefault(name, {})[measure] = estimate
    return metrics


def _counts(queries: list[QueryRow]) -> dict[str, int]:
    splits = dict.fromkeys(one.split for one in queries)
    return {f"{split} queries": sum(one.split == split for one in queries) for split in splits}


def _timing(run: Artifact) -> dict[str, Any]:
    """How long a query took."""
    return json.loads((run.folder / RUN).read_text())["search"]
