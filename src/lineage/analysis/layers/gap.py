"""The gap between benign and harmful requests by layer, after "Safety Layers" (arXiv 2408.17003).

Pairs of requests are compared by the angle between their states in each layer. Two benign requests, or two harmful
ones, and one of each: where a model tells them apart, the last kind is less alike than the first.

    gap(l) = mean cosine of benign pairs - mean cosine of mixed pairs

Which requests make up pair k depends on seed, kind and k only, so that all models and layers compare the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineage.analysis.layers.schemas import GAP_ANGLE, GAP_COSINE, PAIRS
from lineage.errors import UserError
from lineage.evaluation.paired import Draws, Resampled

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BENIGN_BENIGN, HARMFUL_HARMFUL, BENIGN_HARMFUL = PAIRS


@dataclass(frozen=True)
class Pairs:
    """Requests that are compared, two at a time, by their numbers."""

    of: dict[str, Integers]
    """{kind: [pair, 2]}"""
    harmful: NDArray[np.bool_]
    """[request]"""

    def relabelled(self, order: Integers) -> Pairs:
        """The same pairs between other requests: request i takes the place of `order[i]`."""
        return Pairs({kind: order[pairs] for kind, pairs in self.of.items()}, self.harmful[order])


def draw_pairs(harmful: Sequence[bool], *, pairs: int, seed: int) -> Pairs:
    """So many pairs of each kind.

    Raises:
        UserError: fewer than two benign or two harmful requests.
    """
    labels = np.asarray(harmful, dtype=bool)
    sides = {"benign": np.flatnonzero(~labels), "harmful": np.flatnonzero(labels)}
    for name, members in sides.items():
        if len(members) < 2:
            raise UserError(f"the requests hold {len(members)} {name} ones: two or more are needed to compare them.")
    found = {}
    for number, kind in enumerate(PAIRS):
        first, second = (sides[name] for name in kind.split("_"))
        found[kind] = np.stack([_pair(first, second, seed, number, index) for index in range(pairs)])
    return Pairs(found, labels)


def _pair(first: Integers, second: Integers, seed: int, kind: int, index: int) -> Integers:
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, kind, index))))
    if first is second:
        return generator.choice(first, size=2, replace=False)
    return np.asarray([generator.choice(first), generator.choice(second)])


def similarity(states: Floats) -> Floats:
    """[layer, request, request] cosines between states [request, layer, hidden]."""
    wide = states.astype(np.float64).transpose(1, 0, 2)
    unit = wide / np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.clip(unit @ unit.transpose(0, 2, 1), -1.0, 1.0)


def gaps(cosines: Floats, pairs: Pairs) -> Floats:
    """[layer] gap in cosine."""
    benign, mixed = (cosines[:, *pairs.of[kind].T].mean(axis=1) for kind in (BENIGN_BENIGN, BENIGN_HARMFUL))
    return benign - mixed


def label_permutations(pairs: Pairs, *, permutations: int, seed: int) -> Iterator[Pairs]:
    """The pairs as they would be if labels said nothing: dealt anew among all requests."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, len(PAIRS)))))
    for _ in range(permutations):
        yield pairs.relabelled(generator.permutation(len(pairs.harmful)))


@dataclass(frozen=True)
class GapCurve:
    """What pairs say of each layer."""

    cosines: dict[str, list[Resampled]]
    """{kind of pair: [layer] mean cosine}"""
    angles: dict[str, list[Resampled]]
    """{kind of pair: [layer] mean angle in degrees}"""
    spreads: dict[str, tuple[Floats, Floats]]
    """{kind of pair: ([layer] standard deviation of the cosine, of the angle in degrees)}"""

    @property
    def gap_cosine(self) -> list[Resampled]:
        """[layer]"""
        sides = (self.cosines[kind] for kind in (BENIGN_BENIGN, BENIGN_HARMFUL))
        return [benign - mixed for benign, mixed in zip(*sides, strict=True)]

    @property
    def gap_angle(self) -> list[Resampled]:
        """[layer] in degrees."""
        sides = (self.angles[kind] for kind in (BENIGN_BENIGN, BENIGN_HARMFUL))
        return [mixed - benign for benign, mixed in zip(*sides, strict=True)]

    def rows(self) -> Iterator[tuple[int, str, float, float | None, float | None]]:
        """(layer, statistic, value, low, high)"""
        for kind in PAIRS:
            for name, figures in (("cosine", self.cosines[kind]), ("angle", self.angles[kind])):
                yield from _estimates(f"{name}_{kind}", figures)
            for name, spread in zip(("cosine", "angle"), self.spreads[kind], strict=True):
                yield from ((layer, f"{name}_{kind}_std", float(one), None, None) for layer, one in enumerate(spread))
        yield from _estimates(GAP_COSINE, self.gap_cosine)
        yield from _estimates(GAP_ANGLE, self.gap_angle)


def _estimates(
    statistic: str, figures: Sequence[Resampled]
) -> Iterator[tuple[int, str, float, float | None, float | None]]:
    for layer, one in enumerate(figures):
        low, high = one.bounds or (None, None)
        yield layer, statistic, one.value, low, high


def gap_curve(cosines: Floats, pairs: Pairs, draws: Draws) -> GapCurve:
    """Means over pairs, a pair counting as often as both of its requests were drawn; cosines [layer, request, request].

    `draws` are resamples of the requests.
    """
    means: dict[str, dict[str, list[Resampled]]] = {"cosine": {}, "angle": {}}
    spreads = {}
    for kind, members in pairs.of.items():
        first, second = members.T
        drawn = Draws(draws.weights[:, first] * draws.weights[:, second], draws.groups)
        found = cosines[:, first, second]
        angles = np.degrees(np.arccos(found))
        means["cosine"][kind] = [drawn.resampled(layer) for layer in found]
        means["angle"][kind] = [drawn.resampled(layer) for layer in angles]
        spreads[kind] = (found.std(axis=1), angles.std(axis=1))
    return GapCurve(means["cosine"], means["angle"], spreads)
