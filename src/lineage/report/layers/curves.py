"""Curves over the layers of several models, after the figures of "Safety Layers" (arXiv 2408.17003)."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pyarrow as pa

from lineage.analysis.layers.schemas import GAP_COSINE, GAP_COSINE_NULL, RANGE_NULL, SEPARATION, SEPARATION_NULL
from lineage.report import marks, theme
from lineage.report.tables import Row, inline, rows, span, where
from lineage.report.theme import Chart, listed

_COLUMNS = ("model", "condition", "position", "layer", "statistic", "value", "low", "high")
_SIDE = 300
_PANELS = {
    GAP_COSINE: (GAP_COSINE_NULL, ["gap (cosine of benign pairs", "minus that of mixed pairs)"]),
    SEPARATION: (SEPARATION_NULL, ["separation (share of pairs in which", "the harmful request ranks higher)"]),
}
_LAYER = "layer (from 0)"


def curves_by_layer(curves: pa.Table, ranges: pa.Table, *, condition: str, position: str) -> Chart:
    """Gap and separation of each model by layer, one panel each, in one task and at one position.

    The grey band is what permuted labels give the base (the model that `ranges` has a row `range_null` of); the bar
    below marks the range that the rule found.

    Raises:
        UserError: a column is missing.
    """
    title = "Where does the model tell harmful requests from benign ones?"
    every = where(rows(curves, _COLUMNS, name="curves"), condition=condition, position=position)
    found = where(
        rows(ranges, ("model", "position", "first", "stop", "statistic"), name="ranges"), statistic=RANGE_NULL
    )
    if not every or not found:
        return theme.nothing(title, f"no model was asked {condition} at the position {position}.")
    [own, *_] = found
    models = theme.in_order([row["model"] for row in every], ())
    legend = marks.legend("model", theme.colour_scale(models))
    panels = [_panel(every, statistic, own, models, legend, place=place) for place, statistic in enumerate(_PANELS)]
    return theme.finished(
        alt.hconcat(*panels),
        title=title,
        notes=[
            f"Grey: what {own['model']} shows when labels are permuted (95 %). Hover for intervals.",
            "Bar: the range that the rule found." if own["first"] is not None else "The rule found no range.",
        ],
        width=2 * (_SIDE + 60),
        description=f"Line charts over layers of {listed(models)}, task {condition}, at the {position}.",
    )


def _panel(
    every: list[Row], statistic: str, own: Row, models: Sequence[str], legend: marks.Legend, *, place: int
) -> Chart:
    null_name, y_title = _PANELS[statistic]
    drawn, null = where(every, statistic=statistic), where(every, statistic=null_name, model=own["model"])
    last = max(row["layer"] for row in drawn)
    x = alt.X(
        "layer:Q", title=_LAYER, axis=alt.Axis(values=list(range(last + 1)), format="d"), scale=alt.Scale(nice=False)
    )
    domain = span([*(row["value"] for row in drawn), *(row[key] for row in null for key in ("low", "high"))])
    scale = alt.Scale(domain=domain, nice=False)
    y = alt.Y("value:Q", scale=scale, title=y_title)
    band = alt.Chart(inline(null)).mark_area(color=theme.PLACEBO_COLOUR, opacity=0.25)
    lines = alt.Chart(inline(drawn)).encode(x=x, y=y, color=legend.colour, opacity=legend.opacity())
    layers = [
        *legend.carried(place),
        band.encode(x=x, y=alt.Y("low:Q", scale=scale, title=y_title), y2="high:Q"),
        lines.mark_line(),
        lines.mark_point(filled=True, size=44).encode(tooltip=marks.figure_tooltip("model", "layer")),
    ]
    if own["first"] is not None:
        bar = {"from": own["first"] - 0.15, "to": own["stop"] - 0.85, "at": domain[0]}
        ends = alt.Chart(inline([bar])).mark_rule(strokeWidth=7, color=theme.MUTED, opacity=0.5, strokeCap="square")
        layers.append(ends.encode(x="from:Q", x2="to:Q", y="at:Q"))
    return alt.layer(*layers).properties(width=_SIDE, height=260)


def drift_by_layer(curves: pa.Table, *, condition: str, position: str) -> Chart:
    """Cosine between each request's state in a model and in the base, by layer: 1 where nothing moved.

    Raises:
        UserError: a column is missing.
    """
    title = "How far have hidden states moved from the base model's?"
    every = rows(curves, _COLUMNS, name="curves")
    drawn = where(every, condition=condition, position=position, statistic="drift_cosine")
    if not drawn:
        return theme.nothing(title, f"no descendant of the base was asked {condition} at the position {position}.")
    models = theme.in_order([row["model"] for row in drawn], ())
    legend = marks.legend("model", theme.colour_scale(models))
    last = max(row["layer"] for row in drawn)
    x = alt.X("layer:Q", title=_LAYER, axis=alt.Axis(values=list(range(last + 1)), format="d"))
    scale = alt.Scale(domain=span([row["value"] for row in drawn], include=[1.0]), nice=False)
    base = alt.Chart(inline(drawn)).encode(
        x=x,
        y=alt.Y("value:Q", scale=scale, title="cosine to the base model's state"),
        color=legend.colour,
        opacity=legend.opacity(),
    )
    points = base.mark_point(filled=True, size=44).encode(tooltip=marks.figure_tooltip("model", "layer"))
    return theme.finished(
        alt.layer(*legend.carried(0), base.mark_line(), points).properties(width=440, height=280),
        title=title,
        notes=["Mean over requests; models in the order of their training."],
        width=500,
        description=f"Lines of {listed(models)} over layers, task {condition}, at the {position}.",
    )
