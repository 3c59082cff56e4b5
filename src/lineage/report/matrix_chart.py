"""The matrix as a heat map, models down the lineage, probes by family."""

from __future__ import annotations

import altair as alt
import pyarrow as pa

from lineage.report import theme
from lineage.report.lineage_graph import Lineage, listed
from lineage.report.matrix import FAMILY_WORDS, SCHEMA, SHARE, improvement, is_clear
from lineage.report.tables import inline, rows

_CELL_WIDTH, _CELL_HEIGHT, _CHARACTER_WIDTH = 40, 20, 6
_WORSE, _SAME, _BETTER = "#b35806", "#f7f7f7", "#542788"
"""Ends and middle of ColorBrewer's PuOr, which all kinds of sight tell apart."""
_TITLE = "What every stage did to what a model knows, refuses, sees and finds"


def heat_map(table: pa.Table, lineage: Lineage) -> theme.Chart:
    """Cells hold values; the colour is the change against the parent, in the direction that is better."""
    depth = dict(listed(lineage))
    told = rows(table, SCHEMA.names, name="matrix")
    order = list(dict.fromkeys(row["probe"] for row in told))
    values = [
        row | {"better_by": improvement(row), "clear": "yes" if is_clear(row) else "no"}
        for row in told
        if row["value"] is not None
    ]
    if not values:
        return theme.nothing(_TITLE, "no model was measured.")
    names = list(dict.fromkeys(row["model"] for row in values))
    labels = {name: "\N{MIDDLE DOT} " * depth.get(name, 0) + name for name in names}
    panels = [
        _panel(
            family, [row | {"label": labels[row["model"]]} for row in values if row["family"] == family], labels, order
        )
        for family in FAMILY_WORDS
        if any(row["family"] == family for row in values)
    ]
    notes = [
        "Figures are values; orange is worse than the parent (above it, with one dot less), purple better.",
        "Full colour: the 95 % interval of the change leaves out 0. No colour: no parent was asked the same.",
    ]
    width = max(len({row["probe"] for row in values if row["family"] == family}) for family in FAMILY_WORDS)
    return theme.finished(
        alt.vconcat(*panels, spacing=22),
        title=_TITLE,
        notes=notes,
        width=max(520, width * _CELL_WIDTH),
        description=f"{len(names)} models by {len({(row['family'], row['probe']) for row in values})} probes.",
    )


def _panel(family: str, values: list[dict], labels: dict[str, str], order: list[str]) -> theme.Chart:
    there = {row["model"] for row in values}
    room = _CHARACTER_WIDTH * max(map(len, labels.values()))
    base = alt.Chart(inline(values)).encode(
        x=alt.X("probe:N", sort=order, title=None).axis(
            orient="top", labelAngle=-40, labelLimit=200, ticks=False, domain=False
        ),
        y=alt.Y("label:N", sort=[label for name, label in labels.items() if name in there], title=None).axis(
            labelLimit=260, labelAlign="left", labelPadding=room, ticks=False, domain=False
        ),
    )
    reach = 0.6 if values[0]["unit"] == SHARE else max(abs(row["better_by"] or 0.0) for row in values) or 1.0
    scale = alt.Scale(domain=[-reach, 0, reach], range=[_WORSE, _SAME, _BETTER], clamp=True)
    cells = base.mark_rect(stroke="white").encode(
        color=alt.Color("better_by:Q", scale=scale, legend=None),
        opacity=alt.condition("datum.clear == 'yes' || datum.better_by === null", alt.value(1.0), alt.value(0.35)),
        tooltip=[
            alt.Tooltip("model:N"),
            alt.Tooltip("probe:N"),
            *(
                alt.Tooltip(f"{name}:Q", format=".3f")
                for name in ("value", "low", "high", "change", "change_low", "change_high")
            ),
            alt.Tooltip("items:Q"),
            alt.Tooltip("parent:N"),
        ],
    )
    dark = f"datum.clear == 'yes' && abs(datum.better_by) > {0.6 * reach:g}"
    text = base.mark_text(fontSize=10).encode(
        text=alt.Text("value:Q", format=".2f"), color=alt.condition(dark, alt.value("white"), alt.value(theme.INK))
    )
    size = {"width": alt.Step(_CELL_WIDTH), "height": alt.Step(_CELL_HEIGHT)}
    return alt.layer(cells, text).properties(title=theme.sentence(family), **size)
