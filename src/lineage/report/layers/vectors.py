"""Task vectors: the angles between them by layer and module, and losses along them."""

from __future__ import annotations

import altair as alt
import pyarrow as pa

from lineage.analysis.weights.schemas import ALL, COSINE, COSINE_PERMUTED, LAYERS, LOSS
from lineage.report import marks, theme
from lineage.report.tables import Row, inline, rows, where
from lineage.report.theme import Chart, listed

_COLUMNS = ("vector", "other", "layer", "module", "statistic", "value", "low", "high")
_MOST_COLUMNS = 3


def angles_by_module(modules: pa.Table) -> Chart:
    """Cosine of every two task vectors in each module of each layer, one panel a pair.

    Raises:
        UserError: a column is missing.
    """
    title = "Do two kinds of training pull the weights the same way?"
    every = rows(modules, _COLUMNS, name="modules")
    drawn = [
        row | {"pair": _pair(row)}
        for row in where(every, statistic=COSINE)
        if row["layer"] is not None and row["module"] != ALL and row["value"] is not None
    ]
    if not drawn:
        return theme.nothing(title, "fewer than two task vectors were measured.")
    whole = {_pair(row): row for row in where(every, statistic=COSINE, layer=None, module=LAYERS)}
    null = {_pair(row): row for row in where(every, statistic=COSINE_PERMUTED, layer=None, module=LAYERS)}
    names = list(dict.fromkeys(row["module"] for row in drawn))
    reach = max(0.01, *(abs(float(row["value"])) for row in drawn))
    colour = alt.Color(
        "value:Q",
        scale=alt.Scale(domain=[-reach, 0, reach], interpolate="rgb", range=["#bc310f", "#f4f4f2", "#1851df"]),
        legend=alt.Legend(title="cosine", format="+.2f", gradientLength=200),
    )
    panels = []
    for pair in dict.fromkeys(row["pair"] for row in drawn):
        base = alt.Chart(inline(where(drawn, pair=pair))).mark_rect(stroke="white")
        words = f"{pair}: {marks.interval_words(whole[pair]['value'], None, None)}"
        low, high = null[pair]["low"], null[pair]["high"]
        chart = base.encode(
            x=alt.X("layer:O", title="layer (from 0)"),
            y=alt.Y("module:N", sort=names, title=None),
            color=colour,
            tooltip=[alt.Tooltip("module:N"), alt.Tooltip("layer:O"), alt.Tooltip("value:Q", format=".3f")],
        )
        panels.append(
            chart.properties(
                width=150, height=170, title=alt.TitleParams(words, subtitle=f"permuted {low:.3f} to {high:.3f}")
            )
        )
    return theme.finished(
        alt.concat(*panels, columns=_MOST_COLUMNS),
        title=title,
        notes=["Above each panel: cosine over all layers, and 95 % of what permuted entries give."],
        width=min(len(panels), _MOST_COLUMNS) * 290,
        description=f"Heat maps of {len(panels)} pairs of task vectors over layers and modules.",
    )


def _pair(row: Row) -> str:
    return f"{row['vector']} and {row['other']}"


def loss_along_vectors(first_order: pa.Table) -> Chart:
    """Each loss on the straight line from the base along each task vector.

    Raises:
        UserError: a column is missing.
    """
    title = "What does a loss do along a task vector?"
    columns = ("loss", "vector", "statistic", "fraction", "value", "low", "high")
    drawn = where(rows(first_order, columns, name="first_order"), statistic=LOSS)
    if not drawn:
        return theme.nothing(title, "no loss was followed along the task vectors of this experiment.")
    vectors = theme.in_order([row["vector"] for row in drawn], ())
    losses = list(dict.fromkeys(row["loss"] for row in drawn))
    legend = marks.legend("vector", theme.colour_scale(vectors))
    panels = []
    for place, loss in enumerate(losses):
        x = alt.X("fraction:Q", title="share of the task vector that is added")
        y = alt.Y("value:Q", title=f"{loss} loss (nats per token)")
        base = alt.Chart(inline(where(drawn, loss=loss))).encode(
            x=x, y=y, color=legend.colour, opacity=legend.opacity()
        )
        points = base.mark_point(filled=True, size=44).encode(tooltip=marks.figure_tooltip("vector", "fraction"))
        panels.append(alt.layer(*legend.carried(place), base.mark_line(), points).properties(width=280, height=250))
    return theme.finished(
        alt.hconcat(*panels),
        title=title,
        notes=["Only the language model moves; projector and tower stay those of the base."],
        width=330 * len(panels),
        description=f"Lines of {listed(vectors)}, one panel for each of the losses {listed(losses)}.",
    )
