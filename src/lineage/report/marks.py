"""Layers that several figures share: what follows the pointer, and what a click on the legend brings forward."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from lineage.report.saving import HOVER
from lineage.report.tables import Row, inline
from lineage.report.theme import MUTED

DASH = [6, 4]
DOTS = [2, 3]
BAND_OPACITY = 0.16
_FADED = 0.12


@dataclass(frozen=True)
class Legend:
    """A legend whose entries can be clicked: the others fade; shift-click adds, double click resets."""

    colour: alt.Color
    layer: alt.Chart
    """Goes first into the first panel and draws nothing; in any other place Vega-Lite loses the clicks in merging."""
    chosen: alt.Parameter

    def opacity(self, full: float = 1.0) -> Any:
        """The encoding of what shall fade when another entry is chosen, and is `full` otherwise."""
        return alt.when(self.chosen).then(alt.value(full)).otherwise(alt.value(_FADED * full))

    def carried(self, place: int) -> list[alt.Chart]:
        """The layers that the panel at this place has for the legend's sake."""
        return [self.layer] if place == 0 else []


def legend(field: str, scale: alt.Scale, *, title: str | None = None, shape: alt.Shape | None = None) -> Legend:
    """The legend of the colours (and shapes) of `field`."""
    colour = alt.Color(f"{field}:N", scale=scale, title=title)
    name = f"chosen_{field}"
    chosen = alt.selection_point(name=f"{name}_at", fields=[field], bind="legend")
    layer = alt.Chart(inline([]), name=name).mark_point(filled=True).encode(colour).add_params(chosen)
    return Legend(colour, layer.encode(shape) if shape else layer, chosen)


def fill_legend(fills: Mapping[str, str]) -> alt.Chart:
    """A layer with nothing but a legend of fills (full and hollow bars): Vega-Lite has none for a fill's opacity."""
    scale = alt.Scale(domain=list(fills), range=list(fills.values()))
    entries = alt.Legend(title=None, symbolStrokeColor=MUTED, symbolStrokeWidth=1.4)
    return alt.Chart(inline([])).mark_square().encode(fill=alt.Fill("fill:N", scale=scale, legend=entries))


def pointer_columns(
    values: list[Row], field: str, tooltip: Sequence[alt.Tooltip], *, title: str, place: int
) -> alt.Chart:
    """Marks the row whose `field` is nearest to the pointer and shows its figures; in pages only.

    Columns from midpoint to midpoint, so the field must rise from row to row. (Vega-Lite's own `nearest` leaves the
    text fields of a tooltip undefined.) `title` is that of the x axis; `place` counts the panels of a figure.
    """
    at = [row[field] for row in values]
    edges = [at[0], *((left + right) / 2 for left, right in itertools.pairwise(at)), at[-1]]
    columns = [
        row | {"left": left, "right": right}
        for row, (left, right) in zip(values, itertools.pairwise(edges), strict=True)
    ]
    name = f"{HOVER}_panel{place}"
    here = alt.selection_point(name=f"{name}_at", on="pointerover", clear="pointerout", fields=[field], empty=False)
    shown = alt.when(here).then(alt.value(0.25)).otherwise(alt.value(0))
    rectangles = alt.Chart(inline(columns), name=name).mark_rect(color=MUTED)
    x = alt.X("left:Q", title=title)
    return rectangles.encode(x=x, x2="right:Q", opacity=shown, tooltip=list(tooltip)).add_params(here)


def zero_line() -> alt.Chart:
    """Where a gain of nothing lies."""
    return alt.Chart(inline([{"y": 0}])).mark_rule(color=MUTED, strokeWidth=1).encode(y=alt.Y("y:Q"))


def interval_words(value: float | None, low: float | None, high: float | None) -> str:
    """A figure with its interval as tooltips show it.

    >>> interval_words(0.5, 0.25, 0.75), interval_words(0.5, None, None), interval_words(None, None, None)
    ('0.500 [0.250, 0.750]', '0.500', '-')
    """
    if value is None:
        return "-"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def figure_tooltip(*fields: str) -> list[alt.Tooltip]:
    """Lines of a tooltip: the fields by their names, then `value` with its interval."""
    numbers = [alt.Tooltip(f"{field}:Q", format=".3f") for field in ("value", "low", "high")]
    return [*(alt.Tooltip(f"{field}:N", title=field.replace("_", " ")) for field in fields), *numbers]
