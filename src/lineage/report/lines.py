"""Panels of lines with intervals, the form of most figures: one row a panel, series and x."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import pyarrow as pa

from lineage.report import marks, theme
from lineage.report.tables import Row, inline, rows, span, where
from lineage.report.theme import Chart, in_order, listed

COLUMNS = ("panel", "series", "x", "value", "low", "high")
_MOST_COLUMNS = 3
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


@dataclass(frozen=True)
class Axes:
    """What a figure of lines says around its lines."""

    title: str
    x: str
    y: Sequence[str]
    """Lines of the title of the y axis, unit included."""
    notes: Sequence[str]
    missing: str
    """What is said where there is nothing to draw."""
    log_from_zero: bool = True
    """A logarithmic x axis that begins at 0 (steps, exposures)."""
    share: bool = True
    """Shares: the y axis holds 0 and 1, in per cent."""


def line_panels(
    table: pa.Table, axes: Axes, *, dotted: Sequence[str] = (), names: Mapping[str, str] | None = None, side: int = 300
) -> Chart:
    """One panel for each value of `panel`, a line with its band for each of `series`; those in `dotted` are dotted.

    `names` gives panels their titles.

    Raises:
        UserError: a column is missing.
    """
    drawn = [row for row in rows(table, COLUMNS, name=axes.title) if row["value"] is not None]
    if not drawn:
        return theme.nothing(axes.title, axes.missing)
    drawn.sort(key=lambda row: row["x"])
    series = in_order([row["series"] for row in drawn], ())
    shape = alt.Shape(
        "series:N",
        scale=alt.Scale(domain=series, range=[_SHAPES[place % len(_SHAPES)] for place in range(len(series))]),
        title=None,
    )
    legend = marks.legend("series", theme.colour_scale(series), shape=shape)
    places = in_order([row["panel"] for row in drawn], ())
    x, domain = _x(drawn, axes), _y_domain(drawn, axes)
    panels = []
    for place, panel in enumerate(places):
        axis = alt.Axis(format="%" if axes.share else "~g", tickCount=5)
        title = list(axes.y) if place % _MOST_COLUMNS == 0 else None
        y = alt.Y("value:Q", scale=alt.Scale(domain=domain, nice=False), axis=axis, title=title)
        layers = [*legend.carried(place), *_layers(where(drawn, panel=panel), x, y, legend, shape, dotted)]
        panels.append(alt.layer(*layers).properties(width=side, height=side, title=(names or {}).get(panel, panel)))
    return theme.finished(
        alt.concat(*panels, columns=_MOST_COLUMNS),
        title=axes.title,
        notes=axes.notes,
        width=min(len(panels), _MOST_COLUMNS) * (side + 40) + 60,
        description=f"Lines of {listed(series)} over {axes.x}, one panel each for {listed(places)}.",
    )


def _x(drawn: list[Row], axes: Axes) -> alt.X:
    at = sorted({row["x"] for row in drawn})
    first, last = at[0], max(at[-1], at[0] + 1) if axes.log_from_zero else at[-1]
    if axes.log_from_zero:
        scale = alt.Scale(type="symlog", constant=1, domain=[first, last], nice=False)
        axis = alt.Axis(values=at, format="~s", labelOverlap="greedy")
        return alt.X("x:Q", scale=scale, axis=axis, title=axes.x)
    return alt.X("x:Q", scale=alt.Scale(domain=span(at, margin=0.02), nice=False), title=axes.x)


def _y_domain(drawn: list[Row], axes: Axes) -> list[float]:
    if not axes.share:
        return span([row[key] for row in drawn for key in ("value", "low", "high")])
    low = min([0.0, *(row[key] for row in drawn for key in ("value", "low") if row[key] is not None)])
    return [round(low, 6), 1.0]


def _layers(
    mine: list[Row], x: alt.X, y: alt.Y, legend: marks.Legend, shape: alt.Shape, dotted: Sequence[str]
) -> list[alt.Chart]:
    """Bands, then lines, then points."""
    bounded = [row for row in mine if row["low"] is not None and row["high"] is not None]
    bands = alt.Chart(inline(bounded)).mark_area(clip=True)
    layers = [
        bands.encode(x=x, y="low:Q", y2="high:Q", color=legend.colour, opacity=legend.opacity(marks.BAND_OPACITY))
    ]
    solid = [row for row in mine if row["series"] not in dotted]
    for part, dash in ((solid, [1, 0]), ([row for row in mine if row not in solid], marks.DOTS)):
        if part:
            line = alt.Chart(inline(part)).mark_line(strokeDash=dash)
            layers.append(line.encode(x=x, y=y, color=legend.colour, opacity=legend.opacity()))
    points = alt.Chart(inline(mine)).mark_point(filled=True, size=46)
    tooltip = marks.figure_tooltip("series", "x")
    return [
        *layers,
        points.encode(x=x, y=y, color=legend.colour, opacity=legend.opacity(), shape=shape, tooltip=tooltip),
    ]
