"""What a reader answers by how often pretraining showed the fact: alone, and behind passages."""

from __future__ import annotations

import altair as alt
import pyarrow as pa

from lineage.report import marks, theme
from lineage.report.tables import inline, rows
from lineage.report.theme import Chart, listed

_COLUMNS = ("condition", "exposures", "value", "low", "high", "facts", "forecast")
_BOUNDS = ("oracle", "swapped", "random")
_ORDER = ("closed book", *_BOUNDS)


def recall_by_exposure(recall: pa.Table) -> Chart:
    """Share of right answers by exposure level, a panel for the bounds and one for retrievers, closed book in both.

    Raises:
        UserError: a column is missing.
    """
    title = "When does recall overtake reading?"
    drawn = rows(recall, _COLUMNS, name="recall")
    if not drawn:
        return theme.nothing(title, "no reader was asked in this experiment.")
    drawn.sort(key=lambda row: row["exposures"])
    conditions = theme.in_order([row["condition"] for row in drawn], _ORDER)
    legend = marks.legend("condition", theme.colour_scale(conditions))
    panels = {
        "retrieved passages": [one for one in conditions if one not in _BOUNDS],
        "right, swapped and random passages": [one for one in conditions if one in _ORDER],
    }
    charts = [
        _panel([row for row in drawn if row["condition"] in members], words, legend, place=place)
        for place, (words, members) in enumerate(panels.items())
    ]
    return theme.finished(
        alt.hconcat(*charts),
        title=title,
        notes=[
            "Whiskers: 95 % intervals over subjects. Of a swapped passage the passage's value is the right one.",
            "Dashed: forecast made before the measurement."
            if any(row["forecast"] is not None for row in drawn)
            else "No forecast was made.",
        ],
        width=780,
        description=f"Lines of {listed(conditions)}: share of right answers by exposures of the fact.",
    )


def _panel(drawn: list[dict], words: str, legend: marks.Legend, *, place: int) -> Chart:
    counts = sorted({row["exposures"] for row in drawn})
    x = alt.X(
        "exposures:Q",
        scale=alt.Scale(type="symlog", constant=1, domain=[counts[0], max(counts[-1], counts[0] + 1)], nice=False),
        axis=alt.Axis(values=counts, tickCount=len(counts), format="d", labelOverlap="greedy"),
        title="exposures of the fact (log scale from 0)",
    )
    axis = alt.Axis(format="%", tickCount=5)
    y = alt.Y("value:Q", scale=alt.Scale(domain=[0, 1], nice=False), title="right answers", axis=axis)
    base = alt.Chart(inline(drawn)).encode(x=x, y=y, color=legend.colour, opacity=legend.opacity())
    bounded = alt.Chart(inline([row for row in drawn if row["low"] is not None])).mark_rule(strokeWidth=1.2)
    foretold = alt.Chart(inline([row for row in drawn if row["forecast"] is not None]))
    layers = [
        *legend.carried(place),
        bounded.encode(x=x, y="low:Q", y2="high:Q", color=legend.colour, opacity=legend.opacity(0.7)),
        foretold.mark_line(strokeDash=marks.DASH, strokeWidth=1.8).encode(
            x=x, y="forecast:Q", color=legend.colour, opacity=legend.opacity()
        ),
        base.mark_line(),
        base.mark_point(filled=True, size=46).encode(tooltip=[*marks.figure_tooltip("condition", "exposures")]),
    ]
    return alt.layer(*layers).properties(width=340, height=280, title=words)
