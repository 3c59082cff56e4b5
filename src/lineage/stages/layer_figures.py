"""Draw what the analyses of weights and layers found."""

from __future__ import annotations

import json

import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.layers import LayerFigures
from lineage.report import layers as figures
from lineage.report.saving import Chart, files


def layer_figures(
    config: LayerFigures, *, weights: list[Artifact], layers: list[Artifact], out: ArtifactWriter
) -> None:
    """Writes `saving.files` of all figures; their names begin with those of the analyses.

    Raises:
        UserError: a table lacks a column.
    """
    out.kind = "figures"
    drawn: dict[str, Chart] = {}
    for one in weights:
        drawn |= {f"{one.folder.name}_{name}": chart for name, chart in _of_weights(one).items()}
    for one in layers:
        drawn |= {f"{one.folder.name}_{name}": chart for name, chart in _of_layers(one).items()}
    for name, content in files(drawn, title=config.title).items():
        out.path(f"figures/{name}").write_text(content, encoding="utf-8")
    out.counts |= {"figures": len(drawn)}


def _of_weights(one: Artifact) -> dict[str, Chart]:
    return {
        "angles_by_module": figures.angles_by_module(pq.read_table(one.path("modules.parquet"))),
        "loss_along_vectors": figures.loss_along_vectors(pq.read_table(one.path("first_order.parquet"))),
    }


def _of_layers(one: Artifact) -> dict[str, Chart]:
    """The curves at the position, and in the task, that gave the range."""
    found = json.loads(one.path("metrics.json").read_text())
    where = {"condition": found["condition"], "position": found["position"]}
    curves, ranges = (pq.read_table(one.path(f"{name}.parquet")) for name in ("curves", "ranges"))
    return {
        "curves_by_layer": figures.curves_by_layer(curves, ranges, **where),
        "drift_by_layer": figures.drift_by_layer(curves, **where),
        "scaled_layers": figures.scaled_layers(pq.read_table(one.path("scaling.parquet"))),
        "restored_layers": figures.restored_layers(
            pq.read_table(one.path("interventions.parquet")), position=found["position"]
        ),
    }
