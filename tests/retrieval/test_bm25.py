"""BM25: the analyzer by rule, scores by formula, and the published figures of CACM."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.config.retrieval_sets import CacmSet
from lineage.errors import UserError
from lineage.retrieval.analyzer import STOP_WORDS, terms
from lineage.retrieval.bm25 import Bm25Index, best
from lineage.retrieval.measures import per_query
from lineage.retrieval.runs import Run, strictly_falling
from lineage.retrieval.sets.cacm import read_cacm
from lineage.retrieval.sets.raw import Inputs, SourceQuery
from tests.retrieval.lucene_bm25 import LuceneBm25
from tests.retrieval.set_building import data
from tests.retrieval.test_measures import cacm_qrels
from tests.retrieval.trec import read_trec

TEXTS = ["the red boat sails", "a boat, a boat!", "", "lamps and boats of the lake", "green lamps"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The quick foxes' lamps", ["quick", "fox", "lamp"]),
        ("Knuth's O'Neil", ["knuth", "o'neil"]),
        ("3.14 1,000 v2.0 a.b", ["3.14", "1,000", "v2.0", "a.b"]),
        ("first. Second", ["first", "second"]),
        ("s x of is", ["s", "x"]),
        ("possibly geology logic", ["possibl", "geolog", "logic"]),
        ("Caf\u00e9 na\u00efve", ["caf\u00e9", "na\u00efv"]),
        ("", []),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_lucene_has_33_stop_words() -> None:
    assert len(STOP_WORDS) == 33
    assert not terms(" ".join(STOP_WORDS))


@given(st.lists(st.sampled_from(["boat", "lamp", "red", "lake", "unknown"]), max_size=5))
def test_scores_are_those_of_the_formula(query: list[str]) -> None:
    index = Bm25Index.build(TEXTS, k1=0.9, b=0.4)
    expected = LuceneBm25([terms(text) for text in TEXTS], k1=0.9, b=0.4, coarse=False).scores(query)
    rows, scores = index.search(" ".join(query), depth=5)
    assert set(rows.tolist()) == set(np.flatnonzero(expected).tolist()), "no document without a term of the query"
    assert scores == pytest.approx(expected[rows], rel=1e-5)


def test_equal_scores_stand_in_the_order_of_the_documents() -> None:
    index = Bm25Index.build(["red boat", "red lamp", "red hill"], k1=0.9, b=0.4)
    assert index.search("red", depth=2)[0].tolist() == [0, 1]


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), max_size=12), st.integers(1, 6))
def test_the_best_are_the_first_of_a_full_sort(values: list[float], depth: int) -> None:
    scores = np.array(values, dtype=np.float32)
    full = sorted((row for row in range(len(values)) if values[row] > 0), key=lambda row: (-values[row], row))
    assert best(scores, depth)[0].tolist() == full[:depth]


def test_an_index_opens_as_it_was_saved(tmp_path: Path) -> None:
    index = Bm25Index.build(TEXTS, k1=1.2, b=0.75)
    for name in ("one", "two"):
        Bm25Index.build(TEXTS, k1=1.2, b=0.75).save(tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files and all((tmp_path / "one" / n).read_bytes() == (tmp_path / "two" / n).read_bytes() for n in files)
    opened = Bm25Index.open(tmp_path / "one")
    assert (opened.num_documents, opened.num_terms) == (index.num_documents, index.num_terms) == (5, 6)
    for query in ("red boats", "lamp", "nothing known"):
        assert [one.tolist() for one in opened.search(query, depth=3)] == [
            one.tolist() for one in index.search(query, depth=3)
        ]


def test_an_index_without_a_term_is_refused() -> None:
    with pytest.raises(UserError, match="no document holds a term"):
        Bm25Index.build(["the", ""], k1=0.9, b=0.4)


@cache
def cacm() -> tuple[list[str], list[str], list[SourceQuery]]:
    """Ids and texts of whole records, and all 64 topics."""
    raw = read_cacm(CacmSet(source="cacm", text="record"), Inputs(None, data("cacm")))
    documents = list(raw.documents)
    return [one.id for one in documents], [f"{one.title}\n{one.text}" for one in documents], list(raw.queries)


def test_cacm_gets_its_published_figures() -> None:
    """Anserini: MAP .3123, P30 .1942; `bm25s` keeps exact document lengths, which moves both by less than .002."""
    reference = json.loads((data("cacm") / "reference.json").read_text())
    names, texts, topics = cacm()
    counted = [terms(text) for text in texts]
    assert sum(map(len, counted)) == reference["index"]["total_terms"] == 320_968
    index = Bm25Index.build(texts, k1=0.9, b=0.4)
    assert index.num_terms == 14_361
    run: Run = {}
    for topic in topics:
        rows, scores = index.search(topic.text, depth=1000)
        run[topic.id] = {names[row]: score for row, score in zip(rows, strictly_falling(scores).tolist(), strict=True)}
    qrels = cacm_qrels()
    values = per_query(run, qrels, {}, list(qrels))
    means = {name: sum(row[name] or 0.0 for row in values.values()) / 52 for name in ("map", "p@30")}
    assert means["map"] == pytest.approx(reference["models"]["bm25"]["MAP"], abs=0.01)
    assert means["p@30"] == pytest.approx(reference["models"]["bm25"]["P30"], abs=0.01)
    assert means == pytest.approx({"map": 0.3129, "p@30": 0.1929}, abs=5e-5)


def test_coarse_lengths_reproduce_the_reference_run() -> None:
    """The same 30 records in the same order for all 64 topics, ties by id; so analyzer and formula are Lucene's."""
    names, texts, topics = cacm()
    scorer = LuceneBm25([terms(text) for text in texts], k1=0.9, b=0.4)
    reference = read_trec(data("cacm") / "anserini-cacm-bm25.run.txt")
    assert len(topics) == len(reference) == 64
    for topic in topics:
        scores = scorer.scores(terms(topic.text))
        ranked = np.argsort(-scores.astype(np.float32), kind="stable")[:30]
        expected = reference[topic.id]
        assert [names[row] for row in ranked] == list(expected), topic.id
        assert scores[ranked] == pytest.approx(list(expected.values()), abs=0.02)
