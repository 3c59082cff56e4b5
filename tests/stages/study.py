"""Artifacts of simulated runs of the knowledge study: their plans, acquisition and forecasts, and a small world."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.stages.exposures import AGE_SCHEMA
from lineage.stages.score_language import EXAMPLE_SCHEMA
from tests.analysis.simulation import Run
from tests.stages.building import run_stage, write

ACQUISITION = {"bootstrap_samples": 100, "lags": [5, 10, 30]}
CALIBRATION = {"once": (24, 1), "never": (24, 0)}
LEVELS = (0, 1, 4, 16)
FACTS_A_LEVEL = 10
CANDIDATES = 20


def plan_of(
    folder: Path, name: str, run: Run, *, batch_tokens: int = 1024, mode: str = "fixed_dose", facts: str | None = None
) -> Artifact:
    """`injections/<name>`; its facts are its own, or those of all plans with the same `facts`."""
    out = ArtifactWriter.create(folder / "injections" / name, state=folder / "state")
    out.kind = "injections"
    out.counts = {"steps": run.steps, "batch_tokens": batch_tokens, "window_steps": run.window}
    tables = run.tables()
    cues = [f"In {facts or name}, {probe}" for probe in tables["probes"].column("id").to_pylist()]
    tables["probes"] = tables["probes"].drop_columns("cue").append_column("cue", pa.array(cues, pa.string()))
    for table in ("facts", "probes", "injections"):
        pq.write_table(tables[table], out.path(f"{table}.parquet"))
    optimization = {"peak_learning_rate": 1e-3, "schedule": "constant", "betas": [0.9, 0.95]}
    spec = {"optimization": optimization, "placement": {"mode": mode}}
    return out.close(stage="injections", spec=spec, code={}, inputs={})


def acquisition_of(folder: Path, plan: Artifact, run: Run) -> Artifact:
    """`acquisition/<name>` of a simulated trajectory and its twin."""
    name, tables = plan.folder.name, run.tables()
    steps = write(folder / "trajectories" / name, "trajectory", {"steps": tables["steps"]})
    twin = write(folder / "trajectories" / f"{name}_twin", "trajectory", {"steps": tables["twin"]})
    inputs = {"injections": plan, "trajectory": steps, "twin": twin}
    return run_stage("acquisition", folder / "acquisition" / name, ACQUISITION, inputs=inputs)


def world(folder: Path) -> Artifact:
    """Test facts of one attribute with 20 values, ten at each level, and a fact that is no test fact."""
    facts: list[dict[str, Any]] = [
        {
            "id": f"person-{number:04d}.town",
            "subject": f"person-{number:04d}",
            "attribute": "town",
            "role": "test",
            "level": LEVELS[number // FACTS_A_LEVEL],
        }
        for number in range(FACTS_A_LEVEL * len(LEVELS))
    ]
    other = {"id": "open.town", "subject": "open", "attribute": "town", "role": "open", "level": None}
    attributes = [{"attribute": "town", "values": [f"v{number}" for number in range(CANDIDATES)]}]
    tables = {"facts": pa.Table.from_pylist([*facts, other]), "attributes": pa.Table.from_pylist(attributes)}
    return write(folder / "world", "world", tables)


def exposures_of(folder: Path, model: str, known: Artifact, *, ages: Mapping[str, list[int]] | None = None) -> Artifact:
    """`exposures/<model>`: with these ages, or every test fact as often as its level, 10, 20, ... steps back."""
    facts = pq.read_table(known.path("facts.parquet")).to_pylist()
    spread = {fact["id"]: [10 * number for number in range(1, 1 + (fact["level"] or 0))] for fact in facts}
    rows = [
        {"fact": fact, "age_steps": age} for fact, found in (spread if ages is None else ages).items() for age in found
    ]
    table = pa.Table.from_pylist(rows, schema=AGE_SCHEMA)
    return write(folder / "exposures" / model, "exposures", {"ages": table})


def scores_of(folder: Path, model: str, known: Artifact, probability: Mapping[int, float]) -> Artifact:
    """`scores/<model>/language`: this share of each level is recalled, with this probability; two documents."""
    facts = pq.read_table(known.path("facts.parquet")).to_pylist()
    rows: list[dict[str, Any]] = [
        {"task": "held_out", "id": name, "prompt": "a text", "bits": bits, "bytes": 8, "tokens": 3}
        for name, bits in (("one", 10.0), ("two", 14.0))
    ]
    for number, fact in enumerate(facts):
        share = probability.get(fact["level"] or 0, 0.0)
        rows.append(
            {
                "task": "recall",
                "id": fact["id"],
                "prompt": "He lives in",
                "target": "v1",
                "output": "v1",
                "correct": number % FACTS_A_LEVEL < share * FACTS_A_LEVEL,
                "log_probability": float(np.log(share)),
                "rank": 1,
                "num_candidates": CANDIDATES,
                "role": fact["role"],
                "exposures": fact["level"] or 0,
            }
        )
    table = pa.Table.from_pylist(rows, schema=EXAMPLE_SCHEMA)
    return write(folder / "scores" / model / "language", "scores", {"examples": table})
