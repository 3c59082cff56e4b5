"""What each encounter adds to the probes and how it fades: curves over time, after Figure 2 of arXiv 2406.11813."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import pyarrow as pa

from lineage.analysis.names import ALL_DEPTHS, SIGNALS
from lineage.config.injection import PLACEBO
from lineage.report import marks, theme
from lineage.report.tables import Row, chosen, inline, rows, span, where
from lineage.report.theme import Chart, in_order, listed, words

_COLUMNS = ("arm", "depth", "time", "estimator", "mean", "low", "high")
_X_TITLE = "steps since the fact's first encounter"
_Y_TITLE = ["gain since the first encounter", "(nats per target token)"]
_NEVER = "never injected"
_LESS_NEVER = {"gain": "twin", "drift": "raw"}
"""Signals from which the mean of the facts never injected is taken off, and the one that these facts have."""
_PLACEBO_OPACITY = 0.35
_SIDE = 250
_MOST_COLUMNS = 3
_BOUNDS = ("low", "mean", "high")


def trajectories(
    curves: pa.Table, encounters: Mapping[str, Sequence[int]], *, estimators: Sequence[str] = SIGNALS
) -> Chart:
    """One panel an arm: gain of each depth over the steps since the first encounter, beside facts never injected.

    `encounters`: the steps of each arm's encounters since its first. Of `estimators` the first that the injected arms
    have is drawn. The grey band reaches from the lowest to the highest bound of the arm `never` over the depths; for
    `gain` and `drift`, from which the mean of these facts is taken off, around that mean.

    Raises:
        UserError: a column is missing, or all estimators are.
    """
    title = "What each encounter adds, and how it fades"
    every = [row for row in rows(curves, _COLUMNS, name="curves") if row["depth"] != ALL_DEPTHS]
    every = [row for row in every if row["mean"] is not None]
    estimator, drawn = chosen([row for row in every if row["arm"] != PLACEBO], estimators, name="curves")
    if not drawn:
        return theme.nothing(title, "no arm of this run was injected, or no probe has a value.")
    first, last = min(row["time"] for row in drawn), max(row["time"] for row in drawn)
    never = where(every, arm=PLACEBO, estimator=_LESS_NEVER.get(estimator, estimator))
    shown = [row for row in never if first <= row["time"] <= last]
    placebo = _envelope([_around_mean(row) for row in shown] if estimator in _LESS_NEVER else shown)
    arms = in_order([row["arm"] for row in drawn], theme.ARM_COLOURS)
    depths = in_order([row["depth"] for row in drawn], theme.DEPTH_COLOURS)
    entries = [*depths, _NEVER] if placebo else depths
    legend = marks.legend("depth", theme.colour_scale(entries, {**theme.DEPTH_COLOURS, _NEVER: theme.PLACEBO_COLOUR}))
    scale = alt.Scale(domain=[first, max(last, first + 1)], nice=False)
    x = alt.X("time:Q", scale=scale, axis=alt.Axis(tickCount=5), title=_X_TITLE)
    bounds = [row.get(key) for row in [*drawn, *placebo] for key in ("low", "mean", "high")]
    domain = span(bounds, include=[0.0])
    panels = []
    for place, arm in enumerate(arms):
        y_title = _Y_TITLE if place % _MOST_COLUMNS == 0 else None
        y = alt.Y("low:Q", scale=alt.Scale(domain=domain, nice=False), title=y_title)
        times = [time for time in encounters.get(arm, ()) if first <= time <= last]
        mine = where(drawn, arm=arm)
        layers = _panel(mine, placebo, times, x, y, legend)
        layers = [*legend.carried(place), *layers, _pointer(mine, placebo, place)]
        panels.append(alt.layer(*layers).properties(width=_SIDE, height=_SIDE, title=arm))
    return theme.finished(
        alt.concat(*panels, columns=_MOST_COLUMNS),
        title=title,
        notes=_notes(estimator, arms, has_placebo=bool(placebo), has_encounters=any(map(encounters.get, arms))),
        width=min(len(panels), _MOST_COLUMNS) * (_SIDE + 30) + 50,
        description=f"Line charts, one for each of the arms {listed(arms)}: gain in nats per target token of "
        f"{listed(depths)} probes from step {first} to {last} since the first encounter.",
    )


def _around_mean(row: Row) -> Row:
    """Bounds of facts never injected as what is left of them when their mean is taken off."""
    return {key: None if value is None else value - row["mean"] for key, value in row.items() if key in _BOUNDS} | {
        "time": row["time"]
    }


def _envelope(never: list[Row]) -> list[Row]:
    """Lowest and highest bound over the depths at each time."""
    bounds: dict[int, list[float]] = {}
    for row in never:
        there = [row[key] for key in _BOUNDS if row[key] is not None]
        bounds.setdefault(row["time"], []).extend(there)
    return [
        {"time": time, "low": min(values), "high": max(values), "depth": _NEVER}
        for time, values in sorted(bounds.items())
    ]


def _panel(
    curves: list[Row], placebo: list[Row], encounters: list[int], x: alt.X, y: alt.Y, legend: marks.Legend
) -> list[alt.Chart]:
    """From back to front: placebo, encounters, bands, curves. `y` is the axis with the field `low`."""
    moments = alt.Chart(inline([{"time": time} for time in encounters])).encode(x=x)
    rules = moments.mark_rule(color=theme.MUTED, strokeDash=marks.DOTS, opacity=0.8)
    triangles = moments.mark_point(shape="triangle-down", filled=True, color=theme.MUTED, size=34, opacity=1)
    bounded = [row for row in curves if row["low"] is not None and row["high"] is not None]
    layers = [
        marks.zero_line(),
        _band(placebo, x, y, legend, _PLACEBO_OPACITY),
        rules,
        triangles.encode(y=alt.value(-5)),
        _band(bounded, x, y, legend, marks.BAND_OPACITY),
        alt.Chart(inline(curves)).mark_line().encode(x=x, y="mean:Q", color=legend.colour, opacity=legend.opacity()),
    ]
    return layers if placebo else [layers[0], *layers[2:]]


def _band(bounded: list[Row], x: alt.X, y: alt.Y, legend: marks.Legend, opacity: float) -> alt.Chart:
    area = alt.Chart(inline(bounded)).mark_area()
    return area.encode(x=x, y=y, y2="high:Q", color=legend.colour, opacity=legend.opacity(opacity))


def _pointer(curves: list[Row], placebo: list[Row], place: int) -> alt.Chart:
    """One column a time, with the figures of all depths in one tooltip."""
    at: dict[int, Row] = {}
    for row in curves:
        figures = marks.interval_words(row["mean"], row["low"], row["high"])
        at.setdefault(row["time"], {"time": row["time"]})[row["depth"]] = figures
    for row in placebo:
        if row["time"] in at:
            at[row["time"]][_NEVER] = f"{row['low']:.3f} to {row['high']:.3f}"
    fields = in_order([key for row in at.values() for key in row if key != "time"], theme.DEPTH_COLOURS)
    tooltip = [alt.Tooltip("time:Q", title="step"), *(alt.Tooltip(f"{field}:N") for field in fields)]
    return marks.pointer_columns([at[time] for time in sorted(at)], "time", tooltip, title=_X_TITLE, place=place)


def _notes(estimator: str, arms: list[str], *, has_placebo: bool, has_encounters: bool) -> list[str]:
    notes = [f"Mean log-probability of the targets, {words(estimator)}; colour bands: 95 % intervals over facts."]
    if has_encounters:
        notes.append("Triangles and dotted lines: encounters with the fact.")
    if not has_placebo:
        notes.append("This run has no facts that were never injected, so no placebo band.")
    elif estimator in _LESS_NEVER:
        notes.append("Grey: facts never injected, around their mean, which the curves are less (all depths' 95 %).")
    else:
        notes.append("Grey: facts never injected, through the same arithmetic (all depths' 95 % intervals).")
    absent = [arm for arm in theme.ARM_COLOURS if arm not in [*arms, PLACEBO]]
    return [*notes, f"Not in this run: {listed(absent)}."] if absent else notes
