"""`lineage search`: rankings of a set's queries, of any text, and where a retriever fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lineage.artifact import Artifact
from tests.cli.conftest import ask, call
from tests.retrieval.set_building import beir
from tests.stages.building import run_stage


@pytest.fixture
def searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Artifact:
    """A set, BM25 and a fusion, where the workflow would have put them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("experiment: tiny\n")
    root = tmp_path / "results" / "tiny"
    rows = {"test": [("q1", "d3", 1), ("q2", "d2", 1), ("q3", "d4", 2)]}
    spec = {"source": "beir"}
    of = run_stage(
        "retrieval_set", root / "data" / "retrieval" / "small", spec, source=beir(tmp_path / "b", qrels=rows)
    )
    inputs: dict[str, Artifact | list[Artifact] | None] = {"retrieval_set": of}
    bm25 = run_stage("bm25", root / "retrieval" / "bm25", {"splits": ["test"]}, inputs=inputs)
    run_stage("hybrid", root / "retrieval" / "both", {"splits": ["test"]}, inputs=inputs | {"runs": [bm25, bm25]})
    return bm25


def test_a_query_of_the_set_shows_what_was_found(searched: Artifact) -> None:
    answer = ask("search", "bm25", "q3")
    assert (answer["retriever"], answer["query"]) == ("retrieval/bm25", "which baker plays the flute")
    first = answer["found"][0]
    assert (first["rank"], first["document"], first["relevant"], first["title"]) == (1, "d4", True, "Mira Soltan")
    assert ask("search", "both", "q3")["found"][0]["document"] == "d4"


def test_any_text_is_searched_for(searched: Artifact) -> None:
    found = ask("search", "bm25", "singing in old halls")["found"]
    assert [one["document"] for one in found] == ["d2"]
    assert found[0]["relevant"] is None
    assert ask("search", "bm25", "nothing of it", "--limit", "3")["found"] == []


def test_errors_are_listed_with_the_rank_of_the_right_document(searched: Artifact) -> None:
    """`where do boats sail` has d1 first, which is not relevant here, and d3 shares no word with it."""
    answer = ask("search", "bm25", "--errors")
    assert answer["queries"] == 3
    assert answer["errors"] == [
        {"query": "q1", "text": "where do boats sail", "found": "d1", "relevant": ["d3"], "rank": None}
    ]
    assert "1 of 3 test queries" in call("search", "bm25", "--errors").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("both", "any text"), "hybrid answers no others here"),
        (("bm25",), "give either a query or --errors"),
        (("bm25", "q1", "--errors"), "give either a query or --errors"),
        (("bm25", "--errors", "--split", "train"), "--split is 'train', but retrieval/bm25 searched for: test"),
    ],
)
def test_mistakes_are_told(searched: Artifact, arguments: tuple[str, ...], message: str) -> None:
    result = call("search", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_an_index_of_other_documents_is_refused(searched: Artifact) -> None:
    params = searched.folder / "index" / "params.index.json"
    params.write_text(json.dumps(json.loads(params.read_text()) | {"num_docs": 9}, indent=4))
    result = call("search", "bm25", "lake")
    assert (result.exit_code, "its index has 9 rows, but its set has 4 documents" in result.stderr) == (2, True)
