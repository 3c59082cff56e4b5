"""Rows of `modules.parquet`: every statistic of every task vector and pair of them, by tensor, layer and model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from lineage.analysis.weights.measures import Z95, Floats, Tally, stable_rank, tally
from lineage.analysis.weights.schemas import (
    ALL,
    CHANCE,
    COSINE,
    COSINE_PERMUTED,
    COSINE_RANDOM,
    COSINE_TO_START,
    LAYERS,
    NORM,
    RELATIVE_CHANGE,
    SHARES,
    STABLE_RANK,
    overlap,
    sign_conflict,
)
from lineage.analysis.weights.vectors import TensorDeltas
from lineage.merging.names import LANGUAGE, layer_of

Row = dict[str, Any]


class Place(NamedTuple):
    """Where in the model a statistic is taken."""

    layer: int | None
    module: str


def place_of(canonical: str) -> Place:
    """Layer and module of a tensor.

    >>> place_of("lm.layers.3.self_attn.q_proj.weight")
    Place(layer=3, module='self_attn.q_proj')
    >>> place_of("lm.embed_tokens.weight")
    Place(layer=None, module='embed_tokens')
    """
    layer = layer_of(canonical)
    name = canonical.removeprefix(LANGUAGE if layer is None else f"{LANGUAGE}layers.{layer}.")
    return Place(layer, name.removesuffix(".weight"))


def module_rows(names: Sequence[str], tensors: Iterable[TensorDeltas]) -> list[Row]:
    """All rows; `names` are those of the vectors, in the order of the rows of each tensor."""
    sums: dict[Place, Tally] = {}
    ranks: dict[Place, list[float | None]] = {}
    for one in tensors:
        place = place_of(one.name)
        found = tally(one.taus, one.starts)
        for where in _places(place):
            sums[where] = sums[where] + found if where in sums else found
        if len(one.shape) == 2:
            ranks[place] = [stable_rank(tau.view(one.shape)) for tau in one.taus]
    ordered = sorted(sums, key=lambda place: (place.layer is None, place.layer or 0, place.module in (ALL, LAYERS)))
    return [
        {**_key(names, first, second), "layer": place.layer, "module": place.module, **row}
        for place in ordered
        for first, second, row in _statistics(sums[place], ranks.get(place))
    ]


def _places(place: Place) -> list[Place]:
    """The tensor itself, and the sums that it is part of."""
    inside = [Place(place.layer, ALL), Place(None, LAYERS)] if place.layer is not None else []
    return [place, *inside, Place(None, ALL)]


def _key(names: Sequence[str], first: int, second: int | None) -> Row:
    return {"vector": names[first], "other": None if second is None else names[second]}


def _statistics(sums: Tally, ranks: list[float | None] | None) -> Iterator[tuple[int, int | None, Row]]:
    """(vector, other vector or None, row)"""
    count = len(sums.starts)
    for one in range(count):
        for statistic, value in _of_one(sums, one).items():
            yield one, None, _row(statistic, value)
        if ranks is not None:
            yield one, None, _row(STABLE_RANK, ranks[one])
    for first in range(count):
        for second in range(first + 1, count):
            for row in [*_cosines(sums, first, second), *_largest(sums, first, second)]:
                yield first, second, row


def _of_one(sums: Tally, one: int) -> dict[str, float | None]:
    tau, start, along = sums.dots[one, one], sums.starts[one], sums.along[one]
    return {
        NORM: math.sqrt(tau),
        RELATIVE_CHANGE: _ratio(math.sqrt(tau), math.sqrt(start)),
        COSINE_TO_START: _ratio(start + along, math.sqrt(start) * math.sqrt(max(start + 2 * along + tau, 0.0))),
    }


def _cosines(sums: Tally, first: int, second: int) -> Iterator[Row]:
    norms = math.sqrt(sums.dots[first, first] * sums.dots[second, second])
    yield _row(COSINE, _ratio(sums.dots[first, second], norms))
    mean, variance = sums.permuted_mean[first, second], sums.permuted_variance[first, second]
    yield _row(COSINE_PERMUTED, _ratio(mean, norms), _ratio(Z95 * math.sqrt(variance), norms))
    spread = Z95 * math.sqrt(sums.random_variance[first, second])
    yield _row(COSINE_RANDOM, 0.0 if norms else None, _ratio(spread, norms))


def _largest(sums: Tally, first: int, second: int) -> Iterator[Row]:
    for number, share in enumerate(SHARES):

        def of(table: Floats, number: int = number) -> float:
            return float(table[number, first, second])

        asked = float(sums.asked[number])
        yield _row(overlap(share), of(sums.both) / asked)
        yield _row(overlap(share) + CHANCE, of(sums.both_mean) / asked, Z95 * math.sqrt(of(sums.both_variance)) / asked)
        signed = of(sums.signed)
        yield _row(sign_conflict(share), _ratio(of(sums.opposite), signed))
        chance = Z95 * 0.5 / math.sqrt(signed) if signed else None
        yield _row(sign_conflict(share) + CHANCE, 0.5 if signed else None, chance)


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _row(statistic: str, value: float | None, half_width: float | None = None) -> Row:
    """A statistic; `half_width` of its 95 %, where it has any."""
    found: Row = {"statistic": statistic, "value": value, "low": None, "high": None}
    if value is not None and half_width is not None:
        found |= {"low": value - half_width, "high": value + half_width}
    return found
