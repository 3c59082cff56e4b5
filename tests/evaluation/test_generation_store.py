"""Kept answers come back as they were given, whatever moment a job was killed at."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineage.evaluation.generation import Answer
from lineage.evaluation.generation_store import AnswerStore, batch_key
from lineage.evaluation.margins import Scores

FIRST = [Answer("a", "It is so.", True, 4), Answer("b", "", False, 9, Scores(None, (-1.5, -2.25)))]
SECOND = [Answer("c", "no \u2028 yes\n", True, 3, Scores(-0.1, (-1 / 3,)))]


def test_answers_come_back_exactly(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path / "state" / "answers.jsonl")
    store.put("one", FIRST)
    store.put("two", SECOND)
    again = AnswerStore(tmp_path / "state" / "answers.jsonl")
    assert (again.get("one"), again.get("two"), again.get("three")) == (FIRST, SECOND, None)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_job_that_is_killed_again_and_again_loses_its_torn_line_only(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "answers.jsonl"
    AnswerStore(path).put("one", FIRST)
    AnswerStore(path).put("two", SECOND)
    path.write_bytes(path.read_bytes()[:-cut])
    store = AnswerStore(path)
    assert (store.get("one"), store.get("two")) == (FIRST, None)
    store.put("two", SECOND)
    assert AnswerStore(path).get("two") == SECOND


def test_what_earlier_jobs_left_is_read_and_not_written(tmp_path: Path) -> None:
    earlier, path = tmp_path / "earlier.jsonl", tmp_path / "answers.jsonl"
    AnswerStore(earlier).put("one", FIRST)
    before = earlier.read_bytes()
    store = AnswerStore(path, earlier=[earlier, tmp_path / "none.jsonl"])
    assert store.get("one") == FIRST
    store.put("two", SECOND)
    assert earlier.read_bytes() == before
    store.write(tmp_path / "kept.jsonl", ["two", "one"])
    kept = AnswerStore(tmp_path / "kept.jsonl")
    assert (kept.get("one"), kept.get("two")) == (FIRST, SECOND)


def test_keys_tell_settings_and_items_apart() -> None:
    keys = {
        batch_key({"seed": 0}, ["a", "b"]),
        batch_key({"seed": 1}, ["a", "b"]),
        batch_key({"seed": 0}, ["b", "a"]),
        batch_key({"seed": 0}, ["a"]),
    }
    assert len(keys) == 4
