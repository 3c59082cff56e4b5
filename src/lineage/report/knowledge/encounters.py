"""Effectivity from encounter to encounter: after Figures 27 to 29 of arXiv 2406.11813."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pyarrow as pa

from lineage.analysis.names import ALL_DEPTHS, PAPERS, POOLED, SPLIT_HALF
from lineage.config.injection import PLACEBO
from lineage.report import marks, theme
from lineage.report.knowledge.effectivity import COLUMNS, Y_TITLE
from lineage.report.tables import Row, chosen, inline, rows, span, where
from lineage.report.theme import Chart, in_order, listed, sentence, words

_HEIGHT = 230
_MOST_COLUMNS = 3


def effectivity_by_encounter(effectivity: pa.Table, *, estimators: Sequence[str] = (SPLIT_HALF, PAPERS)) -> Chart:
    """One panel a depth: effectivity of the first, second, ... encounter of each arm.

    At the first encounter all arms see the same text: their intervals should overlap there.

    Raises:
        UserError: a column is missing, or all estimators are.
    """
    title = "Does the first encounter add most?"
    estimator, drawn = _single_encounters(effectivity, estimators)
    if not drawn:
        return theme.nothing(title, "no encounter of this run has an effectivity of its own.")
    arms = in_order([row["arm"] for row in drawn], theme.ARM_COLOURS)
    depths = in_order([row["depth"] for row in drawn], theme.DEPTH_COLOURS)
    last = max(row["number"] for row in drawn)
    domain = span([row[key] for row in drawn for key in ("value", "low", "high")], include=[0.0])
    numbers = alt.Scale(domain=list(range(1, last + 1)))
    x = alt.X("number:O", title="encounter (number)", axis=alt.Axis(labelAngle=0, ticks=False), scale=numbers)
    offset = alt.XOffset("arm:N", scale=alt.Scale(domain=arms, paddingOuter=0.5))
    legend = marks.legend("arm", theme.colour_scale(arms, theme.ARM_COLOURS))
    width = max(160, 16 * len(arms) * last)
    panels = []
    for place, depth in enumerate(depths):
        y_title = Y_TITLE if place % _MOST_COLUMNS == 0 else None
        y = alt.Y("value:Q", scale=alt.Scale(domain=domain, nice=False), title=y_title)
        base = alt.Chart(inline(where(drawn, depth=depth))).encode(x=x, xOffset=offset, color=legend.colour)
        base = base.encode(opacity=legend.opacity())
        points = base.mark_point(filled=True, size=46)
        whiskers = base.mark_rule(strokeWidth=1.6)
        layers = [
            *legend.carried(place),
            marks.zero_line(),
            whiskers.encode(y=alt.Y("low:Q", title=y_title), y2="high:Q"),
            points.encode(y=y, tooltip=marks.figure_tooltip("arm", "number", "kept", "total")),
        ]
        panels.append(alt.layer(*layers).properties(width=width, height=_HEIGHT, title=depth))
    return theme.finished(
        alt.concat(*panels, columns=_MOST_COLUMNS),
        title=title,
        notes=[
            f"{sentence(words(estimator))}; whiskers: 95 % intervals over facts.",
            "At encounter 1 all arms see the same text.",
        ],
        width=min(len(panels), _MOST_COLUMNS) * width,
        description=f"Points for {listed(depths)} probes: effectivity in nats per target token at each of "
        f"{last} encounters in the arms {listed(arms)}.",
    )


def _single_encounters(effectivity: pa.Table, estimators: Sequence[str]) -> tuple[str, list[Row]]:
    """(estimator, rows), the arm `never` on its virtual schedule included, with a column `number` that begins at 1."""
    every = rows(effectivity, COLUMNS, name="effectivity")
    single = [row for row in every if row["encounter"] != POOLED and row["depth"] != ALL_DEPTHS]
    kept = [row for row in single if row["value"] is not None]
    estimator, drawn = chosen([row for row in kept if row["arm"] != PLACEBO], estimators, name="effectivity")
    never = where(kept, arm=PLACEBO, estimator=estimator) if drawn else []
    return estimator, [row | {"number": row["encounter"] + 1} for row in [*drawn, *never]]
