"""Parts of a job come back as they were made, whatever moment it was killed at, and none is done twice."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lineage.artifact import ArtifactWriter
from lineage.config.execution import Execution
from lineage.errors import StoppedEarly
from lineage.parts import PARTS, Journal, Parts

MADE = {"text": "no \u2028 yes\n", "numbers": [1 / 3, -0.0, math.inf, 1e-320], "nothing": None}


def parts(folder: Path, **execution: Any) -> Parts:
    out = ArtifactWriter.create(folder / "made", state=folder / "state")
    return Parts(out, Execution(**execution))


def never() -> Any:
    raise AssertionError("a finished part is made again")


def test_results_come_back_exactly(tmp_path: Path) -> None:
    array = np.array([[0.1, np.nan], [-0.0, 3e38]], dtype=np.float32)
    first = parts(tmp_path)
    made = first.json("a", lambda: MADE), first.array("b", lambda: array)
    again = parts(tmp_path)
    found = again.json("a", never), again.array("b", never)
    assert made[0] == found[0] == MADE
    assert made[1].tobytes() == found[1].tobytes() == array.tobytes() and found[1].dtype == np.float32
    assert math.isnan(first.json("c", lambda: [math.nan])[0])


def test_the_first_run_gets_what_a_later_one_gets(tmp_path: Path) -> None:
    assert parts(tmp_path).json("a", lambda: (1, (2,))) == parts(tmp_path).json("a", never) == [1, [2]]


def test_seconds_count_what_an_earlier_run_has_done(tmp_path: Path) -> None:
    first = parts(tmp_path)
    first.json("a", lambda: time.sleep(0.05))
    again = parts(tmp_path)
    again.json("a", never)
    assert again.seconds == first.seconds >= 0.05


def test_a_run_does_one_part_at_least_and_stops_before_its_limit(tmp_path: Path) -> None:
    run = parts(tmp_path, minutes=1e-9)
    assert run.json("a", lambda: 1) == 1
    with pytest.raises(StoppedEarly, match="before 'b'"):
        run.json("b", never)
    assert run.json("a", never) == 1, "a finished part is read, limit or not"
    again = parts(tmp_path, minutes=1e-9)
    assert (again.json("a", never), again.json("b", lambda: 2)) == (1, 2)
    free = parts(tmp_path, minutes=10)
    assert [free.json(name, lambda: 3) for name in "cde"] == [3, 3, 3]


def test_two_of_the_longest_parts_are_left_before_the_limit(tmp_path: Path) -> None:
    run = parts(tmp_path, minutes=0.2 / 60)
    run.json("long", lambda: time.sleep(0.08))
    with pytest.raises(StoppedEarly):
        run.json("next", never)


def test_a_part_that_fails_is_not_finished(tmp_path: Path) -> None:
    def fails() -> Any:
        raise KeyboardInterrupt

    run = parts(tmp_path)
    for make in (lambda: run.json("a", fails), lambda: run.array("b", fails)):
        with pytest.raises(KeyboardInterrupt):
            make()
    again = parts(tmp_path)
    assert again.json("a", lambda: 1) == 1
    assert again.array("b", lambda: np.arange(2)).tolist() == [0, 1]


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_torn_line_is_made_again_and_no_other(tmp_path: Path, cut: int) -> None:
    first = parts(tmp_path)
    first.json("a", lambda: MADE)
    first.json("b", lambda: MADE)
    file = tmp_path / "state" / PARTS
    file.write_bytes(file.read_bytes()[:-cut])
    again = parts(tmp_path)
    assert again.json("a", never) == MADE
    assert again.json("b", lambda: [2]) == [2]
    third = parts(tmp_path)
    assert (third.json("a", never), third.json("b", never)) == (MADE, [2])


def test_an_array_whose_line_was_torn_is_written_anew(tmp_path: Path) -> None:
    parts(tmp_path).array("a", lambda: np.zeros(2))
    (tmp_path / "state" / PARTS).write_bytes(b'{"key": "a", "sec')
    assert parts(tmp_path).array("a", lambda: np.ones(2)).tolist() == [1, 1]


def test_a_journal_reads_what_others_left_and_its_own_line_counts(tmp_path: Path) -> None:
    other, mine = tmp_path / "other.jsonl", tmp_path / "mine.jsonl"
    Journal(other).put("a", {"is": 1})
    before = other.read_bytes()
    journal = Journal(mine, earlier=[other, tmp_path / "none.jsonl"])
    assert journal.get("a") == {"key": "a", "is": 1}
    journal.put("a", {"is": 2})
    assert (journal.get("a"), Journal(mine, earlier=[other]).get("a")) == ({"key": "a", "is": 2},) * 2
    assert other.read_bytes() == before
