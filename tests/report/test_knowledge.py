"""Figures of the knowledge study: what each shows, and what it does with a run that lacks something."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lineage.errors import UserError
from lineage.report import knowledge, theme
from lineage.report.saving import specification, svg
from lineage.report.theme import Chart
from tests.report import building
from tests.report.figures import FIGURES, NOTHING_TO_DRAW, SCHEDULES

Spec = dict[str, Any]


@cache
def drawn(name: str) -> tuple[Spec, str]:
    """(specification, SVG) of a figure on full tables."""
    chart = FIGURES[name].draw()
    return specification(chart), svg(chart)


def panels(spec: Spec) -> list[Spec]:
    return spec.get("concat", [spec])


def title(panel: Spec) -> str:
    return panel["title"] if isinstance(panel["title"], str) else panel["title"]["text"]


def layers(spec: Spec) -> Iterator[Spec]:
    for key in ("concat", "layer"):
        for inner in spec.get(key, []):
            yield from layers(inner)
    if "mark" in spec:
        yield spec


def layer_rows(panel: Spec, mark: str, **channels: str) -> list[dict[str, str]]:
    """Data of the layer of this mark whose channels show these fields."""
    for layer in layers(panel):
        encoding = {channel: one for channel, one in layer.get("encoding", {}).items() if isinstance(one, dict)}
        fields = {channel: one.get("field") for channel, one in encoding.items()}
        if layer["mark"]["type"] == mark and channels.items() <= fields.items() and layer["data"]["values"]:
            return list(csv.DictReader(io.StringIO(layer["data"]["values"])))
    return []


def note(chart: Chart) -> str:
    return specification(chart)["description"]


def words_in(text: str) -> str:
    """All words that a figure shows, those of the headline joined over its lines."""
    return " ".join(re.findall(r"<(?:text|tspan)[^>]*>([^<]+)<", text)).replace("&#39;", "'")


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_title_description_and_axes_with_units(name: str) -> None:
    spec, picture = drawn(name)
    shown = words_in(picture)
    assert spec["title"]["text"]
    assert " ".join(spec["title"]["text"]) in shown
    assert len(spec["description"]) > len(" ".join(spec["title"]["text"])) + 40
    for words in FIGURES[name].axes:
        assert words in shown.replace("&apos;", "'"), words
    for layer in layers(spec):
        for channel in ("x", "y"):
            assert layer.get("encoding", {}).get(channel, {}).get("title", "none") != ""


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_a_function_of_its_tables(name: str) -> None:
    """Names and numbers that Altair counts up would differ in the second."""
    again = FIGURES[name].draw()
    assert json.dumps(specification(again)) == json.dumps(drawn(name)[0])
    assert svg(again) == drawn(name)[1]


@pytest.mark.parametrize("name", FIGURES)
def test_a_depth_an_arm_a_model_has_one_colour_throughout(name: str) -> None:
    found: dict[str, set[str]] = {}
    for layer in layers(drawn(name)[0]):
        scale = layer.get("encoding", {}).get("color", {}).get("scale")
        for entry, colour in zip(scale["domain"], scale["range"], strict=True) if scale else ():
            found.setdefault(entry, set()).add(colour)
    known = theme.DEPTH_COLOURS | theme.ARM_COLOURS
    assert all(len(colours) == 1 for colours in found.values())
    assert all(found[entry] == {known[entry]} for entry in found if entry in known)


@pytest.mark.parametrize("name", NOTHING_TO_DRAW)
def test_without_data_a_figure_says_what_is_missing(name: str) -> None:
    chart = NOTHING_TO_DRAW[name]()
    shown = words_in(svg(chart))
    assert "Nothing to draw: no" in shown
    assert "Missing: no" in note(chart)


@pytest.mark.parametrize(
    ("draw", "column"),
    [
        (lambda table: knowledge.trajectories(table, SCHEDULES), "mean"),
        (knowledge.effectivity_bars, "kept"),
        (lambda table: knowledge.effectivity_across_runs({"late": table}), "kept"),
        (knowledge.effectivity_by_encounter, "encounter"),
        (lambda table: knowledge.retainability(table, building.decay()), "lag"),
        (lambda table: knowledge.retainability(building.retention(), table), "quantity"),
        (knowledge.threshold_sweep, "interval"),
        (knowledge.long_tail, "chance"),
        (knowledge.forecast_against_outcome, "outcome"),
    ],
)
def test_a_table_without_a_column_is_refused_by_name(draw, column: str) -> None:
    with pytest.raises(UserError, match=f"'{column}'"):
        draw(pa.table({"arm": ["once"]}))


def test_trajectories_take_the_best_signal_that_there_is_and_say_so() -> None:
    spec, _ = drawn("trajectories")
    table = building.curves(every=5)
    for estimator, chart in {
        "twin": knowledge.trajectories(table, SCHEDULES, estimators=["twin"]),
        "raw": knowledge.trajectories(building.curves(estimators=["raw"], every=5), SCHEDULES),
        "gain": knowledge.trajectories(table, SCHEDULES),
    }.items():
        panel = panels(specification(chart))[1]
        assert title(panel) == "duplicate"
        mine = table.filter(
            (pc.field("arm") == "duplicate") & (pc.field("estimator") == estimator) & (pc.field("depth") == "semantic")
        )
        shown = [row for row in layer_rows(panel, "line", y="mean") if row["depth"] == "semantic"]
        assert [float(row["mean"]) for row in shown] == pytest.approx(mine["mean"].to_pylist(), rel=1e-5)
        assert theme.words(estimator) in note(chart)
    assert "minus twin and spill-over" in spec["description"]
    with pytest.raises(UserError, match="estimators: raw"):
        knowledge.trajectories(building.curves(estimators=["raw"], every=50), SCHEDULES, estimators=["twin"])


def test_trajectories_mark_the_encounters_of_each_arm() -> None:
    for panel in panels(drawn("trajectories")[0]):
        times = [int(row["time"]) for row in layer_rows(panel, "rule", x="time")]
        assert times == SCHEDULES[title(panel)]
    unknown = knowledge.trajectories(building.curves(["once"], every=50), {})
    assert "Triangles" not in note(unknown)


def test_the_placebo_band_reaches_over_the_bounds_of_all_depths() -> None:
    """Around the mean where the curves are less it: of d for `gain`, of v for `drift`, which has no twin."""
    table = building.curves(estimators=["raw", "twin", "gain", "drift"], every=5)
    at_100 = table.filter((pc.field("arm") == "never") & (pc.field("time") == 100))
    twin, raw = (
        [
            np.asarray(at_100.filter(pc.field("estimator") == signal)[name].to_pylist())
            for name in ("low", "mean", "high")
        ]
        for signal in ("twin", "raw")
    )
    around = {"gain": (twin[0] - twin[1], twin[2] - twin[1]), "drift": (raw[0] - raw[1], raw[2] - raw[1])}
    for estimator, bounds in {"twin": (twin[0], twin[2]), **around}.items():
        for panel in panels(specification(knowledge.trajectories(table, SCHEDULES, estimators=[estimator]))):
            band = [row for row in layer_rows(panel, "area", y="low") if row["depth"] == "never injected"]
            (at,) = [row for row in band if row["time"] == "100"]
            assert float(at["low"]) == pytest.approx(bounds[0].min(), rel=1e-4)
            assert float(at["high"]) == pytest.approx(bounds[1].max(), rel=1e-4)


def test_a_run_without_twin_placebo_and_once() -> None:
    table = building.curves(["duplicate", "paraphrase"], ["raw"], with_never=False, every=5)
    chart = knowledge.trajectories(table, SCHEDULES)
    assert [title(panel) for panel in panels(specification(chart))] == ["paraphrase", "duplicate"]
    assert "no placebo band" in note(chart)
    assert "Not in this run: once" in note(chart)
    assert "raw change" in words_in(svg(chart))


def test_curves_without_intervals_are_lines_without_bands() -> None:
    table = building.curves(["once"], ["raw"], with_never=False, every=5)
    table = table.drop_columns(["low", "high"])
    for name in ("low", "high"):
        table = table.append_column(name, pa.nulls(len(table), pa.float64()))
    assert svg(knowledge.trajectories(table, SCHEDULES)).count("mark-line role-mark") > 0


def test_bars_stand_beside_what_the_estimator_gives_for_nothing() -> None:
    spec, _ = drawn("effectivity_bars")
    table = building.effectivity()
    assert [title(panel) for panel in panels(spec)] == ["paraphrase", "duplicate", "once"]
    ticks = layer_rows(panels(spec)[0], "tick", y="placebo")
    assert {row["kind"] for row in ticks} == {"split-half estimator", "paper's estimator (IQR 1.5)"}
    expected = table.filter(
        (pc.field("arm") == "never")
        & (pc.field("encounter") == -1)
        & (pc.field("depth") == "semantic")
        & (pc.field("estimator") == "paper_iqr_1.5")
    )["value"].to_pylist()
    (tick,) = [row for row in ticks if row["depth"] == "semantic" and row["estimator"] == "paper_iqr_1.5"]
    assert [float(tick["placebo"])] == pytest.approx(expected, rel=1e-5)
    without = knowledge.effectivity_bars(building.effectivity(with_never=False))
    assert "no placebo" in note(without)
    assert layer_rows(panels(specification(without))[0], "tick") == []


def test_bars_of_one_estimator_when_the_run_has_no_other() -> None:
    chart = knowledge.effectivity_bars(building.effectivity(["once"], ["paper_iqr_1.5"]))
    shown = words_in(svg(chart))
    assert "paper's estimator (IQR 1.5)" in shown
    assert "split-half" not in shown
    with pytest.raises(UserError, match="none of the estimators split_half"):
        knowledge.effectivity_bars(building.effectivity(estimators=["raw"]), estimators=["split_half"])


def test_runs_keep_their_order_and_gaps_are_named() -> None:
    runs = {"late": building.effectivity(["once"]), "early": building.effectivity(["duplicate"]), "none": None}
    tables = {name: table if table is not None else building.effectivity([]) for name, table in runs.items()}
    chart = knowledge.effectivity_across_runs(tables)
    spec = specification(chart)
    assert [title(panel) for panel in panels(spec)] == ["duplicate", "once"]
    (domain,) = {
        tuple(layer["encoding"]["x"]["scale"]["domain"])
        for layer in layers(spec)
        if layer.get("encoding", {}).get("x", {}).get("scale")
    }
    assert domain == ("late", "early")
    assert "No duplicate in late and none. No once in early and none." in note(chart)


def test_runs_that_were_estimated_otherwise_are_not_passed_off_as_alike() -> None:
    tables = {"a": building.effectivity(["once"]), "b": building.effectivity(["once"], ["paper_iqr_1.5"])}
    found = note(knowledge.effectivity_across_runs(tables))
    assert "Not one estimator: a by split-half estimator and b by paper's estimator (IQR 1.5)." in found


def test_encounters_are_counted_from_one_and_never_is_beside_them() -> None:
    panel = panels(drawn("effectivity_by_encounter")[0])[0]
    points = layer_rows(panel, "point", y="value")
    assert sorted({int(row["number"]) for row in points if row["arm"] == "paraphrase"}) == [1, 2, 3, 4, 5]
    assert [row["number"] for row in points if row["arm"] == "once"] == ["1"]
    assert {row["estimator"] for row in points} == {"split_half"}
    assert {row["arm"] for row in points} == {"paraphrase", "duplicate", "once", "never"}


def test_fits_are_lines_from_the_constants_of_their_weighting() -> None:
    spec, picture = drawn("retainability")
    names = [title(panel) for panel in panels(spec)]
    assert names == [
        "duplicate: paper's estimator (IQR 1.5)",
        "paraphrase: paper's estimator (IQR 1.5)",
        "duplicate: split-half estimator",
        "paraphrase: split-half estimator",
    ]
    ends = [row for row in layer_rows(panels(spec)[2], "line", y="value", x="lag") if row["depth"] == "semantic"]
    assert len(ends) > 2, "the measured curve comes first"
    dashed = [layer for layer in layers(panels(spec)[2]) if "strokeDash" in layer["mark"]]
    fit = [row for row in csv.DictReader(io.StringIO(dashed[0]["data"]["values"])) if row["depth"] == "semantic"]
    assert [int(row["lag"]) for row in fit] == [1, max(building.lags())]
    assert float(fit[0]["value"]) == pytest.approx(0.99)
    assert float(fit[1]["value"]) == pytest.approx(0.99 * (1 - 0.36 * math.log10(max(building.lags()))))
    assert "semantic: a 0.36, R(1) 0.99, a* 0.36" in words_in(picture)


def test_each_estimator_takes_the_fit_that_is_asked_for() -> None:
    decay = building.decay()
    doubled = [(2 if row["fit"] == "uniform_t" else 1) * row["value"] for row in decay.to_pylist()]
    changed = decay.set_column(decay.column_names.index("value"), "value", pa.array(doubled))
    paper = words_in(svg(knowledge.retainability(building.retention(), changed, estimators=["paper_iqr_1.5"])))
    ours = words_in(svg(knowledge.retainability(building.retention(), changed, estimators=["split_half"])))
    assert "semantic: a 0.72" not in ours
    assert "a* 0.72" in paper
    assert "a* 0.36" in ours


def test_retainability_without_fits_and_with_one_arm() -> None:
    chart = knowledge.retainability(building.retention(["paraphrase"]), building.decay([]))
    assert "This run has no fits." in note(chart)
    assert "Not in this run: duplicate." in note(chart)
    svg(chart)


def test_batches_are_compared_in_tokens_or_in_steps() -> None:
    runs = {"512": building.retention(), "2,048": building.retention(seed=1)}
    sizes = {"512": 512, "2,048": 2048}
    for tokens, factor in ((sizes, 2048), (None, 1)):
        spec = specification(knowledge.retainability_across_runs(runs, batch_tokens=tokens))
        lags = [int(row["lag"]) for row in layer_rows(panels(spec)[0], "line", y="value") if row["run"] == "2,048"]
        assert min(lags) == factor
        assert max(lags) == factor * max(building.lags())


def test_the_threshold_is_the_shortest_interval_below_the_criterion() -> None:
    table = building.sweep()
    below = [row["interval"] for row in table.to_pylist() if row["high"] < 0.1]
    assert knowledge.threshold_interval(table.to_pylist()) == min(below) == 800
    chart = knowledge.threshold_sweep(table, expected={"tau of once": 180.0, "tau of duplicate": 3000.0})
    shown = words_in(svg(chart))
    assert "threshold: 800 steps" in shown
    assert "tau of once: 180 steps" in shown
    assert "Outside the axis: tau of duplicate (3,000 steps)." in note(chart)
    assert knowledge.threshold_interval(table.to_pylist(), criterion=0.0) is None
    assert "No interval up to 50 steps is beyond the threshold." in note(
        knowledge.threshold_sweep(building.sweep(intervals=(10, 25, 50)))
    )


def test_a_sweep_by_depth_has_a_panel_and_a_threshold_each() -> None:
    spec, picture = drawn("threshold_sweep")
    assert [title(panel) for panel in panels(spec)] == ["memorization", "compositional"]
    assert words_in(picture).count("threshold:") == 1
    assert "beyond the threshold for memorization" in spec["description"]


def test_a_sweep_without_measurements_or_without_prediction_is_drawn() -> None:
    table = building.sweep()
    place = table.column_names.index("predicted")
    nothing = pa.nulls(len(table), pa.float64())
    assert "threshold: 800 steps" in words_in(
        svg(knowledge.threshold_sweep(table.set_column(place, "predicted", nothing)))
    )
    for name in ("value", "low", "high"):
        table = table.set_column(table.column_names.index(name), name, nothing)
    assert "superposition" in words_in(svg(knowledge.threshold_sweep(table)))


def test_the_long_tail_begins_at_no_exposure_and_draws_forecasts_dashed() -> None:
    spec, picture = drawn("long_tail")
    assert re.findall(r">(\d+)</text>", picture) == ["0", "1", "2", "4", "6", "8", "11", "16", "23", "32", "64"]
    dashed = [layer for layer in layers(spec) if layer["mark"].get("strokeDash") == [6, 4]]
    assert [layer["encoding"]["y"]["field"] for layer in dashed] == ["forecast"]
    assert "No forecast was made." in note(knowledge.long_tail(building.recall(with_forecast=False)))


def test_many_models_have_whiskers_and_few_have_bands() -> None:
    five = knowledge.long_tail(building.recall(["a", "b", "c", "d", "e"]))
    assert "Whiskers" in note(five)
    assert "mark-area role-mark" not in svg(five)
    assert "mark-area role-mark" in drawn("long_tail")[1]


def test_quantities_of_different_units_never_share_an_axis() -> None:
    spec, _ = drawn("forecast_against_outcome")
    assert [title(panel) for panel in panels(spec)] == ["gain", "recall"]
    for panel in panels(spec):
        scales = {
            tuple(layer["encoding"][channel]["scale"]["domain"])
            for layer in layers(panel)
            for channel in ("x", "y")
            if "scale" in layer["encoding"].get(channel, {})
        }
        assert len(scales) == 1, "the diagonal is where both are equal"
        points = layer_rows(panel, "point", x="predicted", y="outcome")
        assert {row["quantity"] for row in points} == {title(panel)}


def test_one_naive_forecast_and_targets_without_forecast() -> None:
    table = building.forecasts().drop_columns(["quantity", "naive_last_only"])
    table = table.rename_columns({"naive_no_forgetting": "naive"})
    forecasts = [None, *table["forecast"].to_pylist()[1:]]
    table = table.set_column(table.column_names.index("forecast"), "forecast", pa.array(forecasts))
    chart = knowledge.forecast_against_outcome(table)
    assert "Measured without a forecast: 1 targets." in note(chart)
    assert "forecast and naive against outcome" in note(chart)
    assert "exposures" not in words_in(svg(chart)), "too many targets to label"


def test_few_targets_are_labelled() -> None:
    table = building.forecasts().filter(pc.field("quantity") == "recall")
    shown = words_in(svg(knowledge.forecast_against_outcome(table)))
    assert all(f"{count} exposures" in shown for count in (1, 4, 8, 16, 32))
