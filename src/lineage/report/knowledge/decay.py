"""What is left of a gain after t more steps, over log t: after Figures 4 and 5 of arXiv 2406.11813."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import altair as alt
import pyarrow as pa

from lineage.analysis.names import ALL_DEPTHS, LOG_FIT, PAPERS, PAPERS_FIT, SPLIT_HALF, paper_name
from lineage.report import marks, theme
from lineage.report.tables import Row, chosen, inline, of_runs, rows, span, where
from lineage.report.theme import Chart, in_order, listed, words

_COLUMNS = ("arm", "depth", "estimator", "lag", "value", "low", "high")
_DECAY_COLUMNS = ("arm", "depth", "estimator", "fit", "quantity", "value", "low", "high")
_Y_TITLE = ["retainability R(t)", "(share of the gain that is left)"]
_WEIGHTS = {PAPERS_FIT: "equal for every t", LOG_FIT: "equal for every log t"}
_SHOWN = (-0.6, 1.6)
_TICKS = [-0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.6]
_WIDTH = 330

DEFAULT_FITS = MappingProxyType({PAPERS: PAPERS_FIT, paper_name(2.0): PAPERS_FIT, SPLIT_HALF: LOG_FIT})
"""The fit that is drawn over each estimator's curve."""


@dataclass(frozen=True)
class _Axes:
    """What all panels of a figure share."""

    unit: str
    first: float
    last: float
    low: float
    high: float

    @property
    def x_title(self) -> str:
        return f"t: {self.unit} since the last local maximum (log scale)"

    @property
    def x(self) -> alt.X:
        scale = alt.Scale(type="log", domain=[self.first, max(self.last, self.first * 10)], nice=False)
        powers = range(math.ceil(math.log10(self.first)), math.floor(math.log10(self.last)) + 1)
        axis = alt.Axis(values=[10**power for power in powers], format="~s")
        return alt.X("lag:Q", scale=scale, axis=axis, title=self.x_title)


def retainability(
    retention: pa.Table,
    decay: pa.Table,
    *,
    arms: Sequence[str] = ("duplicate", "paraphrase"),
    estimators: Sequence[str] = (PAPERS, SPLIT_HALF),
    fits: Mapping[str, str] = DEFAULT_FITS,
) -> Chart:
    """A row of panels for each estimator, a panel for each arm: R(t) of each depth with its fit R(1) - a log10 t.

    The fits' constants stand above each panel; a* = a / R(1). Values outside [-0.6, 1.6] are cut off.

    Raises:
        UserError: a column is missing, or all estimators are.
    """
    title = "How much of a gain is left, step by step"
    kept = _kept(retention, arms, name="retention")
    chosen(kept, estimators, name="retention")
    drawn = [row for row in kept if row["estimator"] in estimators]
    if not drawn:
        return theme.nothing(title, f"no retainability of the arms {listed(arms)} in this run.")
    constants = _constants(rows(decay, _DECAY_COLUMNS, name="decay"), fits)
    depths = in_order([row["depth"] for row in drawn], theme.DEPTH_COLOURS)
    there_arms = [arm for arm in arms if where(drawn, arm=arm)]
    there = [name for name in estimators if where(drawn, estimator=name)]
    legend = marks.legend("depth", theme.colour_scale(depths, theme.DEPTH_COLOURS))
    axes = _axes(drawn, "steps")
    panels = []
    for place, (estimator, arm) in enumerate((name, arm) for name in there for arm in there_arms):
        mine = where(drawn, arm=arm, estimator=estimator)
        layers = _panel(mine, axes, legend, "depth", place=place, columns=len(there_arms))
        fitted = {depth: constants[key] for depth in depths if (key := (arm, depth, estimator)) in constants}
        layers += [_fits(mine, fitted, legend)] if fitted else []
        above = alt.TitleParams(text=f"{arm}: {words(estimator)}", subtitle=_constant_lines(fitted))
        panels.append(alt.layer(*layers).properties(width=_WIDTH, height=230, title=above))
    missing = [arm for arm in arms if arm not in there_arms] + [words(name) for name in estimators if name not in there]
    return theme.finished(
        alt.concat(*panels, columns=len(there_arms), spacing={"row": 34, "column": 30}),
        title=title,
        notes=_fit_notes(there, fits, has_fits=bool(constants), missing=missing),
        width=len(there_arms) * (_WIDTH + 30),
        description=f"Line charts over the logarithm of up to {axes.last} steps for the arms {listed(there_arms)}: "
        f"retainability of {listed(depths)} probes by {listed([words(name) for name in there])}.",
    )


def retainability_across_runs(
    runs: Mapping[str, pa.Table],
    *,
    batch_tokens: Mapping[str, int] | None = None,
    arms: Sequence[str] = ("duplicate", "paraphrase"),
    estimators: Sequence[str] = (SPLIT_HALF, PAPERS),
    compared: str = "run",
) -> Chart:
    """A row of panels for each arm, a panel for each depth: R(t) of every run over log t.

    With `batch_tokens` (tokens in a step of each run) t is counted in tokens, else in steps: the comparison of batch
    sizes needs both. Every run is drawn by its first estimator of `estimators`.

    Raises:
        UserError: a run's table lacks a column, or all estimators.
    """
    title = f"How much of a gain is left, by {compared}"
    kept = {run: _kept(table, arms, name=f"retention of run {run}") for run, table in runs.items()}
    used, drawn = of_runs(kept, estimators, name="retention")
    if not drawn:
        return theme.nothing(title, f"no retainability of the arms {listed(arms)} in any run.")
    if batch_tokens:
        drawn = [row | {"lag": row["lag"] * batch_tokens[row["run"]]} for row in drawn]
    depths = in_order([row["depth"] for row in drawn], theme.DEPTH_COLOURS)
    there_arms = [arm for arm in arms if where(drawn, arm=arm)]
    legend = marks.legend("run", theme.colour_scale(list(used)), title=compared)
    axes = _axes(drawn, "tokens" if batch_tokens else "steps")
    panels = []
    for place, (arm, depth) in enumerate((arm, depth) for arm in there_arms for depth in depths):
        mine = where(drawn, arm=arm, depth=depth)
        layers = _panel(mine, axes, legend, "run", place=place, columns=len(depths))
        panels.append(alt.layer(*layers).properties(width=250, height=200, title=f"{arm}: {depth}"))
    by = theme.sentence(listed(in_order([words(estimator) for estimator in used.values()], ())))
    return theme.finished(
        alt.concat(*panels, columns=len(depths), spacing={"row": 34, "column": 30}),
        title=title,
        notes=[f"{by}; bands: 95 % intervals over facts. t is counted in {axes.unit}."],
        width=len(depths) * 280,
        description=f"Line charts over the logarithm of up to {axes.last} {axes.unit}: retainability of "
        f"{listed(depths)} probes in {listed(used)}, arms {listed(there_arms)}.",
    )


def _kept(retention: pa.Table, arms: Sequence[str], *, name: str) -> list[Row]:
    """Rows with a value at lag 1 or later (the logarithm of 0 has no place), without the pooled depths."""
    every = [row for row in rows(retention, _COLUMNS, name=name) if row["value"] is not None]
    return [row for row in every if row["arm"] in arms and row["depth"] != ALL_DEPTHS and row["lag"] >= 1]


def _axes(drawn: list[Row], unit: str) -> _Axes:
    low, high = span([row[key] for row in drawn for key in ("value", "low", "high")], include=[0.0, 1.0])
    lags = [row["lag"] for row in drawn]
    return _Axes(unit, min(lags), max(lags), max(low, _SHOWN[0]), min(high, _SHOWN[1]))


def _panel(
    drawn: list[Row], axes: _Axes, legend: marks.Legend, series: str, *, place: int, columns: int
) -> list[alt.Chart]:
    """Curves with bands, one for each value of the column `series`, and what follows the pointer."""
    title = _Y_TITLE if place % columns == 0 else None
    scale = alt.Scale(domain=[axes.low, axes.high], nice=False)
    y = alt.Y("value:Q", scale=scale, title=title, axis=alt.Axis(values=_TICKS, tickCount=len(_TICKS), format=".1f"))
    low = alt.Y("low:Q", title=title)
    bounded = [row for row in drawn if row["low"] is not None and row["high"] is not None]
    band = alt.Chart(inline(bounded)).mark_area(clip=True).encode(x=axes.x, y=low, y2="high:Q", color=legend.colour)
    line = alt.Chart(inline(drawn)).mark_line(clip=True).encode(x=axes.x, y=y, color=legend.colour)
    return [
        *legend.carried(place),
        marks.zero_line(),
        band.encode(opacity=legend.opacity(marks.BAND_OPACITY)),
        line.encode(opacity=legend.opacity()),
        _pointer(drawn, axes, series, place),
    ]


def _pointer(drawn: list[Row], axes: _Axes, series: str, place: int) -> alt.Chart:
    names = in_order([row[series] for row in drawn], theme.DEPTH_COLOURS)
    keys = {name: f"series{number}" for number, name in enumerate(names)}
    at: dict[float, Row] = {}
    for row in drawn:
        figures = marks.interval_words(row["value"], row["low"], row["high"])
        at.setdefault(row["lag"], {"lag": row["lag"]})[keys[row[series]]] = figures
    tooltip = [alt.Tooltip("lag:Q", title="t"), *(alt.Tooltip(f"{keys[name]}:N", title=name) for name in names)]
    return marks.pointer_columns([at[lag] for lag in sorted(at)], "lag", tooltip, title=axes.x_title, place=place)


def _constants(decay: list[Row], fits: Mapping[str, str]) -> dict[tuple[str, str, str], dict[str, float]]:
    """{(arm, depth, estimator): {a, r1, a_star}} of the fit that is drawn for the estimator, where it has a line."""
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in decay:
        if row["fit"] == fits.get(row["estimator"]) and row["value"] is not None:
            key = (row["arm"], row["depth"], row["estimator"])
            found.setdefault(key, {})[row["quantity"]] = row["value"]
    return {key: quantities for key, quantities in found.items() if {"a", "r1"} <= quantities.keys()}


def _fits(drawn: list[Row], fitted: Mapping[str, Mapping[str, float]], legend: marks.Legend) -> alt.Chart:
    """The lines R(1) - a log10 t of one panel, from t = 1 to the last lag that was measured."""
    ends = [
        {"depth": depth, "lag": lag, "value": fit["r1"] - fit["a"] * math.log10(lag)}
        for depth, fit in fitted.items()
        for lag in (1, max((row["lag"] for row in where(drawn, depth=depth)), default=1))
    ]
    lines = alt.Chart(inline(ends)).mark_line(strokeDash=marks.DASH, strokeWidth=1.5, clip=True)
    return lines.encode(x="lag:Q", y="value:Q", color=legend.colour, opacity=legend.opacity())


def _constant_lines(fitted: Mapping[str, Mapping[str, float]]) -> list[str]:
    lines = []
    for depth, fit in fitted.items():
        star = f", a* {fit['a_star']:.2f}" if "a_star" in fit else ""
        lines.append(f"{depth}: a {fit['a']:.2f}, R(1) {fit['r1']:.2f}{star}")
    return lines


def _fit_notes(estimators: list[str], fits: Mapping[str, str], *, has_fits: bool, missing: list[str]) -> list[str]:
    notes = ["Full lines: measured, with 95 % intervals over facts."]
    if has_fits:
        weights = [f"{words(name)}: {_WEIGHTS.get(fits[name], fits[name])}" for name in estimators if name in fits]
        notes += [
            "Dashed: the fit R(1) - a log10 t; a is the loss per tenfold time, a* = a / R(1).",
            f"Weights in the fit: {'; '.join(weights)}.",
        ]
    else:
        notes.append("This run has no fits.")
    return [*notes, f"Not in this run: {listed(missing)}."] if missing else notes
