"""Cluster bootstrap over facts: the probes and depths of a fact move together.

Everything is redone in each resample: the choice of the maximum, the split and the fit. A resample is a vector of
counts (how often each fact was drawn); row 0 of every array over resamples is the sample itself, each fact once.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from lineage.analysis.trajectories import Floats, Integers

LEVEL = 0.95


@dataclass(frozen=True)
class Resamples:
    """How the facts of one arm were drawn and split, the sample itself first."""

    drawn: Integers
    """[resample, draw] indices of facts."""
    counts: Integers
    """[resample, fact]"""
    first: NDArray[np.bool_]
    """[resample, split, fact] whether a fact is in the first half; all copies of a fact are."""

    @property
    def num_facts(self) -> int:
        """Facts of the sample."""
        return self.counts.shape[1]

    def chunks(self, rows: int) -> Iterator[Resamples]:
        """The same in pieces of `rows` resamples."""
        for start in range(0, len(self.drawn), rows):
            piece = slice(start, start + rows)
            yield Resamples(self.drawn[piece], self.counts[piece], self.first[piece])


def resample(num_facts: int, *, samples: int, splits: int, seed: int, arm: str) -> Resamples:
    """The sample, then `samples` resamples of facts with replacement, each with `splits` random halves of its facts.

    A function of the number of facts, seed and arm only: runs that inject the same facts draw the same.
    """
    generator = _generator(seed, f"facts of {arm}")
    drawn = np.concatenate([np.arange(num_facts)[None], generator.integers(0, num_facts, size=(samples, num_facts))])
    counts = np.zeros((samples + 1, num_facts), dtype=np.int64)
    np.add.at(counts, (np.arange(samples + 1)[:, None], drawn), 1)
    return Resamples(drawn, counts, _halves(counts, splits, _generator(seed, f"halves of {arm}")))


def _halves(counts: Integers, splits: int, generator: np.random.Generator) -> NDArray[np.bool_]:
    """[resample, split, fact]: half of the distinct facts that were drawn (the smaller half if their number is odd)."""
    keys = generator.random((len(counts), splits, counts.shape[1]))
    keys[np.broadcast_to((counts == 0)[:, None], keys.shape)] = 2.0
    rank = keys.argsort(axis=-1).argsort(axis=-1)
    half = np.count_nonzero(counts, axis=-1) // 2
    return rank < half[:, None, None]


def _generator(seed: int, purpose: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, zlib.crc32(purpose.encode())))))


@dataclass(frozen=True)
class Estimate:
    """A figure, or an array of figures, with its bootstrap draws. NaN: undefined; inf: beyond the data."""

    rows: Floats
    """[resample, ...], the sample itself first."""
    clusters: int
    """Facts that were drawn."""
    kept: Integers | None = None
    """Values behind the figure after filtering, of `total`."""
    total: Integers | None = None
    limits: tuple[float, float] = (-math.inf, math.inf)
    """What the figure can be; its interval ends there."""

    @property
    def value(self) -> Floats:
        """Of the sample itself."""
        return self.rows[0]

    @property
    def draws(self) -> Floats:
        """[resample, ...]"""
        return self.rows[1:]

    def __getitem__(self, index: int) -> Estimate:
        kept, total = (None if one is None else one[index] for one in (self.kept, self.total))
        return Estimate(self.rows[:, index], self.clusters, kept, total, self.limits)

    def __sub__(self, other: Estimate) -> Estimate:
        """Difference draw by draw: paired where both come from the same facts, independent where they do not."""
        with np.errstate(invalid="ignore"):
            return Estimate(self.rows - other.rows, min(self.clusters, other.clusters), self.kept, self.total)

    def __truediv__(self, other: Estimate) -> Estimate:
        with np.errstate(invalid="ignore", divide="ignore"):
            return Estimate(self.rows / other.rows, min(self.clusters, other.clusters))

    def interval(self) -> tuple[Floats, Floats]:
        """See `interval`; cut at the limits."""
        low, high = interval(self.value, self.draws, clusters=self.clusters)
        return np.clip(low, *self.limits), np.clip(high, *self.limits)


def weighted_mean(estimates: list[Estimate], weights: list[int]) -> Estimate:
    """Mean of estimates of different arms, draw by draw."""
    share = np.asarray(weights, dtype=np.float64) / sum(weights)
    rows = sum(one.rows * weight for one, weight in zip(estimates, share, strict=True))
    return Estimate(np.asarray(rows), sum(one.clusters for one in estimates))


def interval(value: Floats, draws: Floats, *, clusters: int) -> tuple[Floats, Floats]:
    """(low, high) at 95 %, shaped like `value`, from draws [resample, ...]; NaN where there is no value or no draw.

    value + stretch (quantile of the draws - their mean). A resample holds fewer distinct facts than the sample, so the
    halves find the peak less surely and draws of E lie below the value, sometimes all of them: their spread counts, not
    their place. stretch = t(clusters - 1) / z * sqrt(clusters / (clusters - 1)) makes up for few facts (the expanded
    percentile interval of Hesterberg 2015, section 3.4). Where a draw is infinite, the quantiles are taken as they are,
    outwards to the next draw.
    """
    tail = (1 - LEVEL) / 2
    ordered = np.sort(draws, axis=0)  # NaN last
    present = np.count_nonzero(~np.isnan(ordered), axis=0)
    last = np.maximum(present - 1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(np.isnan(ordered), 0.0, ordered).sum(axis=0) / present
        ends = []
        for share, outward in ((tail, np.floor), (1 - tail, np.ceil)):
            position = share * last
            below, above = (_at(ordered, side(position)) for side in (np.floor, np.ceil))
            between = below + (position - np.floor(position)) * (above - below)
            finite = value + _stretch(clusters) * (between - mean)
            beyond = np.isinf(value) | np.isinf(ordered).any(axis=0)
            ends.append(np.where(beyond, _at(ordered, outward(position)), finite))
    low, high = ends
    undefined = np.isnan(value)
    return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)


def _at(ordered: Floats, position: Floats) -> Floats:
    return np.take_along_axis(ordered, position.astype(np.int64)[None], axis=0)[0]


def _stretch(clusters: int) -> float:
    """How much wider than a quantile of the draws an interval over so few clusters has to be."""
    assert clusters > 1
    end = (1 + LEVEL) / 2
    return float(stdtrit(clusters - 1, end) / ndtri(end)) * math.sqrt(clusters / (clusters - 1))
