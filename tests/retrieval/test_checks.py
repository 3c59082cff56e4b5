"""Bad judgements, ids and titles: each a clear error, or mended as the config says and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.config.retrieval_sets import BeirSet
from lineage.errors import UserError
from lineage.retrieval.sets.identifiers import Identifiers
from tests.retrieval.set_building import CORPUS, beir, documents, taken

LONG = " ".join(f"w{number}" for number in range(70))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("q9", "d1", 1), r"qrels/test\.tsv row 3 judges the query 'q9', which is not among the queries"),
        (("d1", "q1", 1), "two columns are swapped"),
        (("q1", "d9", 1), r"row 3 judges document 'd9' for query 'q1', which is not among the documents \(1 of 2"),
        (("q1", "d2", -1), r"row 3 gives the negative grade -1 to document 'd2'"),
        (("q1", "d1", 1), r"row 3 judges document 'd1' for query 'q1' once more \(first in qrels/test\.tsv row 2\)"),
    ],
)
def test_bad_judgements(tmp_path: Path, row: tuple[str, str, int], message: str) -> None:
    folder = beir(tmp_path / "beir", qrels={"test": [("q1", "d1", 1), row]})
    with pytest.raises(UserError, match=message):
        taken(tmp_path, folder, source="beir")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("q1", "d1", 0), ("q2", "d2", 0)], "all 2 grades are 0"),
        (
            [
                (q, d, int(d != gold))
                for q, gold in (("q1", "d1"), ("q2", "d2"))
                for d in ("d1", "d2", "d3", "d4", "d5")
            ],
            "grades look inverted: every query has a document of grade 0, and other grades are 4 times as frequent",
        ),
    ],
)
def test_inverted_grades(tmp_path: Path, rows: list[tuple[str, str, int]], message: str) -> None:
    corpus = [*CORPUS, {"_id": "d5", "title": "Fifth", "text": "More."}]
    folder = beir(tmp_path / "beir", corpus, qrels={"test": rows})
    with pytest.raises(UserError, match=message):
        taken(tmp_path, folder, source="beir")
    if any(grade for *_, grade in rows):
        assert taken(tmp_path, folder, source="beir", grades="trusted")


@pytest.mark.parametrize("name", ["a b", "", "tab\there"])
def test_ids_are_one_word(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="the id of a document is"):
        taken(tmp_path, beir(tmp_path / "beir", [*CORPUS, {"_id": name, "title": "T", "text": "x"}]), source="beir")


def test_a_repeated_id(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="duplicate id 'd2': document 2 and document 5"):
        taken(tmp_path, beir(tmp_path / "beir", [*CORPUS, CORPUS[1]]), source="beir")


@pytest.mark.parametrize(
    ("title", "spec", "outcome"),
    [
        ("", {}, "document 'd5' has an empty title"),
        ("  ", {}, "document 'd5' has an empty title"),
        ("", {"empty_titles": "first_words", "title_words": 2}, ["The text"]),
        ("", {"empty_titles": "none"}, [""]),
        (LONG, {}, "document 'd5' has a title of 70 words, at most 64 are allowed"),
        (LONG, {"long_titles": "cut", "max_title_words": 2}, ["w0 w1"]),
        (" Amber \n Lake ", {}, ["Amber Lake"]),
        ("Amber Lake", {"identifiers": "disambiguate"}, ["Amber Lake (3)"]),
    ],
)
def test_titles(tmp_path: Path, title: str, spec: dict[str, Any], outcome: str | list[str]) -> None:
    folder = beir(tmp_path / "beir", [*CORPUS, {"_id": "d5", "title": title, "text": "The text of it."}])
    if isinstance(outcome, str):
        with pytest.raises(UserError, match=outcome):
            taken(tmp_path, folder, source="beir", **spec)
    else:
        assert documents(taken(tmp_path, folder, source="beir", **spec))[-1]["identifier"] == outcome[0]


def test_a_corpus_without_titles_names_the_remedies(tmp_path: Path) -> None:
    corpus = [{key: value for key, value in row.items() if key != "title"} for row in CORPUS]
    with pytest.raises(UserError, match=r"empty_titles: first_words`[^.]*empty_titles: none"):
        taken(tmp_path, beir(tmp_path / "beir", corpus), source="beir")


@given(st.lists(st.sampled_from(["a", "a (2)", "a (3)", "b", "A"]), max_size=12))
def test_disambiguated_identifiers_differ(titles: list[str]) -> None:
    names = Identifiers(BeirSet(source="beir", identifiers="disambiguate"), "here")
    made = [names.name(f"d{number}", title, "") for number, title in enumerate(titles)]
    assert len(set(made)) == len(titles)
    assert all(name.startswith(title) for name, title in zip(made, titles, strict=True))
    counts = names.counts()
    assert (counts["identifiers"], counts["shared identifiers"]) == (len(titles), 0)
