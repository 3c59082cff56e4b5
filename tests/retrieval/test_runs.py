"""Runs: scores that fall strictly in float32, files that read back, and fusion by ranks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from lineage.retrieval.fusion import fuse
from lineage.retrieval.runs import Found, read_run, strictly_falling, write_run
from tests.retrieval.trec import read_trec

SCORES = st.lists(st.floats(-1e6, 1e6, width=32), max_size=30).map(lambda values: sorted(values, reverse=True))


@given(SCORES)
def test_scores_fall_strictly_and_hardly_move(scores: list[float]) -> None:
    falling = strictly_falling(scores)
    assert (np.diff(falling) < 0).all()
    assert np.allclose(falling, scores, rtol=1e-5, atol=1e-40)
    distinct = list(dict.fromkeys(scores))
    assert np.array_equal(strictly_falling(distinct), np.float32(distinct)), "what falls already stays"


def test_a_run_reads_back_from_both_files(tmp_path: Path) -> None:
    found = [Found("q1", ["d2", "d1", "d3"], [1.0, 1.0, 0.1]), Found("q2", [], []), Found("q3", ["d9"], [-2.5])]
    written = write_run(found, tmp_path, "test")
    assert written.counts() == {"queries": 3, "rows": 4, "queries without a document": 1}
    run = read_run(tmp_path / "run.parquet")
    assert [list(run["q1"]), list(run["q3"])] == [["d2", "d1", "d3"], ["d9"]]
    assert run == read_trec(tmp_path / "run.trec")
    assert (tmp_path / "run.trec").read_text().splitlines()[0] == "q1 Q0 d2 1 1.0 test"


def test_trec_eval_keeps_the_order_of_equal_scores(tmp_path: Path) -> None:
    """It would put `d2` before `d1` by itself, whichever a retriever wrote first."""
    qrels = {"q": {"d1": 1}}
    for order, rank in ((["d1", "d2"], 1.0), (["d2", "d1"], 0.5)):
        write_run([Found("q", order, [7.7, 7.7])], tmp_path, "test")
        evaluator = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"})
        assert evaluator.evaluate(read_trec(tmp_path / "run.trec"))["q"]["recip_rank"] == rank


def test_a_document_twice_is_a_defect(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="found twice"):
        write_run([Found("q", ["d", "d"], [2.0, 1.0])], tmp_path, "test")


def test_fusion_by_hand() -> None:
    """b: 1/62 + 1/61; a: 1/61; c: 1/62."""
    found = fuse("q", [{"a": 3.0, "b": 2.0}, {"b": 0.9, "c": 0.1}], depth=3)
    assert found.documents == ["b", "a", "c"]
    assert found.scores == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62])
    assert fuse("q", [{"a": 1.0}, {"z": 1.0}], depth=1).documents == ["a"], "equal sums: the first run's first"
    assert fuse("q", [{}, {}], depth=5).documents == []


@given(st.permutations(list("abcdef")), st.permutations(list("abcdef")))
def test_fusion_of_equal_runs_is_that_run(first: list[str], second: list[str]) -> None:
    ranking = {document: -float(rank) for rank, document in enumerate(first)}
    assert fuse("q", [ranking, ranking], depth=6).documents == first
    other = {document: -float(rank) for rank, document in enumerate(second)}
    best = fuse("q", [ranking, other], depth=6)
    assert sorted(best.documents) == sorted(first)
    assert list(best.scores) == sorted(best.scores, reverse=True)
