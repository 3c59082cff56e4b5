"""Do facts that come rarely still accumulate? Gain before the last encounter, against the interval between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import altair as alt
import pyarrow as pa

from lineage.report import marks, theme
from lineage.report.tables import Row, inline, rows, span, where
from lineage.report.theme import Chart, in_order, listed

CRITERION = 0.1
"""Share of the first encounter's gain below which nothing counts as accumulated."""

_COLUMNS = ("interval", "value", "low", "high", "predicted")
_MEASURED, _PREDICTED = "measured", "superposition, without refitting"
_THRESHOLD = "threshold"
_Y_TITLE = ["gain before the last encounter", "(share of the first encounter's, log scale from 0)"]
_TEXT_LINE = 16


def threshold_interval(sweep: Sequence[Row], *, criterion: float = CRITERION) -> float | None:
    """The shortest interval whose upper bound lies below the criterion; None where no interval's does.

    >>> threshold_interval([{"interval": steps, "high": high} for steps, high in ((200, 0.02), (50, 0.4), (100, 0.05))])
    100
    """
    below = [row["interval"] for row in sweep if row["high"] is not None and row["high"] < criterion]
    return min(below, default=None)


def threshold_sweep(
    sweep: pa.Table, *, criterion: float = CRITERION, expected: Mapping[str, float] = MappingProxyType({})
) -> Chart:
    """Measured and predicted gain as a share of the first encounter's, by interval, with the threshold marked.

    A column `depth`, if there, makes one panel a depth. `expected`: thresholds known otherwise by their names, in
    steps, such as tau of the arm `once`; they are marked too.

    Raises:
        UserError: a column is missing.
    """
    title = "How rarely may a fact come and still accumulate?"
    by_depth = "depth" in sweep.column_names
    every = rows(sweep, [*_COLUMNS, "depth"] if by_depth else _COLUMNS, name="threshold sweep")
    drawn = [row for row in every if row["value"] is not None or row["predicted"] is not None]
    if not drawn:
        return theme.nothing(title, "no arms with different intervals in this experiment.")
    drawn.sort(key=lambda row: row["interval"])
    depths = in_order([row["depth"] for row in drawn], theme.DEPTH_COLOURS) if by_depth else []
    groups = {depth: where(drawn, depth=depth) for depth in depths} or {"": drawn}
    first, last = drawn[0]["interval"], drawn[-1]["interval"]
    inside = {name: steps for name, steps in expected.items() if first <= steps <= last}
    y = _y_axis(drawn, criterion)
    x = _x_axis(sorted({row["interval"] for row in drawn}))
    legend = marks.legend("kind", theme.colour_scale([_MEASURED, _PREDICTED]))
    width = 280 if by_depth else 400
    columns = 2 if len(groups) == 4 else 3
    panels = []
    for place, (depth, mine) in enumerate(groups.items()):
        found = threshold_interval(mine, criterion=criterion)
        lines = _marked(inside if found is None else {**inside, _THRESHOLD: found}, x)
        shown_y = y.title(_Y_TITLE if place % columns == 0 else None)
        layers = [*legend.carried(place), *lines, *_measured_and_predicted(mine, x, shown_y, criterion, legend)]
        panels.append(alt.layer(*layers).properties(width=width, height=270, title=depth))
    return theme.finished(
        alt.concat(*panels, columns=columns),
        title=title,
        notes=_notes(groups, criterion, {name: steps for name, steps in expected.items() if name not in inside}),
        width=max(460, (width + 20) * min(columns, len(panels))),
        description="Points and a dashed curve over the logarithm of the interval, "
        f"{first:g} to {last:g} steps: measured and predicted gain just before the last encounter, as a share of the "
        "first encounter's gain.",
    )


def _x_axis(intervals: list[float]) -> alt.X:
    ends = [intervals[0] / 1.15, max(intervals[-1], intervals[0] * 2) * 1.15]
    scale = alt.Scale(type="log", domain=ends, nice=False)
    axis = alt.Axis(values=intervals, tickCount=len(intervals), format="~s", labelOverlap=True)
    return alt.X("interval:Q", scale=scale, axis=axis, title="interval between encounters (steps, log scale)")


def _y_axis(drawn: list[Row], criterion: float) -> alt.Y:
    """Logarithmic above the criterion, linear about 0: the threshold is decided where the gain is small."""
    bounds = [row[key] for row in drawn for key in ("value", "low", "high", "predicted")]
    low, high = span(bounds, include=[0.0, criterion], margin=0.0)
    domain = [low - criterion / 4, high * 1.2]
    levels = [-criterion, 0, criterion, *(10**power * digit for power in range(-1, 3) for digit in (2, 5, 10))]
    ticks = [level for level in levels if domain[0] <= level <= domain[1]]
    scale = alt.Scale(type="symlog", constant=criterion, domain=domain, nice=False)
    return alt.Y("value:Q", scale=scale, axis=alt.Axis(values=ticks, tickCount=len(ticks), format="~g"))


def _measured_and_predicted(
    sweep: list[Row], x: alt.X, y: alt.Y, criterion: float, legend: marks.Legend
) -> list[alt.Chart]:
    measured = [row | {"kind": _MEASURED} for row in sweep if row["value"] is not None]
    predicted = [row | {"kind": _PREDICTED} for row in sweep if row["predicted"] is not None]
    curve = alt.Chart(inline(predicted)).mark_line(strokeDash=marks.DASH, interpolate="monotone")
    points = alt.Chart(inline(measured)).encode(x=x, color=legend.colour, opacity=legend.opacity())
    tooltip = [*marks.figure_tooltip("interval"), alt.Tooltip("predicted:Q", format=".3f")]
    criterion_line = alt.Chart(inline([{"y": criterion}])).mark_rule(color=theme.MUTED, strokeDash=marks.DOTS)
    return [
        marks.zero_line(),
        criterion_line.encode(y="y:Q"),
        curve.encode(x=x, y="predicted:Q", color=legend.colour, opacity=legend.opacity()),
        points.mark_rule(strokeWidth=1.6).encode(y="low:Q", y2="high:Q"),
        points.mark_point(filled=True, size=60).encode(y=y, tooltip=tooltip),
    ]


def _marked(intervals: Mapping[str, float], x: alt.X) -> list[alt.Chart]:
    """A labelled vertical line each, and grey beyond the threshold; labels one below the other, or they collide."""
    layers = []
    for place, (name, steps) in enumerate(sorted(intervals.items(), key=lambda item: item[1])):
        own = name == _THRESHOLD
        base = alt.Chart(inline([{"interval": steps, "text": f"{name}: {steps:,.0f} steps"}])).encode(x=x)
        if own:
            layers.append(base.mark_rect(color=theme.MUTED, opacity=0.1).encode(x2=alt.value("width")))
        text = base.mark_text(align="right", dx=-5, fontSize=11, color=theme.INK if own else theme.MUTED)
        layers += [
            base.mark_rule(color=theme.MUTED, strokeDash=[1, 0] if own else marks.DOTS),
            text.encode(y=alt.value(8 + _TEXT_LINE * place), text="text:N"),
        ]
    return layers


def _notes(groups: Mapping[str, list[Row]], criterion: float, outside: Mapping[str, float]) -> list[str]:
    notes = [
        "Whiskers: 95 % intervals over facts.",
        f"Threshold: the shortest interval whose upper bound is below {criterion:g}.",
    ]
    without = [depth for depth, mine in groups.items() if threshold_interval(mine, criterion=criterion) is None]
    if without:
        longest = max(row["interval"] for mine in groups.values() for row in mine)
        names = f" for {listed(without)}" if any(without) else ""
        notes.append(f"No interval up to {longest:,g} steps is beyond the threshold{names}.")
    if outside:
        steps = [f"{name} ({interval:,.0f} steps)" for name, interval in outside.items()]
        notes.append(f"Outside the axis: {listed(steps)}.")
    return notes
