"""Tables that join a slice's measurements with what was forecast, for figures and for reading."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lineage.analysis.names import ALL_DEPTHS
from lineage.claims.claim import NotMeasured
from lineage.claims.knowledge.k7 import first_jump, predicted_tau
from lineage.claims.knowledge.k9 import curve_estimator
from lineage.claims.knowledge.study import Floats, Recall, Run, Study

Row = dict[str, Any]
_NUMBERS = ("value", "low", "high", "predicted", "forecast", "outcome", "chance", "exposures", "at", "interval")

SWEEP = ("depth", "arm", "interval", "value", "low", "high", "predicted")
LONG_TAIL = ("model", "exposures", "value", "low", "high", "chance", "forecast")
FORECASTS = (
    "target", "quantity", "run", "arm", "depth", "at", "forecast", "naive_no_forgetting", "naive_last_only", "outcome",
    "low", "high",
)  # fmt: skip
_TIMES_DRAWN = 24
"""Points of a gain curve in the table of forecasts and outcomes: evenly over its probed times."""


def sweep(study: Study) -> pa.Table:
    """Gain before the last encounter as a share of the first jump, by interval and depth, beside its forecast.

    A share of a jump that is not surely above 0 is left empty.
    """
    rows: list[Row] = []
    run = study.runs.get(study.comparisons.intervals or "")
    cells = run.tables["accumulation"].to_pylist() if run else []
    last = {cell["arm"]: max(one["encounter"] for one in cells if one["arm"] == cell["arm"]) for cell in cells}
    for cell in cells:
        if run and cell["encounter"] == last[cell["arm"]] and cell["arm"] in run.arms and cell["share"] is not None:
            jumped = _jumped(run, cell)
            key = {"target": "accumulation", "run": run.name, "arm": cell["arm"], "depth": cell["depth"]}
            predicted = [one["value"] for one in _predicted(study, **key) if one["at"] == cell["encounter"]]
            rows.append(
                {
                    "depth": cell["depth"],
                    "arm": cell["arm"],
                    "interval": cell["interval"],
                    "value": cell["share"] if jumped else None,
                    "low": cell["share_low"] if jumped else None,
                    "high": cell["share_high"] if jumped else None,
                    "predicted": predicted[0] if predicted else None,
                }
            )
    return _table(rows, SWEEP)


def _jumped(run: Run, cell: Row) -> bool:
    """Whether the first jump, of which the gain is a share, is surely above 0."""
    try:
        return first_jump(run, cell["arm"], cell["depth"]) > 0
    except NotMeasured:
        return False


def expected_thresholds(study: Study) -> dict[str, float]:
    """tau of facts met once, in steps, if anything knows it."""
    run = study.runs.get(study.comparisons.intervals or "")
    try:
        tau = predicted_tau(study, run) if run else math.inf
    except NotMeasured:
        return {}
    return {"tau of the arm once": tau} if math.isfinite(tau) else {}


def long_tail(study: Study) -> pa.Table:
    """Recall, and the probability of the target, which was forecast, at each designed exposure level."""
    rows: list[Row] = []
    for name in study.comparisons.models:
        recall = study.recalls.get(name)
        if recall is None:
            continue
        forecasts = {row["at"]: row["value"] for row in _predicted(study, target="recall", run=name)}
        for words, outcome in (("recall", recall.correct), ("probability", recall.probability)):
            for level, value, low, high in _by_level(study, recall, outcome):
                chance = float(recall.chance[recall.level == level].mean())
                told = forecasts.get(float(level)) if words == "probability" else None
                row = {"model": f"{name}, {words}", "exposures": level, "value": value, "low": low, "high": high}
                rows.append(row | {"chance": chance, "forecast": told})
    return _table(rows, LONG_TAIL)


def forecasts(study: Study) -> pa.Table:
    """Every kind of forecast beside its outcome: gains, accumulation, probability by exposure.

    Of runs whose gains are measured as the calibration's are.
    """
    return _table([*_gains(study), *_accumulation(study), *_recall(study)], FORECASTS)


def _foretold(study: Study) -> Iterator[Run]:
    for run in study.runs.values():
        try:
            study.foretold(run)
        except NotMeasured:
            continue
        yield run


def _gains(study: Study) -> Iterator[Row]:
    for run in _foretold(study):
        for arm in run.arms:
            for depth in dict.fromkeys(run.select("curves", arm=arm).column("depth").to_pylist()):
                predicted = _predicted(study, target="gain", run=run.name, arm=arm, depth=depth)
                estimator = curve_estimator(run, arm, depth)
                curve = run.select("curves", arm=arm, depth=depth, estimator=estimator).to_pylist()
                measured = {row["time"]: row for row in curve}
                both = [row for row in predicted if row["at"] > 0 and int(row["at"]) in measured]
                if depth == ALL_DEPTHS:
                    continue
                for row in both[:: max(1, len(both) // _TIMES_DRAWN)]:
                    found = measured[int(row["at"])]
                    yield _beside(row, found["mean"], found["low"], found["high"])


def _accumulation(study: Study) -> Iterator[Row]:
    for run in _foretold(study):
        for cell in run.tables["accumulation"].to_pylist():
            if not _jumped(run, cell):
                continue
            key = {"target": "accumulation", "run": run.name, "arm": cell["arm"], "depth": cell["depth"]}
            for row in _predicted(study, **key):
                if row["at"] == cell["encounter"] and cell["depth"] != ALL_DEPTHS:
                    yield _beside(row, cell["share"], cell["share_low"], cell["share_high"])


def _recall(study: Study) -> Iterator[Row]:
    for name in study.comparisons.models:
        recall = study.recalls.get(name)
        predicted = {row["at"]: row for row in _predicted(study, target="recall", run=name)}
        for level, value, low, high in _by_level(study, recall, recall.probability) if recall and predicted else ():
            if float(level) in predicted:
                yield _beside(predicted[float(level)], value, low, high)


def _beside(row: Row, outcome: float | None, low: float | None, high: float | None) -> Row:
    """A row of the forecast, with what was measured."""
    place = row["at"]
    label = " ".join(part for part in (row["run"], row["arm"], row["depth"]) if part)
    kept = {name: row[name] for name in FORECASTS if name in row}
    words = {"target": f"{label}, at {place:g}", "quantity": row["quantity"], "forecast": row["value"]}
    return kept | words | {"outcome": outcome, "low": low, "high": high}


def _by_level(study: Study, recall: Recall, values: Floats) -> Iterator[tuple[int, float, float | None, float | None]]:
    for level in sorted(set(recall.level.tolist())):
        chosen = recall.level == level
        subjects = [name for name, one in zip(recall.subjects, chosen, strict=True) if one]
        times = study.subject_draws(subjects).astype(np.float64)
        means = times @ values[chosen] / times.sum(axis=1)
        low, high = np.quantile(means, [0.025, 0.975]) if len(set(subjects)) > 1 else (None, None)
        yield level, float(values[chosen].mean()), _number(low), _number(high)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _predicted(study: Study, **equal: Any) -> list[Row]:
    try:
        return study.predicted(**equal).to_pylist()
    except NotMeasured:
        return []


def _table(rows: Sequence[Row], columns: Sequence[str]) -> pa.Table:
    numeric = {*_NUMBERS, "naive_no_forgetting", "naive_last_only"}
    kinds = {name: pa.float64() if name in numeric else pa.string() for name in columns}
    schema = pa.schema([pa.field(name, kind) for name, kind in kinds.items()])
    return pa.Table.from_pylist([{name: _cast(row.get(name), kinds[name]) for name in columns} for row in rows], schema)


def _cast(value: Any, kind: pa.DataType) -> Any:
    return float(value) if value is not None and kind == pa.float64() else value
