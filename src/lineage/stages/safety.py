"""Measure every row of the claims about safety in one slice, judge them with all slices that ran, draw the figures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.claims import slices as tidy
from lineage.claims.concluding import conclude, draw
from lineage.claims.joint import CLAIMS as JOINT
from lineage.claims.joint import tables
from lineage.claims.safety import CLAIMS as SAFETY
from lineage.claims.safety.study import Answers, Study
from lineage.config.safety_study import SafetyStudy
from lineage.errors import UserError
from lineage.evaluation.examples import EXAMPLES, read_examples
from lineage.evaluation.reference_curves import CURVES, PROBES
from lineage.report import safety as figures
from lineage.report.theme import Chart

SERIES = {
    "trajectories": tables.trajectories,
    "forgetting": tables.forgetting,
    "exposures": tables.exposures,
    "sweep": tables.sweep,
    "trade_offs": tables.trade_offs,
}


def safety(
    config: SafetyStudy,
    *,
    scores: list[Artifact],
    adaptations: list[Artifact],
    weights: Artifact | None,
    layers: Artifact | None,
    slices: Path | None,
    out: ArtifactWriter,
) -> None:
    """Writes what `conclude` says, `metrics` (models x rates, with intervals, as parquet and CSV), `gates.csv`, the
    tables behind the figures, and the figures. `slices` is a folder of the `statistics.csv` of other slices.

    `adaptations` are models whose training was followed, with all checkpoints before them; those without probes say
    nothing.

    Raises:
        UserError: an input of another kind, a model that plays a part and was not measured, a slice file that cannot be
            read, that holds what another holds, or of another design under the same name.
    """
    out.kind = "study"
    study = _study(config, scores, adaptations, weights, layers)
    world = tidy.FULL_WORLD if config.null == "none" else config.null
    place = tidy.Slice(world, config.seed, config.data, config.design, config.design_digest)
    conclude((*SAFETY, *JOINT), study, place, slices=slices, out=out)
    rates = tables.metrics(study)
    pq.write_table(rates, out.path("metrics.parquet"), compression="zstd")
    out.path("metrics.csv").write_text(_csv(models_by_metrics(rates)))
    out.path("gates.csv").write_text(_csv(tables.gates(study)))
    volumes = tables.front_volumes(study)
    out.path("front_volumes.json").write_text(json.dumps(volumes, indent=1, sort_keys=True) + "\n")
    series = {name: table(study) for name, table in SERIES.items()}
    for name, table in series.items():
        pq.write_table(table, out.path(f"{name}.parquet"), compression="zstd")
    draw(charts(series), title="What seeing costs a model that refuses", out=out)


def charts(series: Mapping[str, pa.Table]) -> dict[str, Chart]:
    """The figures by name, from the tables by name."""
    return {
        "trade_off": figures.trade_off(series["trade_offs"]),
        "trajectory": figures.trajectory(series["trajectories"]),
        "forgetting": figures.forgetting(series["forgetting"]),
        "refusal_by_exposure": figures.refusal_by_exposure(series["exposures"]),
        "merge_sweep": figures.merge_sweep(series["sweep"]),
    }


def models_by_metrics(rates: pa.Table) -> list[dict[str, Any]]:
    """One row a model, each rate as `0.52 [0.44, 0.61] n=448`; empty where it cannot be measured."""
    found: dict[str, dict[str, Any]] = {}
    for row in rates.to_pylist():
        cell = ""
        if row["value"] is not None:
            ends = "" if row["low"] is None else f" [{row['low']:.2f}, {row['high']:.2f}]"
            cell = f"{row['value']:.2f}{ends} n={row['items']}"
        found.setdefault(row["model"], {"model": row["model"]})[row["metric"]] = cell
    return list(found.values())


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"{one:.6g}" if isinstance(one, float) else one for key, one in row.items()})
    return text.getvalue()


def _study(
    config: SafetyStudy,
    scores: Sequence[Artifact],
    adaptations: Sequence[Artifact],
    weights: Artifact | None,
    layers: Artifact | None,
) -> Study:
    measured = {one.folder.parent.name: one for one in _of_kind(scores, "scores")}
    missing = [name for name in config.models if name not in measured]
    if missing:
        raise UserError(
            f"the model '{missing[0]}' plays a part in the claims, but its answers were not measured.\n"
            f"  measured: {', '.join(measured) or 'none'}"
        )
    return Study(
        config,
        {name: Answers(name, read_examples(one.path(EXAMPLES))) for name, one in measured.items()},
        curves=_curves(_of_kind(adaptations, "model")),
        weights=_table(weights, "weights", "modules"),
        layers=_table(layers, "layers", "ranges"),
        interventions=_table(layers, "layers", "interventions"),
        bootstrap_samples=config.bootstrap_samples,
        bootstrap_seed=config.bootstrap_seed,
    )


def _of_kind(artifacts: Sequence[Artifact], kind: str) -> Sequence[Artifact]:
    for artifact in artifacts:
        if artifact.kind != kind:
            raise UserError(f"{artifact.folder}: an artifact of kind '{artifact.kind}', but '{kind}' is needed here.")
    return artifacts


def _curves(adaptations: Sequence[Artifact]) -> dict[str, pa.Table]:
    """What was followed from step 0 to each checkpoint, by its name."""
    followed = [one for one in adaptations if PROBES in one.manifest.files]
    found: dict[str, pa.Table] = {}
    sofar: dict[str, list[pa.Table]] = {}
    for one in sorted(followed, key=lambda one: int(one.manifest.counts["step"])):
        parts = sofar.setdefault(one.folder.name.partition("@")[0], [])
        parts.append(pq.read_table(one.path(PROBES), schema=CURVES))
        found[one.folder.name] = pa.concat_tables(parts)
    return found


def _table(artifact: Artifact | None, kind: str, name: str) -> pa.Table | None:
    """A table of an analysis; None where there is no analysis, or it did not make this one."""
    if artifact is None:
        return None
    _of_kind([artifact], kind)
    file = f"{name}.parquet"
    return pq.read_table(artifact.path(file)) if file in artifact.manifest.files else None
