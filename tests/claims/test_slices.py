"""Statistics of a slice as a table: written, read back, put beside those of other slices."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from lineage.claims.claim import Gate, Measured, NotMeasured
from lineage.claims.slices import COLUMNS, Slice, from_csv, measure, merge, to_csv
from lineage.errors import UserError
from tests.claims.building import DIGEST, claim, row, seeds, statistic

KEPT = sorted((Path(__file__).parents[2] / "docs" / "study").glob("*/*.csv"))
PLACE = Slice("full", 4, "generated", "study", DIGEST)


def test_a_file_gives_back_what_was_written() -> None:
    written = [
        statistic(0.25, seed=3, gate="twin", gate_value=0.0, forecast=0.5, naive=1.0),
        statistic(None, seed=3, row="other", gate="no run for it, in this experiment", items=None),
    ]
    assert from_csv(to_csv(written), place="a.csv") == written
    assert to_csv(written).splitlines()[0] == ",".join(COLUMNS)


def test_a_slice_is_measured_row_by_row_and_says_what_it_cannot() -> None:
    def fails(study: float) -> Measured:
        raise NotMeasured("no run for it", 1.0)

    rows = (
        row("known", measure=lambda study: Measured(study, 0.0, math.nan, 7, gate=2.0), gate=Gate("how much", 1.0)),
        row("unknown", measure=fails, gate=Gate("how much", 1.0)),
        row("both", measure=None, weakest_of=("known", "unknown")),
    )
    found = measure([claim(primary=rows[2], secondary=rows[:2])], 0.5, PLACE)
    assert [one.row for one in found] == ["known", "unknown"]
    known, unknown = found
    assert (known.value, known.low, known.high, known.gate, known.gate_value) == (0.5, 0.0, None, "how much", 2.0)
    assert (unknown.value, unknown.gate, unknown.gate_value) == (None, "no run for it", 1.0)
    assert known.slice == PLACE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("claim,row", "claim,line"), "expected claim, row"),
        (lambda text: text.replace(",design_digest", "").replace(f",{DIGEST}", ""), "an older version wrote it"),
        (lambda text: text.replace("0.25", "much"), "a.csv, line 2: could not convert"),
        (lambda text: text.replace("0.25", "nan"), "line 2: a figure that is not finite"),
        (lambda text: text.replace("generated", "invented"), "data is 'invented'"),
        (lambda text: text + text.splitlines()[1] + "\n", "C1, row 'effect' occurs twice for world full, seed 0"),
    ],
)
def test_a_damaged_file_is_refused(change: Callable[[str], str], message: str) -> None:
    text = to_csv([statistic(0.25)])
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        from_csv(change(text), place="a.csv")


def test_the_own_slice_takes_the_place_of_a_kept_one() -> None:
    own = [statistic(9.0, seed=1)]
    merged = merge(own, [("0.csv", seeds([0.0])), ("1.csv", [statistic(1.0, seed=1), statistic(2.0, seed=1, row="x")])])
    assert [(one.seed, one.value) for one in merged] == [(1, 9.0), (0, 0.0)]


def test_other_worlds_and_data_are_other_slices() -> None:
    kept = [statistic(1.0, world="no_cause"), statistic(2.0, data="real data")]
    assert merge([statistic(9.0)], [("a.csv", kept[:1]), ("b.csv", kept[1:])]) == [statistic(9.0), *kept]


def test_two_files_of_one_slice_are_refused() -> None:
    with pytest.raises(UserError, match=r"b\.csv and a\.csv both hold world full, seed 0 \(generated, design study\)"):
        merge([], [("a.csv", [statistic(1.0)]), ("b.csv", [statistic(2.0)])])


def test_one_name_for_two_designs_is_refused_with_all_files_and_digests() -> None:
    """Also where the own slice would take the place of the other one, and where neither is of the own design."""
    other = "f" * 16
    kept = [("a.csv", seeds([1.0, 2.0])), ("b.csv", seeds([1.0], design_digest=other, world="no_cause"))]
    with pytest.raises(UserError) as told:
        merge([statistic(9.0, seed=5)], [*kept, ("c.csv", [statistic(3.0, seed=7, design_digest=other)])])
    assert str(told.value).startswith("design 'study' names 2 designs")
    assert f"  {DIGEST}: this experiment, a.csv\n  {other}: b.csv, c.csv\n" in str(told.value)
    with pytest.raises(UserError, match=r"0123456789abcdef: old\.csv"):
        merge([statistic(9.0, design_digest=other)], [("old.csv", [statistic(1.0)])])
    with pytest.raises(UserError, match="design 'study' names 2 designs"):
        merge([statistic(9.0, design="mine")], kept)


def test_other_names_may_stand_for_the_same_design() -> None:
    kept = [statistic(1.0, seed=3, design="mine")]
    assert merge([statistic(9.0)], [("a.csv", kept)]) == [statistic(9.0), *kept]


def test_the_slices_that_are_kept_can_be_read_together() -> None:
    kept = [(path.name, from_csv(path.read_text(encoding="utf-8"), place=path.name)) for path in KEPT]
    assert kept
    merged = merge([], kept)
    assert {f"{one.design}-{one.world}-{one.seed}.csv" for one in merged} == {path.name for path in KEPT}
