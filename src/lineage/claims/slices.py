"""The tidy statistics of slices: what a slice measured for each row of each claim, as a table and as a CSV file.

A slice is one study in one world with one seed. Its file is small and is kept under `docs/study/`, so that a ledger
can be made from all slices that ever ran.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from typing import TypeVar

from lineage.claims.claim import Claim, Measured, NotMeasured, Row
from lineage.errors import UserError

FULL_WORLD = "full"
"""World of a slice from which nothing was removed."""
DATA = ("generated", "real data")

StudyT = TypeVar("StudyT")


@dataclass(frozen=True)
class Slice:
    """One study in one world with one seed."""

    world: str
    seed: int
    data: str
    design: str
    design_digest: str

    @property
    def text(self) -> str:
        """As messages name it."""
        return f"world {self.world}, seed {self.seed} ({self.data}, design {self.design})"


@dataclass(frozen=True)
class Statistic:
    """One row of `statistics.csv`; an empty cell is None."""

    claim: str
    row: str
    value: float | None
    """None: the slice cannot say; `gate` then holds the reason."""
    low: float | None
    high: float | None
    """95 % interval over items."""
    gate: str | None
    gate_value: float | None
    items: int | None
    forecast: float | None
    naive: float | None
    world: str
    seed: int
    data: str
    design: str
    """Name of what all slices share that are judged together: models, runs, comparisons."""
    design_digest: str
    """Digest of the specs of all that, seed and null world taken out: one name has one digest."""

    @property
    def slice(self) -> Slice:
        """The slice that it belongs to."""
        return Slice(self.world, self.seed, self.data, self.design, self.design_digest)


COLUMNS = tuple(one.name for one in fields(Statistic))
_NUMBERS = ("value", "low", "high", "gate_value", "forecast", "naive")


def measure(claims: Sequence[Claim[StudyT]], study: StudyT, place: Slice) -> list[Statistic]:
    """Every row of every claim in one slice; a row that cannot be measured says why in `gate`."""
    return [_statistic(claim, row, study, place) for claim in claims for row in claim.rows if row.measure is not None]


def _statistic(claim: Claim[StudyT], row: Row[StudyT], study: StudyT, place: Slice) -> Statistic:
    assert row.measure is not None
    gate = row.gate.text if row.gate else None
    try:
        found = row.measure(study)
    except NotMeasured as reason:
        found, gate = Measured(math.nan, gate=reason.figure), reason.reason
    return Statistic(
        claim=claim.id,
        row=row.name,
        value=_finite(found.value),
        low=_finite(found.low),
        high=_finite(found.high),
        gate=gate,
        gate_value=_finite(found.gate),
        items=found.items,
        forecast=_finite(found.forecast),
        naive=_finite(found.naive),
        **asdict(place),
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def to_csv(statistics: Iterable[Statistic]) -> str:
    """The file, with as many digits as are needed to tell figures apart that matter (six)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in astuple(one)] for one in statistics)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else value


def from_csv(text: str, *, place: str) -> list[Statistic]:
    """What `to_csv` wrote.

    Raises:
        UserError: other columns, a cell that is no number, an unknown kind of data, a row that occurs twice.
    """
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise UserError(
            f"{place}: its columns are {', '.join(reader.fieldnames or ())}, expected {', '.join(COLUMNS)}.\n"
            "  Only files `statistics.csv` of the stage that wrote them belong here: remove it, and if an older version"
            " wrote it, make the slice again."
        )
    found: list[Statistic] = []
    for line, cells in enumerate(reader, start=2):
        found.append(_parsed(cells, place=f"{place}, line {line}"))
    _check_unique(found, place=place)
    return found


def _parsed(cells: dict[str, str], *, place: str) -> Statistic:
    try:
        numbers = {name: float(cells[name]) if cells[name] else None for name in _NUMBERS}
        items = int(cells["items"]) if cells["items"] else None
        seed = int(cells["seed"])
    except (ValueError, TypeError) as error:
        raise UserError(f"{place}: {error}. Copy the file again from the run that made it.") from None
    if any(value is not None and not math.isfinite(value) for value in numbers.values()):
        raise UserError(f"{place}: a figure that is not finite. Copy the file again from the run that made it.")
    if cells["data"] not in DATA:
        raise UserError(f"{place}: data is '{cells['data']}', allowed: {', '.join(DATA)}.")
    return Statistic(
        claim=cells["claim"],
        row=cells["row"],
        world=cells["world"],
        data=cells["data"],
        design=cells["design"],
        design_digest=cells["design_digest"],
        gate=cells["gate"] or None,
        items=items,
        seed=seed,
        **numbers,
    )


def _check_unique(statistics: Sequence[Statistic], *, place: str) -> None:
    seen: set[tuple[str, str, Slice]] = set()
    for one in statistics:
        key = (one.claim, one.row, one.slice)
        if key in seen:
            raise UserError(
                f"{place}: {one.claim}, row '{one.row}' occurs twice for {one.slice.text}.\n"
                "  A slice counts once: remove one of the two."
            )
        seen.add(key)


def merge(own: Sequence[Statistic], kept: Sequence[tuple[str, Sequence[Statistic]]]) -> list[Statistic]:
    """The own slice and all others by place; a copy of the own one gives way to it.

    Raises:
        UserError: two kept files hold the same slice, or one name stands for two designs.
    """
    _check_designs([("this experiment", own), *kept])
    mine = {one.slice for one in own}
    merged = list(own)
    place_of: dict[Slice, str] = {}
    for place, statistics in kept:
        for key in dict.fromkeys(one.slice for one in statistics):
            if key in place_of:
                raise UserError(
                    f"{place} and {place_of[key]} both hold {key.text}.\n"
                    "  A seed counts once: remove one of the two files."
                )
            place_of[key] = place
        merged += [one for one in statistics if one.slice not in mine]
    return merged


def _check_designs(places: Iterable[tuple[str, Sequence[Statistic]]]) -> None:
    """
    Raises:
        UserError: with the places of each digest.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for place, statistics in places:
        for design, digest in dict.fromkeys((one.design, one.design_digest) for one in statistics):
            found.setdefault(design, {}).setdefault(digest, []).append(place)
    for design, digests in found.items():
        if len(digests) > 1:
            lines = [f"  {digest}: {', '.join(places)}" for digest, places in digests.items()]
            raise UserError(
                f"design '{design}' names {len(digests)} designs, by the digest of their specs:\n"
                + "\n".join(lines)
                + "\n  Models, runs or comparisons differ, so they are never judged together. Give this experiment's"
                " study a `design` of its own, or remove the files of the other design."
            )
