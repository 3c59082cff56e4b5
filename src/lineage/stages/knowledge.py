"""Measure every row of the knowledge claims in one slice, judge them with all slices that ran, draw the figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.claims import slices as tidy
from lineage.claims.concluding import conclude, draw
from lineage.claims.knowledge import CLAIMS
from lineage.claims.knowledge import tables as joined
from lineage.claims.knowledge.study import Recall, Run, Study
from lineage.config.knowledge import Knowledge
from lineage.errors import UserError
from lineage.report import knowledge as figures
from lineage.report.theme import Chart
from lineage.world.tables import TEST_ROLE

TABLES = (
    "curves", "effectivity", "retention", "decay", "laws", "identification", "stratified", "accumulation", "contrasts",
    "samples",
)  # fmt: skip
FIGURE_TABLES = {"sweep": joined.sweep, "long_tail": joined.long_tail, "forecasts": joined.forecasts}
FORECAST_UNITS = {"gain": "nats per target token", "share": "share of the first jump", "probability": "probability"}
LONG_TAIL_TITLE = "share of facts recalled, or probability of the target"


def knowledge(
    config: Knowledge,
    *,
    acquisition: list[Artifact],
    injections: list[Artifact],
    forecast: Artifact | None,
    scores: list[Artifact],
    world: Artifact | None,
    slices: Path | None,
    out: ArtifactWriter,
) -> None:
    """Writes what `conclude` says, figures, and the tables behind those that join what was forecast with what was
    measured. `slices` is a folder of the `statistics.csv` of other slices.

    Raises:
        UserError: an input of another kind, a run or model that the comparisons name and nothing measured, a slice file
            that cannot be read, that holds what another holds, or of another design under the same name.
    """
    out.kind = "study"
    study = _study(config, acquisition, injections, forecast, scores, world)
    world_name = tidy.FULL_WORLD if config.null == "none" else config.null
    place = tidy.Slice(world_name, config.seed, config.data, config.design, config.design_digest)
    conclude(CLAIMS, study, place, slices=slices, out=out)
    for name, table in FIGURE_TABLES.items():
        pq.write_table(table(study), out.path(f"{name}.parquet"), compression="zstd")
    draw(charts(study), title="How facts are acquired and forgotten", out=out)


def charts(study: Study) -> dict[str, Chart]:
    """The figures by name: those of the reference run, and of the comparisons that the experiment has."""
    run, compared = study.reference, study.comparisons
    tables = run.tables
    schedules = run.metrics["schedules"]
    encounters = {name: one["times"] for name, one in schedules.items() if one["injected"]}
    found: dict[str, Chart] = {
        "trajectories": figures.trajectories(tables["curves"], encounters),
        "trajectories_with_spill_over": figures.trajectories(tables["curves"], encounters, estimators=("twin", "raw")),
        "effectivity": figures.effectivity_bars(tables["effectivity"]),
        "effectivity_by_encounter": figures.effectivity_by_encounter(tables["effectivity"]),
        "retainability": figures.retainability(tables["retention"], tables["decay"]),
    }
    batches = {f"batch_{mode}": getattr(compared.batches, mode) for mode in type(compared.batches).model_fields}
    for name, names in {"stage": compared.stages, "size": compared.sizes, **batches}.items():
        if names:
            runs = [study.run(one) for one in names]
            retained = {one.name: one.tables["retention"] for one in runs}
            tokens = {one.name: one.batch_tokens for one in runs} if name in batches else None
            words = name.partition("_")[0]
            found[f"effectivity_by_{name}"] = figures.effectivity_across_runs(
                {one.name: one.tables["effectivity"] for one in runs}, compared=words
            )
            found[f"retainability_by_{name}"] = figures.retainability_across_runs(
                retained, batch_tokens=tokens, compared=words
            )
    if compared.intervals:
        found["threshold"] = figures.threshold_sweep(joined.sweep(study), expected=joined.expected_thresholds(study))
    if compared.models:
        found["long_tail"] = figures.long_tail(joined.long_tail(study), y_title=LONG_TAIL_TITLE)
    if study.forecast is not None:
        found["forecasts"] = figures.forecast_against_outcome(joined.forecasts(study), units=FORECAST_UNITS)
    return found


def _study(
    config: Knowledge,
    acquisition: Sequence[Artifact],
    injections: Sequence[Artifact],
    forecast: Artifact | None,
    scores: Sequence[Artifact],
    world: Artifact | None,
) -> Study:
    plans = {one.folder.name: one for one in _of_kind(injections, "injections")}
    runs = {one.folder.name: _run(one, plans[one.folder.name]) for one in _of_kind(acquisition, "acquisition")}
    _check_names("run", config.runs, list(runs))
    recalls: dict[str, Recall] = {}
    if world is not None:
        _of_kind([world], "world")
        recalls = {one.folder.parent.name: _recall(one, world) for one in _of_kind(scores, "scores")}
        _check_names("model", config.models, list(recalls))
    if forecast is not None:
        _of_kind([forecast], "forecast")
    return Study(
        comparisons=config,
        runs=runs,
        recalls=recalls,
        forecast=None if forecast is None else pq.read_table(forecast.path("forecast.parquet")),
        bootstrap_samples=config.bootstrap_samples,
        bootstrap_seed=config.bootstrap_seed,
    )


def _of_kind(artifacts: Sequence[Artifact], kind: str) -> Sequence[Artifact]:
    for artifact in artifacts:
        if artifact.kind != kind:
            raise UserError(f"{artifact.folder}: an artifact of kind '{artifact.kind}', but '{kind}' is needed here.")
    return artifacts


def _check_names(kind: str, named: Sequence[str], given: Sequence[str]) -> None:
    missing = [name for name in named if name not in given]
    if missing:
        raise UserError(
            f"the comparisons name the {kind} '{missing[0]}', but nothing was measured of it.\n"
            f"  measured: {', '.join(given) or 'none'}"
        )


def _run(acquisition: Artifact, plan: Artifact) -> Run:
    facts = pq.read_table(plan.path("facts.parquet"), columns=["encounter_steps", "schedule_steps"]).to_pylist()
    injected = [fact["encounter_steps"] for fact in facts if fact["encounter_steps"]]
    return Run(
        name=acquisition.folder.name,
        tables={name: pq.read_table(acquisition.path(f"{name}.parquet")) for name in TABLES},
        metrics=json.loads(acquisition.path("metrics.json").read_text()),
        plan=plan.manifest.spec,
        first_encounter_step=min(steps[0] for steps in injected or [fact["schedule_steps"] for fact in facts]),
    )


def _recall(scores: Artifact, world: Artifact) -> Recall:
    """Test facts in order of their ids, so that two models are compared fact by fact."""
    examples = pq.read_table(scores.path("examples.parquet"))
    facts = {row["id"]: row for row in pq.read_table(world.path("facts.parquet")).to_pylist()}
    asked = [row for row in examples.to_pylist() if row["task"] == "recall" and row["role"] == TEST_ROLE]
    asked.sort(key=lambda row: row["id"])
    return Recall(
        name=scores.folder.parent.name,
        level=np.asarray([facts[row["id"]]["level"] for row in asked], dtype=np.int64),
        exposures=np.asarray([row["exposures"] or 0 for row in asked], dtype=np.int64),
        correct=np.asarray([float(row["correct"]) for row in asked]),
        probability=np.exp([row["log_probability"] for row in asked]),
        chance=np.asarray([1 / row["num_candidates"] for row in asked]),
        subjects=[facts[row["id"]]["subject"] for row in asked],
        bits={row["id"]: (row["bits"], row["bytes"]) for row in examples.to_pylist() if row["task"] == "held_out"},
    )
