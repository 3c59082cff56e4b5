"""Readers of retrieval sets: what they keep, how they split, and which files they refuse."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from lineage.errors import UserError
from lineage.retrieval import schemas
from tests.retrieval.set_building import (
    CORPUS,
    QRELS,
    QUERIES,
    beir,
    data,
    documents,
    judged,
    lines,
    queries,
    table,
    taken,
)

TRAIN_AND_TEST = {"source": "beir", "qrels": {"train": "train", "test": "test"}}


def test_beir(tmp_path: Path) -> None:
    made = taken(tmp_path, beir(tmp_path / "beir"), **TRAIN_AND_TEST)
    assert made.kind == "retrieval_set"
    assert [row["id"] for row in documents(made)] == ["d1", "d2", "d3", "d4"]
    assert {name: row["split"] for name, row in queries(made).items()} == {"q1": "train", "q2": "test", "q3": "test"}
    assert judged(made) == {row for rows in QRELS.values() for row in rows}
    assert {name: row["seen"] for name, row in queries(made).items()} == {"q1": True, "q2": False, "q3": False}
    evidence = {(row["query"], row["evidence"], row["document"]) for row in table(made, schemas.EVIDENCE)}
    assert evidence == {("q1", 0, "d1"), ("q2", 0, "d2"), ("q3", 0, "d4")}, "a grade of 0 is no evidence"
    counts = made.manifest.counts
    assert (counts["documents"], counts["queries"], counts["judgements"]) == (4, 3, 5)
    assert (counts["shared identifiers"], counts["documents that share an identifier"]) == (1, 2)


def test_queries_of_other_splits_are_left_out_and_counted(tmp_path: Path) -> None:
    made = taken(tmp_path, beir(tmp_path / "beir"), source="beir")
    assert set(queries(made)) == {"q2", "q3"}
    assert made.manifest.counts["queries of no chosen split"] == 1


def test_a_query_of_two_splits_is_refused(tmp_path: Path) -> None:
    folder = beir(tmp_path / "beir", qrels={"train": [("q1", "d1", 1)], "test": [("q1", "d2", 1)]})
    with pytest.raises(UserError, match="row 2 judges query 'q1' for test, but it is judged for train too"):
        taken(tmp_path, folder, **TRAIN_AND_TEST)


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    folder = beir(tmp_path / "beir")
    (folder / "qrels" / "test.tsv").write_text("q2\td2\t1\n")
    with pytest.raises(UserError, match="must name the columns"):
        taken(tmp_path, folder, source="beir")


def test_a_torn_corpus_is_refused(tmp_path: Path) -> None:
    folder = beir(tmp_path / "beir")
    (folder / "corpus.jsonl").write_text('{"_id": "d1", "title": "Amber"')
    with pytest.raises(UserError, match=r"corpus\.jsonl: row 1 is not JSON"):
        taken(tmp_path, folder, source="beir")


def test_a_missing_file_is_named_with_what_is_there(tmp_path: Path) -> None:
    folder = beir(tmp_path / "beir")
    (folder / "queries.jsonl").unlink()
    with pytest.raises(UserError, match=r"queries\.jsonl: no such file.\n.*corpus\.jsonl, qrels"):
        taken(tmp_path, folder, source="beir")


def squad(path: Path, titles: int = 2, paragraphs: int = 5) -> Path:
    """Articles of five paragraphs with two questions each."""
    articles = [
        {
            "title": f"The_Title_{title}",
            "paragraphs": [
                {
                    "context": f"Paragraph {number}\nof {title}.",
                    "qas": [
                        {"id": f"{title}-{number}-{one}", "question": "Why?", "answers": [{"text": "so"}] * 2}
                        for one in range(2)
                    ],
                }
                for number in range(paragraphs)
            ],
        }
        for title in range(titles)
    ]
    path.write_text(json.dumps({"data": articles}))
    return path


def test_squad_by_title(tmp_path: Path) -> None:
    made = taken(tmp_path, squad(tmp_path / "squad.json"), source="squad")
    first = documents(made)[0]
    assert (first["id"], first["title"]) == ("The_Title_0", "The Title 0")
    assert first["text"].splitlines() == [f"Paragraph {number} of 0." for number in range(5)]
    splits = {name: row["split"] for name, row in queries(made).items()}
    assert [splits[f"0-{number}-0"] for number in range(5)] == ["train"] * 3 + ["validation", "test"]
    row = queries(made)["1-4-1"]
    assert (row["cluster"], row["answers"], row["seen"]) == ("The_Title_1", ["so"], True)


def test_squad_by_paragraph_shares_titles(tmp_path: Path) -> None:
    made = taken(tmp_path, squad(tmp_path / "squad.json"), source="squad", documents="paragraphs")
    assert len(documents(made)) == 10
    assert {row["identifier"] for row in documents(made)} == {"The Title 0", "The Title 1"}
    assert not queries(made)["0-4-0"]["seen"], "its paragraph has no training question"


def test_squad_with_unseen_titles(tmp_path: Path) -> None:
    made = taken(tmp_path, squad(tmp_path / "squad.json", 4), source="squad", unseen_titles=1)
    test = [row for row in queries(made).values() if row["split"] == "test"]
    assert sum(not row["seen"] for row in test) == 10
    assert len({row["cluster"] for row in test if not row["seen"]}) == 1
    with pytest.raises(UserError, match="4 articles"):
        taken(tmp_path / "all", tmp_path / "squad.json", source="squad", unseen_titles=4)


def test_xquad(tmp_path: Path) -> None:
    """48 titles, 240 paragraphs, 1,190 questions, as its README says."""
    made = taken(tmp_path, data("xquad_en") / "xquad.en.json", source="squad", unseen_titles=12)
    assert made.manifest.counts["documents"] == 48
    assert made.manifest.counts["queries"] == 1190
    assert made.manifest.counts["documents with training queries"] == 36
    assert {"Fresno, California", "Sky (United Kingdom)"} <= {row["title"] for row in documents(made)}


def test_cacm(tmp_path: Path) -> None:
    """Titles as the study counts them: 3,007 different ones, 148 of which 345 records share."""
    made = taken(tmp_path, data("cacm"), source="cacm")
    counts = made.manifest.counts
    assert (counts["documents"], counts["queries"], counts["judgements"]) == (3204, 52, 796)
    assert (counts["identifiers"], counts["shared identifiers"]) == (3007, 148)
    assert counts["documents that share an identifier"] == 345
    assert counts["queries without a relevant document, left out"] == 12
    rows = documents(made)
    assert sum(bool(row["text"]) for row in rows) == 1589, "records with an abstract"
    assert max(len(row["title"].split()) for row in rows) == 44
    assert not any(" JB " in row["text"] or "\t5\t" in row["text"] for row in rows), "dates and cited records"


def test_judgements_of_cacm_name_records_without_zeros(tmp_path: Path) -> None:
    made = taken(tmp_path, data("cacm"), source="cacm")
    assert ("5", "CACM-0756", 1) in judged(made), "the file says CACM-756"


def page(title: str, words: str) -> str:
    return f"<H1> {title} </H1> <P> {words} first. </P> <Ul> <Li> An item </Li> </Ul>"


def test_nq320k_keeps_the_first_document_of_a_title(tmp_path: Path) -> None:
    folder = tmp_path / "nq"
    rows = [
        {"example_id": 1, "question_text": "who", "document_text": page("Caf\u00e9 Noir's", "One")},
        {"example_id": 2, "question_text": "what", "document_text": page("cafe noir 's", "Two")},
    ]
    tokens = [{"token": token, "html_token": token.startswith("<")} for token in page("Other", "Three").split()]
    folder.mkdir()
    with gzip.open(folder / "train.jsonl.gz", "wt") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))
    lines(folder / "dev.jsonl", [{"example_id": 3, "question_text": "how", "document_tokens": tokens}])
    spec = {"source": "nq320k", "train": "train.jsonl.gz", "test": "dev.jsonl"}
    made = taken(tmp_path, folder, **spec, expected=None)
    assert [(row["id"], row["title"]) for row in documents(made)] == [("d0", "cafe noir ' s"), ("d1", "other")]
    assert documents(made)[0]["text"] == "One first.\nOne first. An item"
    assert judged(made) == {("1", "d0", 1), ("2", "d0", 1), ("3", "d1", 1)}
    with pytest.raises(UserError, match=r"2 documents, 2 training and 1 test questions, but NQ-320k has 109,739"):
        taken(tmp_path / "whole", folder, **spec)


def test_genret(tmp_path: Path) -> None:
    folder = tmp_path / "genret"
    folder.mkdir()
    files: dict[str, Any] = {
        "corpus_lite.json": ["one two three four", "five six"],
        "train.json": [["q a", 0]],
        "dev.json": [["q b", 0], ["q c", 1]],
        "dev.json.seen": [["q b", 0]],
        "dev.json.unseen": [["q c", 1]],
    }
    for name, rows in files.items():
        (folder / name).write_text(json.dumps(rows))
    made = taken(tmp_path, folder, source="genret", title_words=3)
    assert [row["identifier"] for row in documents(made)] == ["one two three", "five six"]
    assert [row["seen"] for row in queries(made).values()] == [True, True, False]
    assert made.manifest.counts["dev.json.seen"] == made.manifest.counts["dev.json.unseen"] == 1


def kilt_folder(folder: Path, **changes: Any) -> Path:
    pages = [
        {
            "wikipedia_id": str(number),
            "wikipedia_title": f"Page {number}",
            "text": [f"Page {number}\n", "Told.\n", "B\n"],
        }
        for number in range(1, 5)
    ]
    lines(folder / "kilt_knowledgesource.json", pages)
    provenance = [[{"wikipedia_id": "1"}, {"wikipedia_id": 2}], [{"wikipedia_id": "3"}, {"wikipedia_id": "3"}]]
    rows = {
        "train": [{"id": "t", "input": "why", "output": [{"answer": "so", "provenance": [{"wikipedia_id": "1"}]}]}],
        "dev": [
            {"id": "a", "input": "what", "output": [{"answer": "x", "provenance": one} for one in provenance]},
            {"id": "b", "input": "who", "output": [{"answer": "nobody"}]},
        ],
    } | changes
    for split, part in rows.items():
        lines(folder / f"nq-{split}-kilt.jsonl", part)
    return folder


def test_kilt(tmp_path: Path) -> None:
    made = taken(tmp_path, kilt_folder(tmp_path / "kilt"), source="kilt", task="nq")
    assert (documents(made)[0]["id"], documents(made)[0]["text"]) == ("1", "Told.\nB")
    evidence = [(row["evidence"], row["document"]) for row in table(made, schemas.EVIDENCE) if row["query"] == "a"]
    assert evidence == [(0, "1"), (0, "2"), (1, "3")], "ids are text, and a page stands once in a set"
    assert "b" in queries(made), "a question without pages is kept, and scores 0"
    few = taken(tmp_path / "few", tmp_path / "kilt", source="kilt", task="nq", pages="judged")
    assert [row["id"] for row in documents(few)] == ["1", "2", "3"]


def test_kilt_questions_without_text_are_asked_for(tmp_path: Path) -> None:
    folder = kilt_folder(tmp_path / "kilt")
    for split in ("train", "dev"):
        lines(folder / f"triviaqa-{split}_id-kilt.jsonl", [{"id": f"{split}1", "output": []}])
    with pytest.raises(UserError, match="question 'train1' has no text"):
        taken(tmp_path, folder, source="kilt", task="triviaqa")
    entries = [{"QuestionId": f"{split}1", "Question": f"which {split}"} for split in ("train", "dev")]
    (folder / "unfiltered.json").write_text(json.dumps({"Data": entries}))
    made = taken(tmp_path, folder, source="kilt", task="triviaqa", questions=["unfiltered.json"])
    assert [row["text"] for row in queries(made).values()] == ["which train", "which dev"]


def test_nq_open(tmp_path: Path) -> None:
    made = taken(tmp_path, data("nq_open") / "NQ-open.dev.jsonl", source="nq_open")
    assert (made.manifest.counts["queries"], made.manifest.counts["documents"]) == (3610, 0)


def test_hub_tables(tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    lines(folder / "corpus.jsonl", CORPUS)
    lines(folder / "queries.jsonl", QUERIES)
    lines(folder / "qrels.jsonl", [{"query-id": q, "corpus-id": d, "score": s} for q, d, s in QRELS["test"]])
    spec = {
        "source": "hub",
        "documents": {"file": "corpus.jsonl"},
        "queries": {"file": "queries.jsonl"},
        "qrels": {"test": {"file": "qrels.jsonl"}},
    }
    made = taken(tmp_path, folder, **spec)
    assert judged(made) == set(QRELS["test"])
    with pytest.raises(UserError, match="no column 'titel'"):
        taken(tmp_path / "column", folder, **spec, columns={"title": "titel"})
