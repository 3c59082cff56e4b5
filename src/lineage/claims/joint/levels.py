"""Figures by how often pretraining showed the fact that an answer hangs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lineage.claims.claim import NotMeasured
from lineage.claims.safety.study import Study
from lineage.evaluation.examples import Example
from lineage.evaluation.paired import Floats, Resampled


@dataclass(frozen=True)
class ByLevel:
    """One figure an exposure level."""

    levels: Floats
    """Rising; times the documents state the fact."""
    figures: Sequence[Resampled]

    def __sub__(self, other: ByLevel) -> ByLevel:
        assert self.levels.tolist() == other.levels.tolist(), "the same levels"
        return ByLevel(self.levels, [one - two for one, two in zip(self.figures, other.figures, strict=True)])

    @property
    def slope(self) -> Resampled:
        """Least-squares rise a doubling: on log2(1 + level).

        Raises:
            NotMeasured: one level.
        """
        if len(self.levels) < 2:
            raise NotMeasured("one exposure level only: no slope", float(len(self.levels)))
        x = np.log2(1 + self.levels)
        centred = x - x.mean()
        return _total(self.figures, centred / (centred @ centred))

    def mean(self, keep: Callable[[float], bool]) -> Resampled:
        """Mean over the levels that are kept, each with the same weight.

        Raises:
            NotMeasured: none is.
        """
        kept = [one for level, one in zip(self.levels.tolist(), self.figures, strict=True) if keep(level)]
        if not kept:
            raise NotMeasured("no item of such an exposure level")
        return _total(kept, np.full(len(kept), 1 / len(kept)))


def _total(figures: Sequence[Resampled], weights: Floats) -> Resampled:
    first, *others = [one * float(weight) for one, weight in zip(figures, weights, strict=True)]
    return sum(others, start=first)


def by_level(study: Study, examples: Sequence[Example], values: Sequence[float] | Floats) -> ByLevel:
    """Mean of one value an example at each level; all levels are resampled together.

    Raises:
        NotMeasured: no example has a level.
    """
    array = np.asarray(values, dtype=np.float64)
    levels = np.asarray([-1 if one.level is None else one.level for one in examples])
    drawn = study.drawn(examples).weights
    found = sorted(set(levels[levels >= 0].tolist()))
    if not found:
        raise NotMeasured("no item has an exposure level")
    figures = []
    for level in found:
        at = levels == level
        with np.errstate(invalid="ignore", divide="ignore"):
            rows = drawn[:, at] @ array[at] / drawn[:, at].sum(axis=1)
        clusters = len({one.object or one.cluster or one.id for one in np.asarray(examples, dtype=object)[at]})
        figures.append(Resampled(float(array[at].mean()), rows, clusters, int(at.sum())))
    return ByLevel(np.asarray(found, dtype=np.float64), figures)
