"""Forecasts made from the kernel of one encounter, against what was measured afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import altair as alt
import pyarrow as pa

from lineage.report import marks, theme
from lineage.report.tables import Row, inline, rows, span, where
from lineage.report.theme import Chart, listed

_COLUMNS = ("target", "forecast", "outcome", "low", "high")
_FORECAST, _NAIVE = "forecast", "naive"
_STYLES = (
    (theme.SERIES_COLOURS[0], "circle"),
    (theme.PLACEBO_COLOUR, "square"),
    (theme.SERIES_COLOURS[1], "triangle-up"),
    (theme.SERIES_COLOURS[3], "diamond"),
)
_SIDE = 300
_MOST_COLUMNS = 3
_MOST_LABELS = 8


def forecast_against_outcome(forecasts: pa.Table, *, units: Mapping[str, str] = MappingProxyType({})) -> Chart:
    """Forecast (x) against outcome (y) of every target; on the diagonal a forecast came true.

    Every column whose name starts with `naive` (three at most) is a naive forecast of the same targets, drawn small. A
    column `quantity`, if there, makes one panel a quantity; `units` gives the unit of each (nats per target token by
    default). Up to eight targets are labelled.

    Raises:
        UserError: a column is missing.
    """
    title = "Does forgetting explain what was measured later?"
    by_quantity = "quantity" in forecasts.column_names
    naive = [name for name in forecasts.column_names if name.startswith(_NAIVE)]
    assert len(naive) < len(_STYLES), naive
    columns = [*_COLUMNS, *naive, *(["quantity"] if by_quantity else [])]
    measured = [row for row in rows(forecasts, columns, name="forecasts") if row["outcome"] is not None]
    points = [point for kind in (_FORECAST, *naive) for point in _points(measured, kind)]
    if not points:
        return theme.nothing(title, "no target has both a forecast and an outcome.")
    kinds = theme.in_order([point["kind"] for point in points], ())
    colours, shapes = zip(*_STYLES[: len(kinds)], strict=True)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=list(shapes)), title=None)
    legend = marks.legend("kind", alt.Scale(domain=kinds, range=list(colours)), shape=shape)
    quantities = theme.in_order([row["quantity"] for row in points], ()) if by_quantity else [""]
    panels = []
    for place, quantity in enumerate(quantities):
        mine = where(points, quantity=quantity) if by_quantity else points
        layers = [*legend.carried(place), *_panel(mine, units.get(quantity, "nats per target token"), legend, shape)]
        panel = alt.layer(*layers).properties(width=_SIDE, height=_SIDE, title=quantity.replace("_", " "))
        panels.append(panel)
    unforeseen = len(measured) - len(where(points, kind=_FORECAST))
    return theme.finished(
        alt.concat(*panels, columns=_MOST_COLUMNS),
        title=title,
        notes=[
            "On the line the forecast came true. Whiskers: 95 % intervals of the outcome.",
            *(["Small marks at the same height: what naive forecasts said of the same target."] if naive else []),
            *([f"Measured without a forecast: {unforeseen} targets."] if unforeseen else []),
        ],
        width=max(480, min(_MOST_COLUMNS, len(panels)) * (_SIDE + 60)),
        description=f"Scatter plots of {len(measured)} targets: {listed(kinds)} against outcome.",
    )


def _points(measured: list[Row], kind: str) -> list[Row]:
    """The rows that have a forecast of this kind, with columns `kind` and `predicted`."""
    there = [row for row in measured if row[kind] is not None]
    return [row | {"kind": kind.replace("_", " "), "predicted": row[kind]} for row in there]


def _panel(points: list[Row], unit: str, legend: marks.Legend, shape: alt.Shape) -> list[alt.Chart]:
    domain = span([row[key] for row in points for key in ("predicted", "outcome", "low", "high")], include=[0.0])
    scale, axis = alt.Scale(domain=domain, nice=False), alt.Axis(tickCount=6)
    x = alt.X("predicted:Q", scale=scale, title=f"forecast ({unit})", axis=axis)
    y = alt.Y("outcome:Q", scale=scale, title=f"outcome ({unit})", axis=axis)
    foreseen = where(points, kind=_FORECAST)
    naive = [row for row in points if row["kind"] != _FORECAST]
    numbers = [alt.Tooltip(f"{name}:Q", format=".3f") for name in ("predicted", "outcome", "low", "high")]
    diagonal = alt.Chart(inline([{"predicted": end, "outcome": end} for end in domain]))
    whiskers = alt.Chart(inline(foreseen)).mark_rule(strokeWidth=1.4)
    whiskers = whiskers.encode(x=x, y="low:Q", y2="high:Q", color=legend.colour, opacity=legend.opacity())
    layers = [diagonal.mark_line(color=theme.MUTED, strokeWidth=1).encode(x=x, y=y), whiskers]
    for values, size in ((naive, 40), (foreseen, 70)):
        dots = alt.Chart(inline(values)).mark_point(filled=True, size=size).encode(x=x, y=y, shape=shape)
        tooltip = ["target:N", "kind:N", *numbers]
        layers.append(dots.encode(color=legend.colour, opacity=legend.opacity(), tooltip=tooltip))
    return [*layers, *(_labels(foreseen, x, y, middle=sum(domain) / 2) if len(foreseen) <= _MOST_LABELS else [])]


def _labels(foreseen: list[Row], x: alt.X, y: alt.Y, *, middle: float) -> list[alt.Chart]:
    """Names of targets, towards the middle of the panel and off the diagonal."""
    left = alt.Chart(inline([row for row in foreseen if row["predicted"] <= middle]))
    right = alt.Chart(inline([row for row in foreseen if row["predicted"] > middle]))
    below = left.mark_text(align="left", dx=8, dy=13, fontSize=10, color=theme.INK)
    above = right.mark_text(align="right", dx=-8, dy=-13, fontSize=10, color=theme.INK)
    return [text.encode(x=x, y=y, text="target:N") for text in (below, above)]
