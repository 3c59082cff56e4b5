"""What models recall of facts that they met n times."""

from __future__ import annotations

import altair as alt
import pyarrow as pa

from lineage.report import marks, theme
from lineage.report.tables import Row, inline, rows
from lineage.report.theme import Chart, listed

_COLUMNS = ("model", "exposures", "value", "low", "high", "chance", "forecast")
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
_MOST_BANDS = 3


def long_tail(recall: pa.Table, *, y_title: str = "recall (share of facts)") -> Chart:
    """Recall by exposure count, a line with intervals for each model, beside chance and the forecast.

    A "model" is whatever shall have a line. `chance` and `forecast` may be null. Exposures lie on a logarithmic axis
    that begins at 0.

    Raises:
        UserError: a column is missing.
    """
    title = "How often must a fact be met to be recalled?"
    drawn = [row for row in rows(recall, _COLUMNS, name="recall") if row["value"] is not None]
    if not drawn:
        return theme.nothing(title, "no recall by exposure count in this experiment.")
    models = theme.in_order([row["model"] for row in drawn], ())
    drawn.sort(key=lambda row: row["exposures"])
    counts = sorted({row["exposures"] for row in drawn})
    shapes = [_SHAPES[place % len(_SHAPES)] for place in range(len(models))]
    shape = alt.Shape("model:N", scale=alt.Scale(domain=models, range=shapes), title=None)
    legend = marks.legend("model", theme.colour_scale(models), shape=shape)
    has_bands = len(models) <= _MOST_BANDS
    layers = [*legend.carried(0), *_curves(drawn, counts, legend, shape, y_title, has_bands=has_bands)]
    return theme.finished(
        alt.layer(*layers).properties(width=520, height=310),
        title=title,
        notes=_notes(drawn, has_bands=has_bands),
        width=560,
        description=f"Lines of {listed(models)}: {y_title} by exposures, {counts[0]:g} to {counts[-1]:g}.",
    )


def _curves(
    drawn: list[Row], counts: list[int], legend: marks.Legend, shape: alt.Shape, y_title: str, *, has_bands: bool
) -> list[alt.Chart]:
    x = alt.X(
        "exposures:Q",
        scale=alt.Scale(type="symlog", constant=1, domain=[counts[0], max(counts[-1], counts[0] + 1)], nice=False),
        axis=alt.Axis(values=counts, tickCount=len(counts), format="d", labelOverlap="greedy"),
        title="exposures of the fact (times met, log scale from 0)",
    )
    scale = alt.Scale(domain=[0, 1], nice=False)
    y = alt.Y("value:Q", scale=scale, title=y_title, axis=alt.Axis(format="%", tickCount=5))
    base = alt.Chart(inline(drawn)).encode(x=x, y=y, color=legend.colour, opacity=legend.opacity())
    bounds = alt.Chart(inline([row for row in drawn if row["low"] is not None and row["high"] is not None]))
    bounds = bounds.mark_area() if has_bands else bounds.mark_rule(strokeWidth=1.2)
    bounds = bounds.encode(opacity=legend.opacity(marks.BAND_OPACITY if has_bands else 0.7))
    chance = alt.Chart(inline(_having("chance", drawn)))
    chance = chance.mark_line(color=theme.PLACEBO_COLOUR, strokeDash=marks.DOTS, strokeWidth=1.6)
    forecast = alt.Chart(inline(_having("forecast", drawn))).mark_line(strokeDash=marks.DASH, strokeWidth=1.8)
    others = [alt.Tooltip(f"{field}:Q", format=".3f") for field in ("chance", "forecast")]
    points = base.mark_point(filled=True, size=52)
    return [
        chance.encode(x=x, y="chance:Q", detail="model:N"),
        bounds.encode(x=x, y="low:Q", y2="high:Q", color=legend.colour),
        forecast.encode(x=x, y="forecast:Q", color=legend.colour, opacity=legend.opacity()),
        base.mark_line(),
        points.encode(shape=shape, tooltip=[*marks.figure_tooltip("model", "exposures"), *others]),
    ]


def _notes(drawn: list[Row], *, has_bands: bool) -> list[str]:
    chance = " Grey dots: chance." if _having("chance", drawn) else ""
    has_forecast = bool(_having("forecast", drawn))
    return [
        f"{'Bands' if has_bands else 'Whiskers'}: 95 % intervals over facts.{chance}",
        "Dashed: forecast made before the measurement." if has_forecast else "No forecast was made.",
    ]


def _having(column: str, drawn: list[Row]) -> list[Row]:
    return [row for row in drawn if row[column] is not None]
