"""What a claim declares: its text, where it comes from, one primary row, secondary rows, what removes its cause.

A claim is one file: a `Claim` and the functions that measure its rows in one slice. The ledger judges rows by these
declarations and by tables of figures alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from lineage.claims.statistics import Expectation

StudyT = TypeVar("StudyT")


@dataclass(frozen=True)
class Measured:
    """One statistic of one slice with its interval over items (facts, subjects, passages)."""

    value: float
    low: float | None = None
    high: float | None = None
    items: int | None = None
    gate: float | None = None
    """The figure of the row's gate."""
    forecast: float | None = None
    """What was predicted before anything was measured."""
    naive: float | None = None
    """The same by the best of the naive baselines."""


class NotMeasured(Exception):
    """A slice cannot say anything about a row: why, with the figure where there is one."""

    def __init__(self, reason: str, figure: float | None = None):
        super().__init__(reason)
        self.reason = reason
        self.figure = figure


@dataclass(frozen=True)
class Gate:
    """A precondition that every slice must meet: its figure lies between the bounds."""

    text: str
    at_least: float = -math.inf
    at_most: float = math.inf
    above: float = -math.inf
    """The figure must be larger: an interval that ends at 0 does not tell a sign."""

    def passes(self, figure: float) -> bool:
        """Whether the figure lies between the bounds.

        >>> Gate("share", at_least=0.0).passes(0.0), Gate("lower end", above=0.0).passes(0.0)
        (True, False)
        """
        return self.above < figure and self.at_least <= figure <= self.at_most


@dataclass(frozen=True)
class Row(Generic[StudyT]):
    """One statistic and what the claim expects of it."""

    name: str
    """Unique in the claim; small letters, so that it can be typed."""
    statement: str
    """What is true when the row is supported."""
    statistic: str
    """The figure in words, with its unit."""
    expected: Expectation
    measure: Callable[[StudyT], Measured] | None = None
    """Measures one slice; may raise `NotMeasured`. None where the row is the weakest of others."""
    gate: Gate | None = None
    weakest_of: tuple[str, ...] = ()
    """Names of rows that must all hold: supported when each is, contradicted when one is."""
    paper_figure: str | None = None


@dataclass(frozen=True)
class Claim(Generic[StudyT]):
    """A claim and everything that its verdict depends on; the verdict is that of the primary row."""

    id: str
    text: str
    source: str
    primary: Row[StudyT]
    secondary: tuple[Row[StudyT], ...] = ()
    null_world: str | None = None
    """World without the presumed cause, in which the primary row must not be supported."""
    null_row: str | None = None
    """The same within each slice: a secondary row that measures where the cause is absent; what it expects is a false
    support."""
    control: str | None = None
    """In words, what stands in for a null that can be supported; the rate of false supports does not count it."""
    rows: tuple[Row[StudyT], ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", (self.primary, *self.secondary))
        names = [row.name for row in self.rows]
        assert len(set(names)) == len(names), f"{self.id}: row names repeat: {names}"
        for row in self.rows:
            assert (row.measure is None) == bool(row.weakest_of), f"{self.id}, {row.name}: measure or weakest_of"
            assert set(row.weakest_of) <= set(names), f"{self.id}, {row.name}: {row.weakest_of}"
        assert self.null_row is None or self.null_row in names, f"{self.id}: {self.null_row}"
        nulls = [one for one in (self.null_world, self.null_row, self.control) if one is not None]
        assert len(nulls) < 2, f"{self.id}: one null, not two: {nulls}"

    def row(self, name: str) -> Row[StudyT]:
        """The row of that name."""
        return next(row for row in self.rows if row.name == name)
