"""Measures against KILT's own expected values, against trec_eval on a published run, and by hand."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.retrieval import kilt
from lineage.retrieval.measures import NAMES, per_query
from lineage.retrieval.sets.kilt import evidence_sets
from tests.retrieval.set_building import data
from tests.retrieval.trec import read_trec

PAGES = st.sampled_from("abcdefgh")
EVIDENCE = st.lists(st.frozensets(PAGES, min_size=1, max_size=3), max_size=4, unique=True)
FOUND = st.lists(PAGES, max_size=10)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def sets_of(row: dict[str, Any], keys: list[str]) -> list[tuple[str, ...]]:
    """Evidence sets whose items are identified by several keys, which our files join into one id."""
    outputs = [
        {"provenance": [{"wikipedia_id": "+".join(str(page[key]).strip() for key in keys)} for page in pages]}
        for pages in (output["provenance"] for output in row["output"] if "provenance" in output)
    ]
    return evidence_sets({"output": outputs}, "fixture")


def test_kilt_fixtures_give_the_values_of_kilt() -> None:
    folder = data("kilt_fixtures")
    expected = json.loads((folder / "expected_values.json").read_text())
    measures = {
        "Rprec": lambda evidence, found: kilt.r_precision(evidence, found),
        "precision@1": lambda evidence, found: kilt.precision(evidence, found, 1),
        "precision@5": lambda evidence, found: kilt.precision(evidence, found, 5),
        "recall@5": lambda evidence, found: kilt.recall(evidence, found, 5),
        "success_rate@5": lambda evidence, found: kilt.success(evidence, found, 5),
    }
    checked = 0
    for case in (*expected["retrieval"], *expected["page_level_from_the_downstream_test"]):
        for keys in case.get("rank_keys", [["wikipedia_id"]]):
            gold, guess = rows(folder / case["gold"]), rows(folder / case["guess"])
            for name in set(case) & set(measures):
                values = [
                    measures[name](sets_of(one, keys), [page for found in sets_of(other, keys) for page in found])
                    for one, other in zip(gold, guess, strict=True)
                ]
                assert sum(values) / len(values) == pytest.approx(float(Fraction(case[name])), abs=1e-12), (case, name)
                checked += 1
    assert checked == 34


def test_slots_by_hand() -> None:
    """The first page of a pair holds a slot that moves down; a page of two sets completes both."""
    assert kilt.slots([{"a", "b"}, {"c"}], ["a", "c", "x", "b"]) == [True, False, True]
    assert kilt.slots([{"a"}, {"a", "b"}], ["a", "b"]) == [True, True]
    assert kilt.slots([{"a"}], ["x", "x", "a"]) == [False, True], "a page that is named twice counts once"
    assert kilt.slots([], ["a"]) == [False]


@given(EVIDENCE, FOUND)
def test_kilt_measures_are_bounded(evidence: list[frozenset[str]], found: list[str]) -> None:
    assert 0 <= kilt.r_precision(evidence, found) <= 1
    assert 0 <= kilt.recall(evidence, found, 5) <= 1
    assert kilt.success(evidence, found, 5) == (kilt.recall(evidence, found, 5) > 0)
    complete = [one for one in evidence if one <= set(found)]
    assert sum(kilt.slots(evidence, found)) == len(complete)


@given(EVIDENCE, FOUND, st.permutations("abcdefgh"))
def test_names_of_pages_do_not_matter(evidence: list[frozenset[str]], found: list[str], names: list[str]) -> None:
    renamed = dict(zip("abcdefgh", names, strict=True))
    others = [frozenset(renamed[page] for page in one) for one in evidence]
    assert kilt.r_precision(others, [renamed[page] for page in found]) == kilt.r_precision(evidence, found)
    assert kilt.slots(others, [renamed[page] for page in found]) == kilt.slots(evidence, found)


def cacm_qrels() -> dict[str, dict[str, int]]:
    """The file as it is, which reference figures are computed with: 55 rows name no record by its id."""
    qrels: dict[str, dict[str, int]] = {}
    for line in (data("cacm") / "qrels.cacm.txt").read_text().splitlines():
        query, _, document, grade = line.split()
        qrels.setdefault(query, {})[document] = int(grade)
    return qrels


def test_a_published_run_gets_its_published_figures() -> None:
    """Figures of reference.json, computed with pytrec_eval from the same two files."""
    reference = json.loads((data("cacm") / "reference.json").read_text())["run_file_at_its_depth_30"]
    qrels = cacm_qrels()
    values = per_query(read_trec(data("cacm") / "anserini-cacm-bm25.run.txt"), qrels, {}, list(qrels))
    names = {"MAP": "map", "P30": "p@30", "Rprec": "rprec", "reciprocal_rank": "mrr@100", "hits_1": "hits@1"}
    for published, name in (names | {"hits_10": "hits@10", "recall_30": "recall@100"}).items():
        mean = sum(row[name] or 0.0 for row in values.values()) / len(values)
        assert mean == pytest.approx(reference[published], abs=5e-5), name


def test_measures_by_hand() -> None:
    """Relevant documents a (grade 2) and b at ranks 2 and 12 of 12; nothing found for `none`; `free` is not judged."""
    names = ["x0", "a", *(f"x{rank}" for rank in range(1, 10)), "b"]
    ranking = {name: float(-rank) for rank, name in enumerate(names)}
    qrels = {"q": {"a": 2, "b": 1, "x0": 0}, "none": {"a": 1}, "free": {"a": 0}}
    values = per_query({"q": ranking}, qrels, {"q": [{"a"}, {"b"}]}, ["q", "none", "free"])
    dcg = 2 / math.log2(3)
    expected = {
        "hits@1": 0.0,
        "hits@10": 1.0,
        "mrr@10": 0.5,
        "mrr@100": 0.5,
        "recall@10": 0.5,
        "recall@100": 1.0,
        "ndcg@10": dcg / (2 + 1 / math.log2(3)),
        "p@30": 2 / 30,
        "rprec": 0.5,
        "map": (1 / 2 + 2 / 12) / 2,
        "rprec_kilt": 0.0,
        "recall_kilt@5": 0.5,
    }
    assert values["q"] == pytest.approx(expected)
    assert set(values["none"].values()) == {0.0}
    assert [values["free"][name] for name in ("hits@1", "rprec_kilt")] == [None, 0.0]
    assert tuple(values["q"]) == NAMES


def test_a_first_hit_behind_the_cut_counts_nothing() -> None:
    ranking = {f"x{rank}": float(-rank) for rank in range(10)} | {"a": -50.0}
    values = per_query({"q": ranking}, {"q": {"a": 1}}, {}, ["q"])["q"]
    assert (values["mrr@10"], values["hits@10"]) == (0.0, 0.0)
    assert values["mrr@100"] == pytest.approx(1 / 11)
