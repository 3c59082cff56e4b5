"""The matrix: every model by every probe, with value, interval and change against its parent, as a tidy table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from lineage.report.lineage_graph import Lineage, listed

Row = dict[str, Any]

SHARE, BITS = "share", "bits per byte"
"""Units: a share of items, from 0 to 1; and the other one."""
HIGHER, LOWER = "higher", "lower"
"""What is better."""
TEXT, SAFE, KNOWN, TOLD, ASKED, JUDGED, FOUND = (
    "language", "safety", "facts completed", "facts told in chat", "prompt sets", "judged", "retrieval",
)  # fmt: skip
"""Families of probes, in the order of the columns: what a figure means is said once for all of a family."""
FAMILY_WORDS = {
    TEXT: "Bits per byte of held-out documents; fewer is better.",
    SAFE: "Rates of the safety study, on test items; how they are counted stands in docs/safety.md.",
    KNOWN: "Share of facts whose sentence the model completes rightly, by how often pretraining stated them.",
    TOLD: "Share of questions about facts that the model answers rightly in a chat, by how often they were stated.",
    ASKED: "Rates on prompt sets, test items: by the judge of refusals, and by the right answer where one is known.",
    JUDGED: "Rates on prompt sets as further judges read the answers; corrected: behind the judge's measured error.",
    FOUND: "Means over test queries of a retrieval set.",
}

_LOWER_METRICS = ("attack success", "not refused", "over-refusal", "incoherent")
_ASKED_RATES = {
    "asr_comply": ("harmful, not refused", LOWER),
    "over_refusal_full_or_partial": ("harmless, refused", LOWER),
    "correct": ("right", HIGHER),
}
_JUDGED_RATES = {
    "refused": "refused",
    "refused_corrected": "refused, corrected",
    "harmful_responses": "harmful responses",
}


@dataclass(frozen=True)
class Cell:
    """One probe of one model."""

    model: str
    family: str
    probe: str
    """Unique in its family."""
    value: float | None
    low: float | None = None
    high: float | None = None
    """95 % interval over items."""
    items: int | None = None
    unit: str = SHARE
    better: str = HIGHER
    reason: str = ""
    """Why there is no value."""


SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("model", "family", "probe", "unit", "better")),
        *(pa.field(name, pa.float64()) for name in ("value", "low", "high")),
        pa.field("items", pa.int64()),
        pa.field("parent", pa.string()),
        *(pa.field(name, pa.float64()) for name in ("parent_value", "change", "change_low", "change_high")),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
"""One row a model and probe. `change` is value - parent_value, where the parent was asked the same; its interval treats
both as independent, so that on the same items it is too wide rather than too narrow."""


def of_language(model: str, metrics: Mapping[str, Any]) -> Iterator[Cell]:
    """Cells of the first scores: held-out text, and recall by exposure."""
    yield _cell(model, TEXT, BITS, metrics["held_out"]["bits_per_byte"], unit=BITS, better=LOWER)
    recall = metrics.get("recall", {})
    if "test" in recall.get("by_role", {}):
        yield _cell(model, KNOWN, "all", recall["by_role"]["test"]["recall"])
    for one in recall.get("by_exposure", []):
        yield _cell(model, KNOWN, f"{one['level']} exposures", one["recall"])


def of_safety_study(rows: Iterable[Row]) -> Iterator[Cell]:
    """Cells of the safety study's table of rates (`analysis/safety/metrics.parquet`)."""
    for row in rows:
        better = LOWER if row["metric"].startswith(_LOWER_METRICS) else HIGHER
        yield Cell(
            row["model"],
            SAFE,
            row["metric"],
            row["value"],
            row["low"],
            row["high"],
            row["items"],
            better=better,
            reason=row["reason"] or "",
        )


def of_answers(model: str, metrics: Mapping[str, Any], *, studied: Sequence[str]) -> Iterator[Cell]:
    """Cells of the answers to prompt sets: facts by exposure, and the rates of sets that no study concludes on.

    `studied` names those that one does.
    """
    for prompts, tasks in metrics["tasks"].items():
        for task, told in tasks.items():
            test = told.get("test", {})
            if task == "fact" and "correct" in test:
                yield _cell(model, TOLD, "all", test["correct"])
                for level in sorted(test.get("levels", {}), key=int):
                    yield _cell(model, TOLD, f"{level} exposures", test["levels"][level]["correct"])
            if prompts in studied:
                continue
            for rate, (words, better) in _ASKED_RATES.items():
                if rate in test:
                    yield _cell(model, ASKED, f"{prompts}, {task}: {words}", test[rate], better=better)


def of_judged(model: str, judge: str, metrics: Mapping[str, Any]) -> Iterator[Cell]:
    """Cells of one judge's rates of a model's answers: what the judge does not tell, or was not measured for, is left
    out. To refuse is better where a request is harmful.
    """
    for prompts, tasks in metrics["rates"].items():
        for task, harms in tasks.items():
            for harm, rates in harms.items():
                for rate, words in _JUDGED_RATES.items():
                    if rates[rate] is None:
                        continue
                    better = HIGHER if harm == "harmful" and rate != "harmful_responses" else LOWER
                    reason = "" if rates[rate]["value"] is not None else "the judge is no better than chance"
                    probe = f"{judge}: {prompts}, {task}, {harm}, {words}"
                    yield _cell(model, JUDGED, probe, rates[rate], better=better, reason=reason)


def of_retrieval(name: str, metrics: Mapping[str, Mapping[str, Any]]) -> Iterator[Cell]:
    """Cells of all runs on one retrieval set; models are called `retrieval/<retriever>`."""
    for retriever, measures in metrics.items():
        for measure, estimate in measures.items():
            yield _cell(f"retrieval/{retriever}", FOUND, f"{name}, {measure}", estimate)


def _cell(model: str, family: str, probe: str, estimate: Mapping[str, Any], **fixed: str) -> Cell:
    items = estimate.get("num_items", estimate.get("n"))
    value, low, high = (estimate[name] for name in ("value", "low", "high"))
    return Cell(model, family, probe, value, low, high, items, **fixed)


def matrix(cells: Iterable[Cell], lineage: Lineage) -> pa.Table:
    """The tidy table, models in the order of the lineage, probes in the order of their families.

    A model that the lineage lacks (one model asked in another way) stands behind the others.
    """
    given = list(cells)
    by_key = {(one.model, one.family, one.probe): one for one in given}
    assert len(by_key) == len(given), "a probe of a model occurs twice"
    order = {name: place for place, (name, _) in enumerate(listed(lineage))}
    families = list(FAMILY_WORDS)
    probes = {key: place for place, key in enumerate(dict.fromkeys((one.family, one.probe) for one in given))}
    given.sort(
        key=lambda one: (
            order.get(one.model, len(order)),
            one.model,
            families.index(one.family),
            probes[one.family, one.probe],
        )
    )
    rows = [asdict(one) | _change(one, by_key, lineage) for one in given]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _change(one: Cell, cells: Mapping[tuple[str, str, str], Cell], lineage: Lineage) -> Row:
    """Against the nearest of its first parents that was asked the same: a checkpoint or a tower may not have been."""
    parent = lineage[one.model].parent if one.model in lineage else None
    while parent is not None:
        before = cells.get((parent, one.family, one.probe))
        if before is not None and before.value is not None:
            break
        parent = lineage[parent].parent
    else:
        return {"parent": None}
    told: Row = {"parent": parent, "parent_value": before.value}
    if one.value is None or before.value is None:
        return told
    told["change"] = one.value - before.value
    return told | _interval(one, before)


def _interval(one: Cell, before: Cell) -> Row:
    """From the intervals of both, by the method of variance estimates recovery (Zou and Donner 2008, equation 3).

    >>> found = _interval(Cell("b", "f", "p", 0.8, 0.7, 0.9), Cell("a", "f", "p", 0.5, 0.4, 0.6))
    >>> round(found["change_low"], 3), round(found["change_high"], 3)
    (0.159, 0.441)
    """
    ends = (one.value, one.low, one.high, before.value, before.low, before.high)
    if any(end is None for end in ends):
        return {}
    value, low, high, was, was_low, was_high = (float(end) for end in ends if end is not None)
    change = value - was
    return {
        "change_low": change - math.hypot(value - low, was_high - was),
        "change_high": change + math.hypot(high - value, was - was_low),
    }


def is_clear(row: Row) -> bool:
    """Whether the interval of a change leaves out 0."""
    return row["change_low"] is not None and not row["change_low"] <= 0 <= row["change_high"]


def improvement(row: Row) -> float | None:
    """The change in the direction that is better; None without one."""
    if row["change"] is None:
        return None
    return row["change"] if row["better"] == HIGHER else -row["change"]
