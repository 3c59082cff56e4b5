"""Estimate what each encounter of a run added, and how fast it went, beside its twin and its never-injected facts."""

from __future__ import annotations

import json

import pyarrow.parquet as pq

from lineage.analysis.groups import run_figures
from lineage.analysis.tables import acquisition_tables, run_metrics
from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.acquisition import Acquisition


def acquisition(
    config: Acquisition, *, injections: Artifact, trajectory: Artifact, twin: Artifact | None, out: ArtifactWriter
) -> None:
    """Writes the tables of `lineage.analysis.schemas` and `metrics.json`.

    Raises:
        UserError: a trajectory with gaps, windows that overlap or are cut off, a twin measured otherwise.
    """
    out.kind = "acquisition"
    plan = injections.manifest.counts
    injected = pq.read_table(injections.path("injections.parquet"), columns=["step"]).column("step").to_numpy()
    run = run_figures(
        config,
        facts=pq.read_table(injections.path("facts.parquet")),
        probes=pq.read_table(injections.path("probes.parquet")),
        steps=pq.read_table(trajectory.path("steps.parquet")),
        twin=None if twin is None else pq.read_table(twin.path("steps.parquet")),
        window_steps=plan["window_steps"],
        first_injection=int(injected.min()) if len(injected) else None,
    )
    tables = acquisition_tables(run, batch_tokens=plan["batch_tokens"])
    for name, table in tables.items():
        pq.write_table(table, out.path(f"{name}.parquet"), compression="zstd")
    metrics = run_metrics(run, tables) | {"plan": plan}
    out.path("metrics.json").write_text(json.dumps(metrics, indent=1, sort_keys=True) + "\n")
    out.counts |= {
        "signal": run.signal,
        "facts": sum(len(one.arm.facts) for one in run.arms.values()),
        "probes": sum(len(one.arm.probes) for one in run.arms.values()),
        "twin_exact": run.twin_exact,
    }
