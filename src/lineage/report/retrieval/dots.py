"""Panels of points with whiskers: a row a category, a colour and shape a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import pyarrow as pa

from lineage.report import marks, theme
from lineage.report.tables import Row, inline, rows, where
from lineage.report.theme import Chart, in_order, listed

COLUMNS = ("panel", "category", "series", "value", "low", "high")
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
_WIDTH, _ROW = 300, 34


@dataclass(frozen=True)
class Words:
    """What a figure of points says around them."""

    title: str
    x: str
    notes: Sequence[str]
    missing: str
    """What is said where there is nothing to draw."""


def dots(table: pa.Table, words: Words) -> Chart:
    """One panel for each value of `panel`; categories in the order of the rows, series side by side in each.

    Raises:
        UserError: a column is missing.
    """
    drawn = [row for row in rows(table, COLUMNS, name=words.title) if row["value"] is not None]
    if not drawn:
        return theme.nothing(words.title, words.missing)
    series = in_order([row["series"] for row in drawn], ())
    shape = alt.Shape("series:N", scale=alt.Scale(domain=series, range=list(_SHAPES[: len(series)])), title=None)
    legend = marks.legend("series", theme.colour_scale(series), shape=shape)
    places = in_order([row["panel"] for row in drawn], ())
    panels = [_panel(where(drawn, panel=one), series, words, legend, shape, place) for place, one in enumerate(places)]
    return theme.finished(
        alt.concat(*[panel.properties(title=name) for panel, name in zip(panels, places, strict=True)], columns=2),
        title=words.title,
        notes=words.notes,
        width=min(len(panels), 2) * (_WIDTH + 150),
        description=f"Points of {listed(series)} in panels {listed(places)}: {words.x}.",
    )


def _panel(
    mine: list[Row], series: list[str], words: Words, legend: marks.Legend, shape: alt.Shape, place: int
) -> Chart:
    categories = in_order([row["category"] for row in mine], ())
    x = alt.X(
        "value:Q", scale=alt.Scale(domain=[0, 1], nice=False), axis=alt.Axis(format="%", tickCount=5), title=words.x
    )
    y = alt.Y("category:N", sort=categories, title=None)
    offset = alt.YOffset("series:N", sort=series)
    bounded = [row for row in mine if row["low"] is not None and row["high"] is not None]
    whiskers = alt.Chart(inline(bounded)).mark_rule(strokeWidth=1.4)
    points = alt.Chart(inline(mine)).mark_point(filled=True, size=52)
    shared = {"y": y, "yOffset": offset, "color": legend.colour}
    return alt.layer(
        *legend.carried(place),
        whiskers.encode(x=alt.X("low:Q", title=words.x), x2="high:Q", opacity=legend.opacity(0.8), **shared),
        points.encode(
            x=x, shape=shape, opacity=legend.opacity(), tooltip=marks.figure_tooltip("category", "series"), **shared
        ),
    ).properties(width=_WIDTH, height=_ROW * len(categories))
