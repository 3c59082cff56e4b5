"""Rows of the tables of one analysis by layer, from what was measured of each model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lineage.analysis.layers.gap import GapCurve, Pairs, gap_curve, gaps, label_permutations, similarity
from lineage.analysis.layers.ranges import (
    RULES,
    Range,
    area,
    differences,
    magnitudes,
    null_shares,
    rank,
    safety_range,
)
from lineage.analysis.layers.refusing import Decided
from lineage.analysis.layers.schemas import (
    AREAS,
    GAP_COSINE_NULL,
    LOSSES,
    MARGIN,
    NUM_WINDOWS,
    OVER_CONTROLS,
    RANGE_NULL,
    RANK,
    RANK_P,
    RANK_SHARE,
    RANK_SHARE_NULL,
    REFUSAL_RATE,
    SEPARATION,
    SEPARATION_NULL,
)
from lineage.analysis.layers.separation import folds_of, null_separations, separation
from lineage.evaluation.items import Item
from lineage.evaluation.paired import Draws, Resampled

Row = dict[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """Which model was asked what, where."""

    model: str
    condition: str
    position: str

    @property
    def key(self) -> Row:
        """Columns of a row."""
        return {"model": self.model, "condition": self.condition, "position": self.position}


@dataclass(frozen=True)
class Measured:
    """Gap curve of one reading, with what permuted labels give."""

    reading: Reading
    pairs: GapCurve
    curves: dict[str, list[Resampled]]
    """{rule: [layer] the curve that it reads}"""
    nulls: dict[str, Floats]
    """{rule: [permutation, layer] the same curve where labels are permuted}"""

    def found(self, rule: str) -> Range | None:
        """What a rule finds."""
        return safety_range([one.value for one in self.curves[rule]], RULES[rule])

    def null_ranges(self, rule: str) -> list[Range | None]:
        """[permutation] what it finds where labels say nothing."""
        return [safety_range(one, RULES[rule]) for one in self.nulls[rule]]

    def rows(self) -> Iterator[Row]:
        """Rows of `curves.parquet`."""
        for layer, statistic, value, low, high in self.pairs.rows():
            yield {**self.reading.key, "layer": layer, **_figure(statistic, value, low, high)}
        for layer, one in enumerate(self.curves["separation"]):
            yield {**self.reading.key, "layer": layer, **_estimate(SEPARATION, one)}
        for name, null in ((GAP_COSINE_NULL, self.nulls["gap"]), (SEPARATION_NULL, self.nulls["separation"])):
            low, high = np.quantile(null, [0.025, 0.975], axis=0)
            for layer, mean in enumerate(null.mean(axis=0)):
                estimate = _figure(name, float(mean), float(low[layer]), float(high[layer]))
                yield {**self.reading.key, "layer": layer, **estimate}


def measure(
    reading: Reading, states: Tensor, items: Sequence[Item], pairs: Pairs, draws: Draws, *, permutations: int, seed: int
) -> Measured:
    """Both curves of states [request, depth, hidden]; the embedding (depth 0) is left out."""
    stream = states[:, 1:].double().numpy()
    cosines, folds = similarity(stream), folds_of(items)
    dealt = label_permutations(pairs, permutations=permutations, seed=seed)
    compared = gap_curve(cosines, pairs, draws)
    return Measured(
        reading,
        compared,
        curves={"gap": compared.gap_cosine, "separation": separation(stream, pairs.harmful, folds, draws)},
        nulls={
            "gap": np.asarray([gaps(cosines, one) for one in dealt]),
            "separation": null_separations(stream, pairs.harmful, folds, permutations=permutations, seed=seed),
        },
    )


def drift_rows(reading: Reading, states: Tensor, base: Tensor, draws: Draws) -> Iterator[Row]:
    """How far the state of each request has moved from the base model's, by layer; both [request, depth, hidden]."""
    mine, theirs = states[:, 1:].double(), base[:, 1:].double()
    norms = theirs.norm(dim=-1)
    found = {
        "drift_cosine": (mine * theirs).sum(dim=-1) / (mine.norm(dim=-1) * norms),
        "drift_distance": (mine - theirs).norm(dim=-1) / norms,
    }
    for statistic, values in found.items():
        for layer, column in enumerate(values.T.numpy()):
            yield {**reading.key, "layer": layer, **_estimate(statistic, draws.resampled(column))}


def base_range_rows(base: Measured, used: Range | None, rule: str) -> Iterator[Row]:
    """The range, and how often the rule finds one where labels say nothing."""
    share = np.mean([one is not None for one in base.null_ranges(rule)])
    yield {**base.reading.key, **_bounds(used), **_figure(RANGE_NULL, float(share))}


def range_rows(model: Measured, base: Measured, used: Range, rule: str) -> Iterator[Row]:
    """How much of the base's curve a model has lost, inside the range and outside, and how that ranks."""
    key = {**model.reading.key, **_bounds(used)}
    lost = differences(base.curves[rule], model.curves[rule])
    for names, curve in ((AREAS, magnitudes(lost)), (LOSSES, lost)):
        inside, outside = area(curve, used), area(curve, used, outside=True)
        difference = None if inside is None or outside is None else inside - outside
        for name, one in zip(names, (inside, outside, difference), strict=True):
            if one is not None:
                yield {**key, **_estimate(name, one)}
    moved = [one.value for one in magnitudes(lost)]
    place, count = rank(moved, used)
    yield {**key, **_figure(RANK, float(place))}
    yield {**key, **_figure(NUM_WINDOWS, float(count))}
    yield {**key, **_figure(RANK_SHARE, place / count)}
    null = null_shares(moved, base.null_ranges(rule))
    if null:
        low, high = np.quantile(null, [0.025, 0.975])
        yield {**key, **_figure(RANK_SHARE_NULL, float(np.mean(null)), float(low), float(high))}
        as_high = sum(one <= place / count for one in null)
        yield {**key, **_figure(RANK_P, (1 + as_high) / (1 + len(null)))}


@dataclass(frozen=True)
class Labelled:
    """Requests of which harmful and benign ones are told apart in tables."""

    harmful: NDArray[np.bool_]
    """[item]"""
    draws: Draws

    def resampled(self, values: Floats) -> Iterator[tuple[str, Resampled, int]]:
        """(label, mean over its items, number of them), then harmful less benign; items without a value are left
        out."""
        found: dict[str, tuple[Resampled, int]] = {}
        for label, chosen in (("harmful", self.harmful), ("benign", ~self.harmful)):
            there = chosen & np.isfinite(values)
            if there.any():
                drawn = Draws(self.draws.weights[:, there], self.draws.groups)
                found[label] = drawn.resampled(values[there]), int(there.sum())
        for label, (one, items) in found.items():
            yield label, one, items
        if len(found) == 2:
            (harmful, first), (benign, second) = found.values()
            yield "difference", harmful - benign, first + second


def scaling_rows(model: str, layers: Range | None, factor: float, decided: Decided, asked: Labelled) -> Iterator[Row]:
    """Refusals of a model some of whose layers are scaled."""
    for label, one, items in asked.resampled(decided.refused):
        key = {"model": model, "requests": label, **_bounds(layers), "factor": factor}
        yield {**key, **_estimate(REFUSAL_RATE, one), "items": items}


@dataclass(frozen=True)
class Intervention:
    """What was done to a model."""

    model: str
    donor: str
    mode: str
    layers: Range | None
    role: str
    """range | control | whole."""
    position: str

    @property
    def key(self) -> Row:
        """Columns of a row."""
        return {
            "model": self.model,
            "donor": self.donor,
            "intervention": self.mode,
            **_bounds(self.layers),
            "role": self.role,
            "position": self.position,
        }


def intervention_rows(done: Mapping[Intervention, Decided], asked: Labelled) -> Iterator[Row]:
    """Every intervention, and the range against the mean of its controls that share no layer with it, item by item."""
    for one, decided in done.items():
        yield from _decided_rows(one, decided.refused, decided.margin, asked, ending="")
    for one, decided in done.items():
        if one.role != "range" or one.layers is None:
            continue
        controls = [
            other
            for which, other in done.items()
            if (which.role, which.mode, which.position) == ("control", one.mode, one.position)
            and which.layers is not None
            and (which.layers.stop <= one.layers.first or one.layers.stop <= which.layers.first)
        ]
        if controls:
            refused = decided.refused - np.mean([other.refused for other in controls], axis=0)
            margin = decided.margin - np.mean([other.margin for other in controls], axis=0)
            yield from _decided_rows(one, refused, margin, asked, ending=OVER_CONTROLS)


def _decided_rows(one: Intervention, refused: Floats, margin: Floats, asked: Labelled, *, ending: str) -> Iterator[Row]:
    for statistic, values in ((REFUSAL_RATE, refused), (MARGIN, margin)):
        for label, figure, items in asked.resampled(values):
            yield {**one.key, "requests": label, **_estimate(statistic + ending, figure), "items": items}


def _bounds(layers: Range | None) -> Row:
    return {"first": None, "stop": None} if layers is None else {"first": layers.first, "stop": layers.stop}


def _estimate(statistic: str, one: Resampled) -> Row:
    low, high = one.bounds or (None, None)
    return _figure(statistic, one.value, low, high)


def _figure(statistic: str, value: float, low: float | None = None, high: float | None = None) -> Row:
    return {"statistic": statistic, "value": value, "low": low, "high": high}
