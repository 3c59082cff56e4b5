"""Recall by exposure of one condition, and where two conditions cross, with resamples of subjects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from lineage.evaluation.paired import Resampled, draws
from lineage.reading.crossing import Floats, crossing, doublings


@dataclass(frozen=True)
class Answers:
    """What was said about every test fact under one condition, in the order of the facts."""

    facts: list[str]
    subjects: list[str]
    levels: Floats
    """[fact] exposure level."""
    values: Floats
    """[fact] 1 where the answer counts, else 0."""

    @cached_property
    def known_levels(self) -> Floats:
        """Exposure levels, rising."""
        return np.unique(self.levels)

    @cached_property
    def sizes(self) -> Floats:
        """[level] number of facts."""
        return np.asarray([(self.levels == one).sum() for one in self.known_levels], dtype=np.float64)

    def by_level(self, weights: Floats) -> Floats:
        """[draw, level] weighted means for weights [draw, fact]; NaN where no fact of a level was drawn."""
        columns = []
        for level in self.known_levels:
            at = self.levels == level
            with np.errstate(invalid="ignore", divide="ignore"):
                columns.append(weights[:, at] @ self.values[at] / weights[:, at].sum(axis=1))
        return np.stack(columns, axis=1)


def answers(readings: pa.Table, condition: str, *, run: str = "", column: str = "correct") -> Answers | None:
    """The answers of one condition (of one retriever) to facts with a level; None without any."""
    rows = [
        row
        for row in readings.to_pylist()
        if row["condition"] == condition and row["run"] == run and row["level"] is not None
    ]
    rows.sort(key=lambda row: row["fact"])
    if not rows:
        return None
    return Answers(
        [row["fact"] for row in rows],
        [row["subject"] for row in rows],
        np.asarray([row["level"] for row in rows], dtype=np.float64),
        np.asarray([float(row[column]) for row in rows]),
    )


def crossed(closed_book: Answers, reader: Answers, *, samples: int, seed: int) -> Resampled:
    """Doublings of exposure at which recall overtakes reading, on the same facts; infinite where it was not seen.

    A resample without a crossing counts as one at that end of the levels, so an interval that reaches an end is open
    there: leaving such resamples out would make it too narrow.
    """
    assert closed_book.facts == reader.facts, "the same facts"
    drawn = draws([closed_book.subjects], samples=samples, seed=seed)
    levels, sizes = closed_book.known_levels, closed_book.sizes
    whole = np.ones((1, len(closed_book.facts)))
    value = crossing(levels, (closed_book.by_level(whole) - reader.by_level(whole))[0], sizes)
    differences = closed_book.by_level(drawn.weights) - reader.by_level(drawn.weights)
    complete = differences[np.isfinite(differences).all(axis=1)]
    ends = doublings(levels[[0, -1]])
    rows = np.clip([crossing(levels, one, sizes) for one in complete], *ends)
    return Resampled(value, rows, drawn.groups, len(closed_book.facts))
