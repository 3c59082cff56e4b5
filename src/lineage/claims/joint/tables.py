"""Tables of a slice for figures and for reading: rates of every model, gates, trade-off, curves, exposures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from lineage.claims.claim import NotMeasured
from lineage.claims.joint.curves import curve
from lineage.claims.joint.levels import ByLevel
from lineage.claims.joint.x1 import recall, seen
from lineage.claims.joint.x5 import hazard_known, told_apart
from lineage.claims.safety import measures
from lineage.claims.safety.gates import REPAIR_GATES
from lineage.claims.safety.s2 import step_of
from lineage.claims.safety.study import Study
from lineage.claims.safety.tasks import INSTRUCTIONS, OPEN, REQUESTS, SHOWN_REQUESTS, TYPOGRAPHIC, VISUAL
from lineage.evaluation.paired import Resampled
from lineage.evaluation.pareto import TradeOff, front, hypervolume
from lineage.evaluation.proportions import wilson
from lineage.evaluation.reference_curves import ANSWER, REFUSAL, TARGET

Row = dict[str, Any]
Measure = Callable[[Study, str], Resampled]

METRICS: Mapping[str, Measure] = {
    "attack success, text": measures.attack_success,
    "attack success, picture": partial(measures.attack_success, task=SHOWN_REQUESTS),
    "attack success, typographic": partial(measures.attack_success, task=TYPOGRAPHIC),
    "not refused, text": measures.not_refused,
    "not refused, picture": partial(measures.not_refused, task=SHOWN_REQUESTS),
    "not refused, typographic": partial(measures.not_refused, task=TYPOGRAPHIC),
    "over-refusal, full": partial(measures.over_refusal, full_only=True),
    "over-refusal, full or partial": measures.over_refusal,
    "over-refusal, picture": partial(measures.over_refusal, task=SHOWN_REQUESTS),
    "look-alikes answered": partial(measures.answered_right, task=REQUESTS, **measures.HELPFUL[REQUESTS]),
    "open requests answered": partial(measures.answered_right, task=OPEN),
    "instructions": partial(measures.answered_right, task=INSTRUCTIONS),
    "visual questions": partial(measures.answered_right, task=VISUAL),
    "facts": lambda study, model: seen(recall(study, model)),
    "helpfulness": measures.helpfulness,
    "incoherent": measures.incoherent,
    "V": measures.volume,
}
"""Rates of the table models x metrics, by name."""

COMPOSED = ("facts", "helpfulness", "V")
"""Means and products of several rates; the others are shares of items."""

ESTIMATES = pa.schema(
    [
        pa.field("model", pa.string(), nullable=False),
        pa.field("metric", pa.string(), nullable=False),
        *(pa.field(name, pa.float64()) for name in ("value", "low", "high")),
        pa.field("items", pa.int64()),
        pa.field("reason", pa.string()),
    ]
)
"""One row a model and metric; `reason` says why there is no value."""


def metrics(study: Study) -> pa.Table:
    """Every rate of every model that was measured, on test items."""
    rows = [
        {"model": model, "metric": name} | _estimate(partial(measure, study, model), is_share=name not in COMPOSED)
        for model in study.answers
        for name, measure in METRICS.items()
    ]
    return pa.Table.from_pylist(rows, schema=ESTIMATES)


def gates(study: Study) -> list[Row]:
    """Every gate with its figure, its bound and whether it holds."""
    found = []
    for one in REPAIR_GATES:
        row = _estimate(partial(one.figure, study), is_share=one.is_share, lowest=0.0 if one.is_share else -1.0)
        bound = f">= {one.gate.at_least:g}" if one.gate.at_least > 0 else f"<= {one.gate.at_most:g}"
        passes = row["value"] is not None and one.gate.passes(row["value"])
        found.append({"gate": one.name, "figure": one.gate.text, "bound": bound, **row, "holds": passes})
    return found


def _estimate(measure: Callable[[], Resampled], *, is_share: bool = True, lowest: float = 0.0) -> Row:
    """A rate of one model, or a figure of at least `lowest`. The interval of a share of items reaches at least as far
    as Wilson's: where all items are alike, no resample differs.
    """
    try:
        figure = measure()
    except NotMeasured as reason:
        return {"value": None, "low": None, "high": None, "items": None, "reason": reason.reason}
    low, high = figure.bounds or (figure.value, figure.value)
    if is_share:
        counted = wilson(round(figure.value * figure.items), figure.items)
        low, high = min(low, counted.low), max(high, counted.high)
    return {
        "value": figure.value,
        "low": max(lowest, low),
        "high": min(1.0, high),
        "items": figure.items,
        "reason": None,
    }


def trade_offs(study: Study) -> pa.Table:
    """Safety, helpfulness and compliance of every model that sees, and which of them no other dominates."""
    points: dict[str, TradeOff] = {}
    for model in study.answers:
        try:
            points[model] = measures.trade_off(study, model)
        except NotMeasured:
            continue
    best = front(points)
    rows = [
        {"model": model, **vars(point), "volume": point.volume, "on_front": model in best}
        for model, point in points.items()
    ]
    schema = pa.schema(
        [
            pa.field("model", pa.string()),
            *(pa.field(name, pa.float64()) for name in ("safety", "helpfulness", "compliance", "volume")),
            pa.field("on_front", pa.bool_()),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def front_volumes(study: Study) -> Row:
    """Volume that the models of each arm cover together: whole frontiers, to be shown and never compared."""
    found: Row = {}
    for arm, models in study.roles.arms.items():
        try:
            found[arm] = hypervolume([measures.trade_off(study, one) for one in models])
        except NotMeasured:
            found[arm] = None
    return found


SERIES = pa.schema(
    [
        pa.field("panel", pa.string(), nullable=False),
        pa.field("series", pa.string(), nullable=False),
        pa.field("x", pa.float64(), nullable=False),
        *(pa.field(name, pa.float64()) for name in ("value", "low", "high")),
    ]
)
"""What figures of lines are drawn from."""

_ALONG: Mapping[str, Measure] = {
    "attack success, text": measures.attack_success,
    "attack success, picture": partial(measures.attack_success, task=SHOWN_REQUESTS),
    "over-refusal": measures.over_refusal,
}


def trajectories(study: Study) -> pa.Table:
    """Attack success and over-refusal along adaptations, after Figure 2 of arXiv 2410.07571; step 0 is `chat`."""
    rows: list[Row] = []
    for part in ("seeing", "projector"):
        if getattr(study.roles, part) is None:
            continue
        steps = {study.roles.chat: 0} | {model: step_of(model) for model in study.along(part)}
        for model, step in steps.items():
            for name, measure in _ALONG.items():
                rows += _point(part, name, float(step), measure, study, model)
    return _series(rows)


_SWEPT = ("attack success, text", "over-refusal, full or partial", "visual questions", "facts", "V")


def sweep(study: Study) -> pa.Table:
    """What a linear merge trades off, by the weight of `seeing`; the ends are its parents."""
    weights = dict(study.roles.merge_weights)
    for parent in study.roles.merge_parents:
        weights[parent] = 1.0 if parent == study.roles.seeing else 0.0
    rows: list[Row] = []
    for model, weight in sorted(weights.items(), key=lambda item: item[1]):
        for name in _SWEPT:
            rows += _point("merge", name, weight, METRICS[name], study, model)
    return _series(rows)


def exposures(study: Study) -> pa.Table:
    """Refusals and hazards by how often pretraining stated the hazard, and recall of test facts, of the main models."""
    kinds: Mapping[str, Callable[[Study, str], ByLevel]] = {
        "harmful requests refused - look-alikes refused": told_apart,
        "hazards with p(reason) > .5": hazard_known,
        "test facts told": recall,
    }
    rows: list[Row] = []
    parts = ("chat", "seeing", "text_control", "sft", "merges")
    named = [getattr(study.roles, part) for part in parts]
    for model in [one[0] if isinstance(one, list) else one for one in named if one]:
        for panel, figures in kinds.items():
            rows += _levels(panel, model, figures, study)
    return _series(rows)


def _levels(panel: str, model: str, figures: Callable[[Study, str], ByLevel], study: Study) -> Iterator[Row]:
    try:
        found = figures(study, model)
    except NotMeasured:
        return
    for level, one in zip(found.levels.tolist(), found.figures, strict=True):
        low, high = one.bounds or (None, None)
        ends = {} if low is None or high is None else {"low": max(-1.0, low), "high": min(1.0, high)}
        yield {"panel": panel, "series": model, "x": level, "value": one.value, **ends}


def _point(panel: str, series: str, x: float, measure: Measure, study: Study, model: str) -> list[Row]:
    """One point of a line; none where it cannot be measured."""
    found = _estimate(partial(measure, study, model), is_share=series not in COMPOSED)
    if found["value"] is None:
        return []
    return [{"panel": panel, "series": series, "x": x, **{key: found[key] for key in ("value", "low", "high")}}]


def _series(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SERIES)


_FOLLOWED: Mapping[str, tuple[str, dict[str, Any]]] = {
    "refusals of harmful requests": (REFUSAL, {"harmful": True, "stratum": measures.UNSEEN_PAIR}),
    "forbidden answers": (ANSWER, {"harmful": True, "stratum": measures.UNSEEN_PAIR}),
    "answers to look-alikes": (ANSWER, {"harmful": False, "stratum": measures.UNSEEN_PAIR}),
    "facts asked in chats": (TARGET, {"kind": "fact"}),
    "facts of known exposure": (TARGET, {"kind": "test"}),
    "hazards": (TARGET, {"kind": "hazard"}),
}


def forgetting(study: Study) -> pa.Table:
    """Mean log-probability (nats) of what was followed through each adaptation, at every probed step."""
    rows: list[Row] = []
    for model in [one for one in study.roles.models if one in study.curves]:
        for series, (text, where) in _FOLLOWED.items():
            rows += _followed(study, model, series, text, where)
    return _series(rows)


def _followed(study: Study, model: str, series: str, text: str, where: dict[str, Any]) -> Iterator[Row]:
    try:
        found, examples = curve(study, model, text, **where)
    except NotMeasured:
        return
    for place, step in enumerate(found.steps.tolist()):
        one = study.figure(examples, np.asarray(found.values[:, place]))
        low, high = one.bounds or (None, None)
        yield {"panel": model, "series": series, "x": step, "value": one.value, "low": low, "high": high}
