"""Retrieve, then read, from the world to the table: what is asked, what is foretold, what is counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lineage.artifact import Artifact, ArtifactWriter
from lineage.errors import UserError
from lineage.evaluation.examples import EXAMPLES, write_examples
from lineage.evaluation.generation import Answer
from lineage.evaluation.items import ITEMS, Item, read_items
from lineage.evaluation.labelling import labelled
from lineage.reading.items import SHOWN
from lineage.retrieval.schemas import QUERIES, RUN
from lineage.world.tables import TEST_ROLE
from tests.stages.building import run_stage
from tests.world.worlds import SMALL

RUNS = ["bm25", "titles"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reading")


@pytest.fixture(scope="module")
def world(folder: Path) -> Artifact:
    return run_stage("world", folder / "world", SMALL)


@pytest.fixture(scope="module")
def documents(folder: Path, world: Artifact) -> Artifact:
    spec = {"source": "world", "training_queries": 60}
    return run_stage("retrieval_set", folder / "set", spec, inputs={"world": world})


@pytest.fixture(scope="module")
def runs(folder: Path, documents: Artifact) -> list[Artifact]:
    found = {"bm25": "title_and_text", "titles": "title"}
    inputs = {"retrieval_set": documents}
    return [run_stage("bm25", folder / name, {"text": text}, inputs=inputs) for name, text in found.items()]


@pytest.fixture(scope="module")
def prompts(folder: Path, world: Artifact, documents: Artifact, runs: list[Artifact]) -> Artifact:
    inputs = {"world": world, "retrieval_set": documents, "runs": runs}
    return run_stage("reading_prompts", folder / "prompts", {"runs": RUNS}, inputs=inputs)


@pytest.fixture(scope="module")
def validation(folder: Path, world: Artifact) -> Artifact:
    return run_stage("reading_validation", folder / "validation", {"passages": 20}, inputs={"world": world})


def answered(folder: Path, prompts: Artifact, says: Callable[[Item], str]) -> Artifact:
    """Scores of a model that says what it is told to."""
    items = read_items(prompts.path(ITEMS))
    out = ArtifactWriter.create(folder, state=folder.with_name(f"{folder.name}.state"))
    out.kind = "scores"
    examples = labelled("reading", items, [Answer(item.id, says(item), True, 5) for item in items])
    write_examples(examples, out.path(EXAMPLES))
    return out.close(stage="score_safety", spec={}, code={}, inputs={})


def told_by_the_passage(item: Item) -> str:
    """A reader: the candidate that stands in the prompt."""
    found = [one for one in item.candidates if re.search(rf"\b{one}\b", item.prompt[0].content)]
    return f"It is {found[0]}." if found else "Nobody knows."


@pytest.fixture(scope="module")
def foretold(folder: Path, documents: Artifact, runs: list[Artifact], validation: Artifact) -> Artifact:
    answers = answered(folder / "validation_scores", validation, told_by_the_passage)
    inputs = {"retrieval_set": documents, "runs": runs, "answers": answers}
    return run_stage("reading_forecast", folder / "forecast", {"runs": RUNS}, inputs=inputs)


def rows(artifact: Artifact, file: str) -> list[dict[str, Any]]:
    return pq.read_table(artifact.path(file)).to_pylist()


def test_every_condition_is_asked_of_every_fact(world: Artifact, prompts: Artifact) -> None:
    shown, items = rows(prompts, SHOWN), {one.id: one for one in read_items(prompts.path(ITEMS))}
    facts = {row["id"]: row for row in rows(world, "facts.parquet")}
    by_condition: dict[str, set[str]] = {}
    for row in shown:
        by_condition.setdefault(f"{row['condition']} {row['run']}".strip(), set()).add(row["fact"])
        assert facts[row["fact"]]["role"] == TEST_ROLE and facts[row["fact"]]["level"] == row["level"]
        assert items[row["item"]].facts == (row["fact"],)
    assert set(by_condition) == {"closed book", "oracle", "random", "swapped", "retrieved bm25", "retrieved titles"}
    assert len({frozenset(one) for one in by_condition.values()}) == 1
    assert set(items) == {row["item"] for row in shown}


def test_passages_stand_before_the_same_question(world: Artifact, prompts: Artifact) -> None:
    articles = {row["id"]: row["text"] for row in rows(world, "articles.parquet")}
    items = {one.id: one.prompt[0].content for one in read_items(prompts.path(ITEMS))}
    shown = rows(prompts, SHOWN)
    alone = {row["fact"]: items[row["item"]] for row in shown if row["condition"] == "closed book"}
    for row in shown:
        asked = items[row["item"]]
        assert asked.endswith(alone[row["fact"]])
        if row["condition"] in ("oracle", "random"):
            assert asked == f"{articles[row['document']]} {alone[row['fact']]}"
        assert (row["document"] == row["subject"]) == (row["condition"] in ("oracle", "swapped")) or row["run"]


def test_swapped_passages_differ_in_the_value_alone(world: Artifact, prompts: Artifact) -> None:
    facts = {row["id"]: row for row in rows(world, "facts.parquet")}
    articles = {row["id"]: row["text"] for row in rows(world, "articles.parquet")}
    swapped = [one for one in read_items(prompts.path(ITEMS)) if one.task == "read_swapped"]
    assert swapped
    for item in swapped:
        fact = facts[item.facts[0]]
        assert item.target != fact["value"] and item.target in item.candidates
        before, now = articles[fact["subject"]].split(), item.prompt[0].content.split()
        differing = [(one, two) for one, two in zip(before, now, strict=False) if one != two]
        assert [re.sub(r"\W", "", one) for pair in differing for one in pair] == [fact["value"], item.target]


def test_a_retrieved_passage_is_the_run_s_first_document(
    documents: Artifact, runs: list[Artifact], prompts: Artifact
) -> None:
    asked = {row["fact"]: row["id"] for row in rows(documents, QUERIES) if row["split"] == "test" and row["fact"]}
    first = {row["query"]: row["document"] for row in rows(runs[0], RUN) if row["rank"] == 1}
    shown = [row for row in rows(prompts, SHOWN) if row["run"] == "bm25"]
    assert {row["fact"]: row["document"] for row in shown} == {
        row["fact"]: first.get(asked[row["fact"]], "") for row in shown
    }


def test_a_reader_reads_and_a_knower_recalls(folder: Path, prompts: Artifact, foretold: Artifact) -> None:
    truth = {row["item"]: row["value"] for row in rows(prompts, SHOWN)}
    for name, says in (("reader", told_by_the_passage), ("knower", lambda item: f"It is {truth[item.id]}.")):
        answers = answered(folder / f"{name}_scores", prompts, says)
        inputs = {"prompts": prompts, "answers": answers, "forecast": foretold}
        made = run_stage("reading", folder / name, {"runs": RUNS, "samples": 50}, inputs=inputs)
        found = rows(made, "readings.parquet")
        right = {
            condition: [row["correct"] for row in found if row["condition"] == condition]
            for condition in ("closed book", "oracle", "swapped")
        }
        reads = name == "reader"
        assert all(right["oracle"])
        assert all(right["swapped"]) == reads and any(right["swapped"]) == reads
        assert any(right["closed book"]) != reads
        assert all(row["recalled"] != reads for row in found if row["condition"] == "swapped")
        retrieved = [row for row in found if row["run"] == "bm25" and row["found"]]
        assert retrieved and all(row["correct"] for row in retrieved)
        table = rows(made, "recall.parquet")
        assert {row["condition"] for row in table} == {"closed book", "oracle", "random", "swapped", *RUNS}
        assert {row["exposures"] for row in table} == set(SMALL["exposure_levels"])


def test_the_forecast_is_hits_times_reading(foretold: Artifact, documents: Artifact, runs: list[Artifact]) -> None:
    found = {(row["quantity"], row["run"]): row["value"] for row in rows(foretold, "forecast.parquet")}
    assert found["reads the right passage", ""] == 1.0
    wrong = found["right behind a wrong passage", ""]
    for run in RUNS:
        hit = found["hit rate", run]
        assert found["reader", run] == pytest.approx(hit + (1 - hit) * wrong)
    assert found["hit rate", "bm25"] > 0
    assert not any(quantity == "crossing" for quantity, _ in found), "study 1 forecast nothing"


def test_no_test_query_reaches_the_forecast(
    folder: Path, documents: Artifact, runs: list[Artifact], validation: Artifact, foretold: Artifact
) -> None:
    """A run holds what was found for test queries too: without these rows the forecast is the same."""
    splits = {row["id"]: row["split"] for row in rows(documents, QUERIES)}
    blinded = []
    for name, run in zip(RUNS, runs, strict=True):
        table = pq.read_table(run.path(RUN))
        kept = table.filter([splits[query] != "test" for query in table.column("query").to_pylist()])
        assert kept.num_rows < table.num_rows
        out = ArtifactWriter.create(folder / f"{name}_blinded", state=folder / f"{name}_blinded.state")
        out.kind, out.counts = run.kind, dict(run.manifest.counts)
        pq.write_table(kept, out.path(RUN))
        blinded.append(out.close(stage="bm25", spec={}, code={}, inputs={}))
    answers = answered(folder / "validation_again", validation, told_by_the_passage)
    inputs = {"retrieval_set": documents, "runs": blinded, "answers": answers}
    again = run_stage("reading_forecast", folder / "forecast_blinded", {"runs": RUNS}, inputs=inputs)
    assert again.manifest.files == foretold.manifest.files


def test_answers_to_test_items_forecast_nothing(
    folder: Path, documents: Artifact, runs: list[Artifact], prompts: Artifact
) -> None:
    answers = answered(folder / "leak_scores", prompts, told_by_the_passage)
    inputs = {"retrieval_set": documents, "runs": runs, "answers": answers}
    with pytest.raises(UserError, match="answers to test items"):
        run_stage("reading_forecast", folder / "leak", {"runs": RUNS}, inputs=inputs)


def test_answers_to_other_prompts_are_refused(
    folder: Path, prompts: Artifact, validation: Artifact, foretold: Artifact
) -> None:
    answers = answered(folder / "other_scores", validation, told_by_the_passage)
    with pytest.raises(UserError, match="was not answered"):
        inputs = {"prompts": prompts, "answers": answers, "forecast": foretold}
        run_stage("reading", folder / "other", {"runs": RUNS}, inputs=inputs)


def test_conversations_ask_no_test_fact_and_answer_from_the_passage(folder: Path, world: Artifact) -> None:
    spec = {"passages": 40, "questions": 2}
    made = run_stage("reading_conversations", folder / "conversations", spec, inputs={"world": world})
    values = {word for row in rows(world, "attributes.parquet") for word in row["values"]}
    for row in rows(made, "conversations.parquet"):
        user, *others = row["messages"]
        assert [one["role"] for one in row["messages"]] == ["user", "assistant"] * (len(row["messages"]) // 2)
        for said in (one["content"] for one in others if one["role"] == "assistant"):
            told = [word for word in re.findall(r"\w+", said) if word in values]
            assert told and all(re.search(rf"\b{word}\b", user["content"]) for word in told)
    again = run_stage("reading_conversations", folder / "conversations_again", spec, inputs={"world": world})
    assert again.digest == made.digest
