"""What became of refusals when layers were changed."""

from __future__ import annotations

import altair as alt
import pyarrow as pa

from lineage.analysis.layers.schemas import DONOR, NONE, REFUSAL_RATE
from lineage.report import marks, theme
from lineage.report.tables import Row, inline, rows, where
from lineage.report.theme import Chart

_TRIAL = ("model", "donor", "intervention", "first", "stop", "role", "position", "requests", "statistic")
_ESTIMATE = ("value", "low", "high")
_ROLES = {"range": "#1851df", "control": theme.PLACEBO_COLOUR, "whole": "#bc310f", "none": theme.INK}
_WORDS = {"restore": "weights restored", "patch_state": "states patched", "patch_update": "updates patched"}


def restored_layers(interventions: pa.Table, *, position: str) -> Chart:
    """Refusals of harmful and of benign requests after each intervention, beside both models as they are.

    Raises:
        UserError: a column is missing.
    """
    title = "Does refusal come back with the layers of the base?"
    every = rows(interventions, (*_TRIAL, *_ESTIMATE), name="interventions")
    found = where(every, position=position, statistic=REFUSAL_RATE)
    drawn = [row | {"trial": _trial(row)} for row in found if row["requests"] != "difference"]
    if not drawn:
        return theme.nothing(title, "nothing was restored in this experiment, or the base has no safety layers.")
    trials = list(dict.fromkeys(row["trial"] for row in drawn))
    panels = []
    for place, requests in enumerate(("harmful", "benign")):
        mine = where(drawn, requests=requests)
        y = alt.Y("trial:N", sort=trials, title=None, axis=alt.Axis(labels=place == 0, labelLimit=260))
        scale = alt.Scale(domain=[0, 1], nice=False, clamp=True)
        x = alt.X("value:Q", scale=scale, title=f"{requests} requests refused", axis=alt.Axis(format="%", tickCount=5))
        colour = alt.Color("role:N", scale=theme.colour_scale(list(_ROLES), _ROLES), title=None)
        base = alt.Chart(inline(mine)).encode(y=y, color=colour)
        bounded = alt.Chart(inline([row for row in mine if row["low"] is not None])).mark_rule(clip=True)
        panels.append(
            alt.layer(
                bounded.encode(y=y, x=alt.X("low:Q", scale=scale), x2="high:Q", color=colour),
                base.mark_point(filled=True, size=60).encode(x=x, tooltip=marks.figure_tooltip("trial", "role")),
            ).properties(width=230, height=15 * len(trials))
        )
    first = drawn[0]
    return theme.finished(
        alt.hconcat(*panels),
        title=title,
        notes=[
            f"Layers of {first['model']} from {first['donor']}, greedy answers behind the {position}; 95 % intervals.",
            "Blue: the safety layers; grey: as many layers elsewhere; red: all layers; black: both models as they are.",
        ],
        width=660,
        description=f"Shares of requests refused after {len(trials)} trials.",
    )


def _trial(row: Row) -> str:
    if row["intervention"] in (NONE, DONOR):
        return row["model"] if row["intervention"] == NONE else row["donor"]
    return f"{_WORDS[row['intervention']]}, {_layers(row)}"


def _layers(row: Row) -> str:
    """
    >>> _layers({"first": 2, "stop": 3}), _layers({"first": 1, "stop": 3})
    ('layer 2', 'layers 1 to 2')
    """
    last = row["stop"] - 1
    return f"layer {last}" if row["first"] == last else f"layers {row['first']} to {last}"


def scaled_layers(scaling: pa.Table) -> Chart:
    """Change of the share of benign requests refused, by first and last layer of the window that was scaled.

    Raises:
        UserError: a column is missing.
    """
    title = "Which layers does over-refusal hang on?"
    every = rows(scaling, ("model", "requests", "first", "stop", "factor", "statistic", *_ESTIMATE), name="scaling")
    benign = where(every, requests="benign", statistic=REFUSAL_RATE)
    plain = [row["value"] for row in benign if row["first"] is None]
    drawn = [row | {"last": row["stop"] - 1, "change": row["value"] - plain[0]} for row in benign if row["stop"]]
    if not drawn or not plain:
        return theme.nothing(title, "no layers were scaled in this experiment.")
    factors = list(dict.fromkeys(row["factor"] for row in drawn))
    reach = max(0.05, *(abs(row["change"]) for row in drawn))
    colour = alt.Color(
        "change:Q",
        scale=alt.Scale(domain=[-reach, 0, reach], interpolate="rgb", range=["#1851df", "#f4f4f2", "#bc310f"]),
        legend=alt.Legend(title="change of the share refused", format="+.2f", gradientLength=200),
    )
    panels = []
    for factor in factors:
        base = alt.Chart(inline(where(drawn, factor=factor))).mark_rect(stroke="white")
        tooltip = [alt.Tooltip(f"{name}:Q", format=".3f") for name in ("first", "last", "value", "change")]
        panels.append(
            base.encode(
                x=alt.X("first:O", title="first layer scaled"),
                y=alt.Y("last:O", title="last layer scaled", sort="descending"),
                color=colour,
                tooltip=tooltip,
            ).properties(width=240, height=240, title=f"times {factor:g}")
        )
    return theme.finished(
        alt.hconcat(*panels),
        title=title,
        notes=[f"{drawn[0]['model']} as it is refuses {plain[0]:.0%} of the benign requests; all seven projections."],
        width=300 * len(panels),
        description=f"Heat maps over windows of layers, factors {', '.join(f'{one:g}' for one in factors)}.",
    )
