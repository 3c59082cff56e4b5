"""The ledger: every row of every claim, judged from the statistics of the slices that ran.

A pure function of claims and tables: alter a figure and the verdict changes. Order of judging: what cannot be tested
(no slice, a failed gate), one seed, then the t interval over seeds, corrected within the study for all primary rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from statistics import fmean
from typing import Any

from lineage.claims.claim import Claim, Row
from lineage.claims.slices import DATA, FULL_WORLD, Slice, Statistic
from lineage.claims.statistics import (
    LEVEL,
    NOT_TESTABLE,
    ONE_SEED,
    SUPPORTED,
    UNDECIDED,
    Interval,
    Verdict,
    holm,
    t_test,
    verdict,
)

PLANNED_SEEDS = 5


@dataclass(frozen=True)
class LedgerRow:
    """One row of `claims.csv`."""

    claim: str
    text: str
    row: str
    primary: bool
    statement: str
    statistic: str
    expected: str
    effect: float | None
    low: float | None
    high: float | None
    interval: str
    """What `low` and `high` are: `95 % over seeds`, `90 % over seeds` or `95 % over items`."""
    seeds: str
    p_value: float | None
    p_holm: float | None
    """Corrected over the primary rows of the study; the verdict of a primary row reads it."""
    gate: str
    gate_value: float | None
    null_world: str
    null_result: str
    forecast: float | None
    forecast_error: float | None
    naive_error: float | None
    paper_figure: str
    data: str
    design: str
    verdict: Verdict


COLUMNS = tuple(one.name for one in fields(LedgerRow))


@dataclass(frozen=True)
class NullCase:
    """The primary row of one claim in one slice from which its cause was removed."""

    claim: str
    null: str
    seed: int
    data: str
    effect: float
    low: float
    high: float
    supported: bool
    """A false support: the item-level interval says that the claim holds without its cause."""


NULL_COLUMNS = tuple(one.name for one in fields(NullCase))


@dataclass(frozen=True)
class Ledger:
    """All rows, and what the null worlds said."""

    rows: list[LedgerRow]
    null_cases: list[NullCase]

    @property
    def false_support_rate(self) -> float | None:
        """Share of (claim, seed) that a null world supports; None before any ran."""
        if not self.null_cases:
            return None
        return sum(case.supported for case in self.null_cases) / len(self.null_cases)


@dataclass(frozen=True)
class _Judged:
    """What the slices of one world say about one row."""

    verdict: Verdict
    used: list[Statistic]
    gate: str = ""
    gate_value: float | None = None
    effect: float | None = None
    shown: Interval | None = None
    interval: str = ""
    inside: bool = False
    p_value: float | None = None


def make_ledger(claims: Sequence[Claim[Any]], statistics: Sequence[Statistic], *, own: Slice | None = None) -> Ledger:
    """Judges every claim of one study, for generated and real data apart.

    Slices of different designs are never mixed: of each kind of data one design is judged, that of the slice `own`
    where it is of that kind, else the one with most seeds, the first among equals.
    """
    rows: list[LedgerRow] = []
    cases: list[NullCase] = []
    kinds = {one.data for one in statistics} or {DATA[0]}
    for data in [kind for kind in DATA if kind in kinds]:
        kept = [one for one in statistics if one.data == data]
        design = own.design if own is not None and own.data == data else _largest_design(kept)
        table = _Table([one for one in kept if one.design == design])
        found = [_null_cases(claim, table, data) for claim in claims]
        cases += [case for claim_cases in found for case in claim_cases]
        judged = [
            replace(_row(claim, row, table, claim_cases, data), design=design)
            for claim, claim_cases in zip(claims, found, strict=True)
            for row in claim.rows
        ]
        rows += _corrected(judged)
    return Ledger(rows, cases)


def _largest_design(statistics: Sequence[Statistic]) -> str:
    seeds: dict[str, set[int]] = {}
    for one in statistics:
        seeds.setdefault(one.design, set()).update([one.seed] if one.world == FULL_WORLD else [])
    return max(seeds, key=lambda design: len(seeds[design]), default="")


class _Table:
    """Statistics by claim, row and world, in order of the seeds."""

    def __init__(self, statistics: Iterable[Statistic]):
        self._found: dict[tuple[str, str, str], list[Statistic]] = {}
        for one in sorted(statistics, key=lambda one: one.seed):
            self._found.setdefault((one.claim, one.row, one.world), []).append(one)

    def __call__(self, claim: str, row: str, world: str) -> list[Statistic]:
        return self._found.get((claim, row, world), [])


def _row(claim: Claim[Any], row: Row[Any], table: _Table, cases: Sequence[NullCase], data: str) -> LedgerRow:
    judged = _judge(claim, row, table, FULL_WORLD)
    primary = row is claim.primary
    outcomes = [one for one in judged.used if one.forecast is not None and one.value is not None]
    ledger_row = LedgerRow(
        claim=claim.id,
        text=claim.text,
        row=row.name,
        primary=primary,
        statement=row.statement,
        statistic=row.statistic,
        expected=row.expected.text,
        effect=judged.effect,
        low=judged.shown.low if judged.shown else None,
        high=judged.shown.high if judged.shown else None,
        interval=judged.interval,
        seeds=f"{len({one.seed for one in judged.used})} of {PLANNED_SEEDS}",
        p_value=judged.p_value,
        p_holm=None,
        gate=judged.gate,
        gate_value=judged.gate_value,
        null_world=(claim.null_world or claim.null_row or "") if primary else "",
        null_result="",
        forecast=_mean(one.forecast for one in outcomes),
        forecast_error=_mean(_distance(one.forecast, one.value) for one in outcomes),
        naive_error=_mean(_distance(one.naive, one.value) for one in outcomes),
        paper_figure=row.paper_figure or "",
        data=data,
        design="",
        verdict=judged.verdict,
    )
    return _with_null(claim, ledger_row, table, cases) if primary else ledger_row


def _judge(claim: Claim[Any], row: Row[Any], table: _Table, world: str) -> _Judged:
    if row.weakest_of:
        return _weakest(row, [_judge(claim, claim.row(name), table, world) for name in row.weakest_of])
    slices = table(claim.id, row.name, world)
    if not slices:
        return _Judged(NOT_TESTABLE, [], gate="no slice measured it")
    used = [one for one in slices if one.value is not None and _passes(row, one)]
    told = used or slices
    gate = next((one.gate for one in told if one.gate), "")
    gate_value = _mean(one.gate_value for one in told)
    if not used:
        return _Judged(NOT_TESTABLE, [], gate=gate, gate_value=gate_value)
    if len(used) == 1:
        [only] = used
        shown = None if only.low is None or only.high is None else Interval(only.low, only.high)
        return _Judged(ONE_SEED, used, gate, gate_value, only.value, shown, "95 % over items" if shown else "")
    test = t_test([one.value for one in used if one.value is not None], row.expected)
    return _Judged(
        verdict(inside=test.inside, p_value=test.p_value),
        used,
        gate,
        gate_value,
        test.mean,
        test.interval,
        f"{row.expected.confidence:.0%} over seeds".replace("%", " %"),
        test.inside,
        test.p_value,
    )


def _passes(row: Row[Any], one: Statistic) -> bool:
    """A gate without a figure fails: nothing says that the slice met it."""
    return row.gate is None or (one.gate_value is not None and row.gate.passes(one.gate_value))


def _weakest(row: Row[Any], parts: Sequence[_Judged]) -> _Judged:
    """All parts must hold, so the largest p-value counts; one that is contradicted is enough, after correction."""
    for kind in (NOT_TESTABLE, ONE_SEED):
        held_back = [part for part in parts if part.verdict == kind]
        if held_back:
            shown = min(held_back, key=lambda part: _room(row, part))
            return replace(shown, verdict=kind)
    outside = [part for part in parts if not part.inside]
    if not outside:
        return max(parts, key=lambda part: part.p_value or 0.0)
    worst = min(outside, key=lambda part: part.p_value or 0.0)
    p_value = min(1.0, (worst.p_value or 0.0) * len(parts))
    return replace(worst, p_value=p_value, verdict=verdict(inside=False, p_value=p_value))


def _room(row: Row[Any], part: _Judged) -> float:
    """How far inside the expected range the effect lies; the smallest is the weakest."""
    if part.effect is None:
        return float("-inf")
    return min(part.effect - row.expected.low, row.expected.high - part.effect)


def _corrected(rows: Sequence[LedgerRow]) -> list[LedgerRow]:
    """Holm over the primary rows that were tested; a claim that its null world supports stays undecided."""
    tested = [position for position, row in enumerate(rows) if row.primary and row.p_value is not None]
    corrected = dict(zip(tested, holm([rows[position].p_value or 0.0 for position in tested]), strict=True))
    found: list[LedgerRow] = []
    for position, row in enumerate(rows):
        if position not in corrected:
            found.append(row)
            continue
        final = UNDECIDED if corrected[position] >= LEVEL else row.verdict
        if final == SUPPORTED and row.null_result.startswith(SUPPORTED):
            final = UNDECIDED
        found.append(replace(row, p_holm=corrected[position], verdict=final))
    return found


def _with_null(claim: Claim[Any], row: LedgerRow, table: _Table, cases: Sequence[NullCase]) -> LedgerRow:
    if claim.null_world is None and claim.null_row is None:
        return replace(row, null_result=f"no null; {claim.control}" if claim.control else "no null declared")
    if claim.null_world is not None:
        judged = _judge(claim, claim.primary, table, claim.null_world)
    else:
        judged = _judge(claim, claim.row(claim.null_row or ""), table, FULL_WORLD)
    if not judged.used:
        absent = judged.gate == "no slice measured it"
        return replace(row, null_result="not run" if absent else f"{NOT_TESTABLE}: {judged.gate}")
    count = f"{sum(case.supported for case in cases)} of {len(cases)} seeds falsely supported"
    return replace(row, null_result=f"{judged.verdict}; {count}")


def _null_cases(claim: Claim[Any], table: _Table, data: str) -> list[NullCase]:
    """One case a seed, by item-level intervals; what fails its gate is none."""
    if claim.null_world is not None:
        names, world = claim.primary.weakest_of or (claim.primary.name,), claim.null_world
        parts = [claim.row(name) for name in names]
    elif claim.null_row is not None:
        parts, world = [claim.row(claim.null_row)], FULL_WORLD
    else:
        return []
    by_seed: dict[int, list[tuple[Row[Any], Statistic]]] = {}
    for part in parts:
        for one in table(claim.id, part.name, world):
            if one.value is not None and one.low is not None and one.high is not None and _passes(part, one):
                by_seed.setdefault(one.seed, []).append((part, one))
    cases = [_case(claim, world, seed, found, data) for seed, found in by_seed.items() if len(found) == len(parts)]
    return sorted(cases, key=lambda case: case.seed)


def _case(claim: Claim[Any], world: str, seed: int, found: Sequence[tuple[Row[Any], Statistic]], data: str) -> NullCase:
    holds = [part.expected.holds_for(Interval(one.low or 0.0, one.high or 0.0)) for part, one in found]
    _, shown = found[holds.index(False) if False in holds else 0]
    assert shown.value is not None and shown.low is not None and shown.high is not None
    null = claim.null_row or world
    return NullCase(claim.id, null, seed, data, shown.value, shown.low, shown.high, all(holds))


def to_csv(rows: Sequence[LedgerRow] | Sequence[NullCase], columns: Sequence[str]) -> str:
    """Rows as a CSV file; numbers with six digits, an empty cell where there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        cells = astuple(row)
        writer.writerow([f"{one:.6g}" if isinstance(one, float) else ("" if one is None else one) for one in cells])
    return text.getvalue()


def counts(ledger: Ledger) -> Mapping[str, int]:
    """Primary rows by verdict."""
    found: dict[str, int] = {}
    for row in ledger.rows:
        if row.primary:
            found[row.verdict] = found.get(row.verdict, 0) + 1
    return dict(sorted(found.items()))


def _mean(values: Iterable[float | None]) -> float | None:
    given = [one for one in values if one is not None]
    return fmean(given) if given else None


def _distance(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else abs(first - second)
