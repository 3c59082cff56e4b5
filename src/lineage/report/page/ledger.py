"""The ledgers of all studies as one: rows, verdicts counted, the rate of false supports on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lineage.claims.statistics import CONTRADICTED, NOT_TESTABLE, ONE_SEED, SUPPORTED, UNDECIDED

Row = dict[str, str]

VERDICTS = (SUPPORTED, CONTRADICTED, UNDECIDED, ONE_SEED, NOT_TESTABLE)
"""From what says most to what says nothing."""
_PRIMARY = "True"


@dataclass(frozen=True)
class Study:
    """What one study concluded."""

    name: str
    rows: Sequence[Row]
    """Rows of its `claims.csv`."""
    null_cases: int
    """(claim, seed) that ran in a null world."""
    false_supports: int
    """Those that support their claim nevertheless."""

    @property
    def primary(self) -> list[Row]:
        """One row a claim and kind of data: the one that its verdict is read from."""
        return [row for row in self.rows if row["primary"] == _PRIMARY]

    def secondary(self, primary: Row) -> list[Row]:
        """The other rows of a claim."""
        same = ("claim", "data")
        return [
            row for row in self.rows if row["primary"] != _PRIMARY and all(row[one] == primary[one] for one in same)
        ]

    @property
    def testable(self) -> list[Row]:
        """Claims that this experiment says something about."""
        return [row for row in self.primary if row["verdict"] != NOT_TESTABLE]

    @property
    def not_testable(self) -> list[Row]:
        """Claims whose gate failed, or that nothing measured."""
        return [row for row in self.primary if row["verdict"] == NOT_TESTABLE]


def joined(studies: Sequence[Study]) -> list[Row]:
    """All rows, each with its study."""
    return [{"study": study.name, **row} for study in studies for row in study.rows]


def summary(studies: Sequence[Study]) -> dict[str, Any]:
    """Primary rows by verdict, and the false supports: what stands on top."""
    verdicts = [row["verdict"] for study in studies for row in study.primary]
    cases, false = (sum(getattr(one, name) for one in studies) for name in ("null_cases", "false_supports"))
    return {
        "claims": len(verdicts),
        "verdicts": {name: verdicts.count(name) for name in VERDICTS if name in verdicts},
        "null_cases": cases,
        "false_supports": false,
        "false_support_rate": false / cases if cases else None,
    }


def untested(studies: Sequence[Study]) -> dict[str, list[Row]]:
    """Claims that are not testable here by the reason, which many of them share."""
    found: dict[str, list[Row]] = {}
    for study in studies:
        for row in study.not_testable:
            found.setdefault(gate(row) or "nothing measured it", []).append(row)
    return found


def effect(row: Mapping[str, str]) -> str:
    """`0.24 [0.18, 0.32]`; empty without a figure."""
    if not row["effect"]:
        return ""
    ends = f" [{_short(row['low'])}, {_short(row['high'])}]" if row["low"] and row["high"] else ""
    return f"{_short(row['effect'])}{ends}"


def gate(row: Mapping[str, str]) -> str:
    """Why a row is not testable, or what it had to pass, with the figure."""
    figure = f" (here {_short(row['gate_value'])})" if row["gate_value"] else ""
    return f"{row['gate']}{figure}"


def _short(figure: str) -> str:
    return f"{float(figure):.3g}"
