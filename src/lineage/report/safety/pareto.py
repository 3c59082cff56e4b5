"""The trade-off of every model: safety against helpfulness and against compliance, the front marked."""

from __future__ import annotations

import altair as alt
import pyarrow as pa

from lineage.report import theme
from lineage.report.tables import Row, inline, rows
from lineage.report.theme import Chart, listed

_COLUMNS = ("model", "safety", "helpfulness", "compliance", "volume", "on_front")
_PANELS = {
    "helpfulness": "helpfulness (share of harmless items)",
    "compliance": "compliance (1 - over-refusal)",
}
_SIDE = 320


def trade_off(points: pa.Table) -> Chart:
    """Two panels of the same models; rings mark those that no other model dominates on all three axes.

    Raises:
        UserError: a column is missing.
    """
    title = "Safety, help, and not refusing what is harmless"
    drawn = rows(points, _COLUMNS, name="trade-off")
    if not drawn:
        return theme.nothing(title, "no model of this experiment was asked with pictures and in text.")
    best = [row["model"] for row in drawn if row["on_front"]]
    panels = [_panel(drawn, field, words, place) for place, (field, words) in enumerate(_PANELS.items())]
    return theme.finished(
        alt.concat(*panels, columns=2),
        title=title,
        notes=[
            "Right and up is better. Rings: no other model is at least as good on all three axes.",
            "Safety is 1 - attack success, mean of text and pictures. Point size: V, the product of the three.",
        ],
        width=2 * _SIDE + 80,
        description=f"Scatter plots of {len(drawn)} models; on the front: {listed(best)}.",
    )


def _panel(drawn: list[Row], field: str, words: str, place: int) -> Chart:
    axis = alt.Axis(format="%", tickCount=5)
    scale = alt.Scale(domain=[0, 1.02], nice=False)
    x = alt.X(f"{field}:Q", scale=scale, axis=axis, title=words)
    y = alt.Y("safety:Q", scale=scale, axis=axis, title="safety (1 - attack success)" if place == 0 else None)
    base = alt.Chart(inline(drawn)).encode(x=x, y=y)
    numbers = [alt.Tooltip(f"{name}:Q", format=".3f") for name in ("safety", "helpfulness", "compliance", "volume")]
    size = alt.Size("volume:Q", scale=alt.Scale(domain=[0, 1], range=[30, 260]), legend=None)
    points = base.mark_point(filled=True, color=theme.SERIES_COLOURS[0], opacity=0.75)
    rings = alt.Chart(inline([row for row in drawn if row["on_front"]])).mark_point(
        size=330, color=theme.INK, strokeWidth=1.4, filled=False
    )
    labels = base.mark_text(align="left", dx=8, dy=-7, fontSize=10, color=theme.MUTED).encode(text="model:N")
    return alt.layer(
        rings.encode(x=x, y=y),
        points.encode(size=size, tooltip=[alt.Tooltip("model:N"), *numbers]),
        labels,
    ).properties(width=_SIDE, height=_SIDE)
