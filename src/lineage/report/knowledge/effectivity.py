"""How much one encounter adds: bars by arm and depth, in one run and across runs (Figure 3 of arXiv 2406.11813)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import pyarrow as pa

from lineage.analysis.names import ALL_DEPTHS, PAPERS, POOLED, SPLIT_HALF
from lineage.config.injection import PLACEBO
from lineage.report import marks, theme
from lineage.report.tables import Row, chosen, inline, of_runs, rows, span, where
from lineage.report.theme import Chart, in_order, listed, sentence, words

COLUMNS = ("arm", "depth", "encounter", "estimator", "value", "low", "high", "kept", "total")
Y_TITLE = "effectivity (nats per target token)"

_HEIGHT = 230
_MOST_COLUMNS = 3
_BAR, _RUN_BAR = 42, 20
_FILLS = (1.0, 0.12, 0.0)
_FILLS_IN_LEGEND = (theme.MUTED, "#e3e6e9", "#ffffff")
_LONG_NAME = 11


def effectivity_bars(effectivity: pa.Table, *, estimators: Sequence[str] = (SPLIT_HALF, PAPERS)) -> Chart:
    """One panel an arm: pooled effectivity of each depth by up to three estimators, beside their placebo.

    The first estimator's bars are full, the others' hollow. A black tick is the same estimator on the arm `never`:
    what it gives where nothing was learned.

    Raises:
        UserError: a column is missing, or all estimators are.
    """
    assert len(estimators) <= len(_FILLS), estimators
    title = "How much one encounter adds, against what the estimator gives for nothing"
    every = _pooled(effectivity, name="effectivity")
    injected = [row for row in every if row["arm"] != PLACEBO]
    chosen(injected, estimators, name="effectivity")
    drawn = _beside_placebo([row for row in injected if row["estimator"] in estimators], every)
    if not drawn:
        return theme.nothing(title, "no arm of this run has an effectivity.")
    arms = in_order([row["arm"] for row in drawn], theme.ARM_COLOURS)
    depths = in_order([row["depth"] for row in drawn], theme.DEPTH_COLOURS)
    kinds = [words(name) for name in estimators if where(drawn, estimator=name)]
    x = alt.X(
        "depth:N",
        title="depth of the probe",
        axis=alt.Axis(labelAngle=0, ticks=False, domain=False),
        scale=alt.Scale(domain=depths, paddingInner=0.3, paddingOuter=0.15),
    )
    offset = alt.XOffset("kind:N", scale=alt.Scale(domain=kinds, paddingInner=0.1))
    colours = theme.colour_scale(depths, theme.DEPTH_COLOURS)
    colour, outline = (
        alt.Color("depth:N", scale=colours, legend=None),
        alt.Stroke("depth:N", scale=colours, legend=None),
    )
    fill = alt.FillOpacity("kind:O", scale=alt.Scale(domain=kinds, range=list(_FILLS[: len(kinds)])))
    legend = marks.fill_legend(dict(zip(kinds, _FILLS_IN_LEGEND, strict=False)))
    width = _BAR * len(depths) * max(2, len(kinds))
    panels = []
    for place, arm in enumerate(arms):
        bars, others = _bars(where(drawn, arm=arm), x, offset, colour, y=_y(drawn, place, _MOST_COLUMNS))
        layers = [*([legend] if place == 0 else []), bars.encode(fillOpacity=fill, stroke=outline), *others]
        panels.append(alt.layer(*layers).properties(width=width, height=_HEIGHT, title=arm))
    has_placebo = any(row["placebo"] is not None for row in drawn)
    return theme.finished(
        alt.concat(*panels, columns=_MOST_COLUMNS),
        title=title,
        notes=[
            "Whiskers: 95 % intervals over facts.",
            "Black ticks: the same estimator on facts that were never injected."
            if has_placebo
            else "This run has no arm that was never injected, so no placebo.",
        ],
        width=min(len(panels), _MOST_COLUMNS) * (width + 40),
        description=f"Bar charts of the arms {listed(arms)}: effectivity in nats per target token of "
        f"{listed(depths)} probes, by {listed(kinds)}.",
    )


def effectivity_across_runs(
    runs: Mapping[str, pa.Table], *, estimators: Sequence[str] = (SPLIT_HALF, PAPERS), compared: str = "run"
) -> Chart:
    """One panel an arm: pooled effectivity of each depth in each run, in the order of `runs`.

    `compared` names what sets the runs apart (stage, size, batch); the runs' names are its values. Every run is
    drawn by its first estimator of `estimators`; an arm that a run lacks leaves a gap and a note.

    Raises:
        UserError: a run's table lacks a column, or all estimators.
    """
    title = f"How much one encounter adds, by {compared}"
    pooled = {run: _pooled(table, name=f"effectivity of run {run}") for run, table in runs.items()}
    injected = {run: [row for row in every if row["arm"] != PLACEBO] for run, every in pooled.items()}
    used, drawn = of_runs(injected, estimators, name="effectivity")
    if not drawn:
        return theme.nothing(title, "no run has an effectivity.")
    arms = in_order([row["arm"] for row in drawn], theme.ARM_COLOURS)
    depths = in_order([row["depth"] for row in drawn], theme.DEPTH_COLOURS)
    names = list(used)
    angle = 0 if max(map(len, names)) < _LONG_NAME else -30
    x = alt.X(
        "run:N",
        title=compared,
        axis=alt.Axis(labelAngle=angle, labelLimit=140, ticks=False, domain=False),
        scale=alt.Scale(domain=names, paddingInner=0.25, paddingOuter=0.12),
    )
    offset = alt.XOffset("depth:N", scale=alt.Scale(domain=depths, paddingInner=0.12))
    legend = marks.legend("depth", theme.colour_scale(depths, theme.DEPTH_COLOURS))
    width = max(150, _RUN_BAR * len(depths) * len(names) + _RUN_BAR)
    columns = max(1, min(_MOST_COLUMNS, 900 // width))
    panels = []
    for place, arm in enumerate(arms):
        bars, others = _bars(where(drawn, arm=arm), x, offset, legend.colour, y=_y(drawn, place, columns))
        layers = [*legend.carried(place), bars.encode(opacity=legend.opacity()), *others]
        panels.append(alt.layer(*layers).properties(width=width, height=_HEIGHT, title=arm))
    return theme.finished(
        alt.concat(*panels, columns=columns),
        title=title,
        notes=_run_notes(drawn, list(runs), arms, used),
        width=min(columns, len(panels)) * (width + 40),
        description=f"Bar charts of the arms {listed(arms)}: effectivity in nats per target token of "
        f"{listed(depths)} probes in {listed(names)}.",
    )


def _pooled(effectivity: pa.Table, *, name: str) -> list[Row]:
    every = where(rows(effectivity, COLUMNS, name=name), encounter=POOLED)
    return [row for row in every if row["depth"] != ALL_DEPTHS and row["value"] is not None]


def _beside_placebo(drawn: list[Row], every: list[Row]) -> list[Row]:
    """The rows with a column `placebo`: the value of the arm `never` at the same depth by the same estimator."""
    never = {(row["depth"], row["estimator"]): row["value"] for row in where(every, arm=PLACEBO)}
    return [
        row | {"placebo": never.get((row["depth"], row["estimator"])), "kind": words(row["estimator"])} for row in drawn
    ]


def _y(drawn: list[Row], place: int, columns: int) -> alt.Y:
    """The axis of values, one for all panels, with its title in the first column of panels only."""
    domain = span([row.get(key) for row in drawn for key in ("value", "low", "high", "placebo")], include=[0.0])
    title = Y_TITLE if place % columns == 0 else None
    return alt.Y("value:Q", scale=alt.Scale(domain=domain, nice=False), title=title)


def _bars(
    values: list[Row], x: alt.X, offset: alt.XOffset, colour: alt.Color, *, y: alt.Y
) -> tuple[alt.Chart, list[alt.Chart]]:
    """(bars, what lies over them): whiskers, the line at zero, and black ticks where a row has a placebo."""
    base = alt.Chart(inline(values)).encode(x=x, xOffset=offset)
    tooltip = marks.figure_tooltip("arm", "depth", "estimator", "kept", "total")
    bars = base.mark_bar(strokeWidth=1.4).encode(y=y, color=colour, tooltip=tooltip)
    whiskers = base.mark_rule(color=theme.INK, strokeWidth=1.4).encode(y=alt.Y("low:Q"), y2="high:Q")
    ticks = base.mark_tick(color=theme.INK, thickness=2.5, opacity=1, bandSize=16).encode(y=alt.Y("placebo:Q"))
    has_placebo = any(row.get("placebo") is not None for row in values)
    return bars, [whiskers, marks.zero_line(), *([ticks] if has_placebo else [])]


def _run_notes(drawn: list[Row], runs: list[str], arms: list[str], used: Mapping[str, str]) -> list[str]:
    kinds = in_order([words(name) for name in used.values()], ())
    notes = [f"{sentence(listed(kinds))}; whiskers: 95 % intervals over facts."]
    if len(kinds) > 1:
        notes.append(f"Not one estimator: {listed([f'{run} by {words(name)}' for run, name in used.items()])}.")
    lacking = {arm: [run for run in runs if not where(drawn, run=run, arm=arm)] for arm in arms}
    missing = " ".join(f"No {arm} in {listed(without)}." for arm, without in lacking.items() if without)
    return [*notes, missing] if missing else notes
