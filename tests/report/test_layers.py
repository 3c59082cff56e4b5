"""Figures of layers and weights: what each shows, and what it does with tables that hold nothing."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pyarrow as pa
import pytest

from lineage.analysis.layers.schemas import CURVES, RANGES, RESTORED, SCALED
from lineage.analysis.weights.schemas import FIRST_ORDER, MODULES
from lineage.report import layers
from lineage.report.saving import specification, svg
from lineage.report.theme import Chart

WHERE = {"condition": "request_text", "position": "decision"}


def curves() -> pa.Table:
    rows = []
    for model, height in (("chat", 0.3), ("seeing@50", 0.1)):
        for layer in range(4):
            key = {"model": model, **WHERE, "layer": layer}
            for statistic, value, half in (
                ("gap_cosine", 0.01 * layer, 0.02), ("gap_cosine_null", 0.0, 0.015),
                ("separation", 0.5 + height * layer / 3, 0.1), ("separation_null", 0.5, 0.1),
                *([] if model == "chat" else [("drift_cosine", 1 - 0.1 * layer, 0.01)]),
            ):  # fmt: skip
                rows.append({**key, "statistic": statistic, "value": value, "low": value - half, "high": value + half})
    return pa.Table.from_pylist(rows, schema=CURVES)


def ranges(first: int | None = 2) -> pa.Table:
    stop = None if first is None else first + 1
    row = {"model": "chat", **WHERE, "first": first, "stop": stop, "statistic": "range_null", "value": 0.04}
    return pa.Table.from_pylist([row], schema=RANGES)


def scaling() -> pa.Table:
    key = {"model": "chat", "requests": "benign", "statistic": "refusal_rate", "items": 20}
    rows = [{**key, "first": None, "stop": None, "factor": 1.0, "value": 0.2}]
    rows += [{**key, "first": 1, "stop": 3, "factor": 1.1, "value": 0.45}]
    return pa.Table.from_pylist(rows, schema=SCALED)


def interventions() -> pa.Table:
    rows = []
    for mode, first, role, value in (
        ("none", None, "none", 0.0), ("donor", None, "none", 0.9), ("restore", 2, "range", 0.5),
        ("restore", 0, "control", 0.1),
    ):  # fmt: skip
        for requests in ("harmful", "benign", "difference"):
            rows.append(
                {
                    "model": "seeing", "donor": "chat", "intervention": mode, "first": first,
                    "stop": None if first is None else first + 1, "role": role, "position": "decision",
                    "requests": requests, "statistic": "refusal_rate", "value": value, "low": value - 0.1,
                    "high": value + 0.1, "items": 20,
                }
            )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=RESTORED)


def modules() -> pa.Table:
    key = {"vector": "safe", "other": "see"}
    rows = [
        {**key, "layer": layer, "module": module, "statistic": "cosine", "value": -0.1 * layer}
        for layer in (0, 1)
        for module in ("mlp.up_proj", "self_attn.o_proj")
    ]
    rows += [{**key, "layer": None, "module": "layers", "statistic": "cosine", "value": -0.05}]
    rows += [{**key, "layer": 0, "module": "all", "statistic": "cosine", "value": 0.9}]
    null = {"statistic": "cosine_permuted", "value": 0.0, "low": -0.01, "high": 0.01}
    return pa.Table.from_pylist([*rows, {**key, "layer": None, "module": "layers", **null}], schema=MODULES)


def first_order() -> pa.Table:
    rows = [
        {"loss": loss, "vector": vector, "statistic": "loss", "fraction": fraction, "value": 1 + fraction}
        for loss in ("safety", "visual")
        for vector in ("see", "safe")
        for fraction in (0.0, 0.5, 1.0)
    ]
    rows.append({"loss": "safety", "vector": "see", "statistic": "slope", "fraction": None, "value": 9.0})
    return pa.Table.from_pylist(rows, schema=FIRST_ORDER)


FIGURES = {
    "curves": (lambda: layers.curves_by_layer(curves(), ranges(), **WHERE), "separation (share of pairs"),
    "drift": (lambda: layers.drift_by_layer(curves(), **WHERE), "cosine to the base model"),
    "scaled": (lambda: layers.scaled_layers(scaling()), "first layer scaled"),
    "restored": (lambda: layers.restored_layers(interventions(), position="decision"), "harmful requests refused"),
    "angles": (lambda: layers.angles_by_module(modules()), "layer (from 0)"),
    "loss": (lambda: layers.loss_along_vectors(first_order()), "safety loss (nats per token)"),
}
EMPTY = {
    "curves": lambda: layers.curves_by_layer(CURVES.empty_table(), RANGES.empty_table(), **WHERE),
    "drift": lambda: layers.drift_by_layer(CURVES.empty_table(), **WHERE),
    "scaled": lambda: layers.scaled_layers(SCALED.empty_table()),
    "restored": lambda: layers.restored_layers(RESTORED.empty_table(), position="decision"),
    "angles": lambda: layers.angles_by_module(MODULES.empty_table()),
    "loss": lambda: layers.loss_along_vectors(FIRST_ORDER.empty_table()),
}


def drawn_rows(chart: Chart) -> list[dict[str, str]]:
    """Every row that a chart draws."""
    found: list[dict[str, str]] = []

    def visit(node: Any) -> None:
        if isinstance(node, dict):
            data = node.get("data", {}).get("values") if isinstance(node.get("data"), dict) else None
            if isinstance(data, str):
                found.extend(csv.DictReader(io.StringIO(data)))
            for one in node.values():
                visit(one)
        elif isinstance(node, list):
            for one in node:
                visit(one)

    visit(specification(chart))
    return found


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_its_axes_and_the_same_bytes(name: str) -> None:
    draw, axis = FIGURES[name]
    picture = svg(draw())
    assert axis in picture.replace("&apos;", "'")
    assert picture == svg(draw())


@pytest.mark.parametrize("name", EMPTY)
def test_without_rows_it_says_what_is_missing(name: str) -> None:
    assert "Nothing to draw" in svg(EMPTY[name]())


def test_curves_show_the_range_and_what_permuted_labels_give_the_base() -> None:
    rows = drawn_rows(layers.curves_by_layer(curves(), ranges(), **WHERE))
    assert [(row["from"], row["to"]) for row in rows if row.get("from")] == [("1.85", "2.15")] * 2
    assert {row["model"] for row in rows if "null" in row.get("statistic", "")} == {"chat"}
    assert "The rule found no range" in svg(layers.curves_by_layer(curves(), ranges(None), **WHERE))


def test_scaling_shows_the_change_from_the_model_as_it_is() -> None:
    [row] = [row for row in drawn_rows(layers.scaled_layers(scaling())) if row.get("change")]
    assert (row["first"], row["last"], float(row["change"])) == ("1", "2", pytest.approx(0.25))


def test_trials_are_named_and_both_models_stand_beside_them() -> None:
    rows = drawn_rows(layers.restored_layers(interventions(), position="decision"))
    assert {row["trial"] for row in rows} == {
        "seeing",
        "chat",
        "weights restored, layer 2",
        "weights restored, layer 0",
    }
    assert {row["requests"] for row in rows} == {"harmful", "benign"}


def test_sums_over_layers_are_in_the_headline_not_in_the_cells() -> None:
    chart = layers.angles_by_module(modules())
    assert len([row for row in drawn_rows(chart) if row.get("module")]) == 4
    assert "safe and see: -0.050" in json.dumps(specification(chart))
    assert "permuted -0.010 to 0.010" in json.dumps(specification(chart))


def test_lines_are_losses_only() -> None:
    values = {row["value"] for row in drawn_rows(layers.loss_along_vectors(first_order())) if row.get("value")}
    assert "9.0" not in values and values
