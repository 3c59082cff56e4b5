"""A bi-encoder learns which document answers which query; its index and run follow."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from lineage.artifact import Artifact
from lineage.config.dense import BiEncoder, DenseReading
from lineage.errors import StoppedEarly, UserError
from lineage.retrieval.bi_encoder import PairBatches
from lineage.retrieval.dense import document_text, encode_texts, open_encoder
from lineage.retrieval.nearest import NearestIndex
from lineage.retrieval.runs import read_run
from lineage.retrieval.schemas import DOCUMENT_SCHEMA, RUN
from lineage.stages import dense_index
from tests.retrieval.building import TEXTS, TITLES, retrieval_set, t5
from tests.stages.building import in_many_runs, names_in, rows_of, run_stage, write

SPEC: dict[str, Any] = {
    "steps": 60,
    "batch_queries": 8,
    "optimization": {"peak_learning_rate": 5e-3, "warmup_steps": 2, "weight_decay": 0.0},
}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return t5(tmp_path_factory.mktemp("t5") / "t5")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return retrieval_set(tmp_path_factory.mktemp("set") / "set")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, start: Artifact, documents: Artifact) -> Artifact:
    return train(tmp_path_factory.mktemp("dense") / "bi", start, documents)


def train(folder: Path, start: Artifact, documents: Artifact, **changes: Any) -> Artifact:
    return run_stage("bi_encoder", folder, SPEC | changes, inputs={"start": start, "retrieval_set": documents})


def index_of(
    folder: Path, model: Artifact, documents: Artifact, vocabulary: Artifact | None = None, **spec: Any
) -> Any:
    inputs = {"model": model, "retrieval_set": documents, "vocabulary": vocabulary}
    return run_stage("dense_index", folder, {"depth": 5} | spec, inputs=inputs)


def hits_at_1(run: Artifact, documents: Artifact) -> float:
    found = read_run(run.path(RUN))
    relevant = {row["query"]: row["document"] for row in rows_of(documents, "qrels.parquet")}
    return float(np.mean([next(iter(ranking)) == relevant[query] for query, ranking in found.items()]))


def rotated(folder: Path, documents: Artifact) -> Artifact:
    """The same queries, but each is answered by the next document, whose words it does not hold."""
    tables = {name: pq.read_table(documents.path(f"{name}.parquet")) for name in ("documents", "queries", "qrels")}
    rows = tables["documents"].to_pylist()
    moved = [one | {"id": other["id"]} for one, other in zip(rows[1:] + rows[:1], rows, strict=True)]
    return write(folder, "retrieval_set", tables | {"documents": pa.Table.from_pylist(moved, schema=DOCUMENT_SCHEMA)})


def test_training_learns_what_no_word_tells(tmp_path: Path, start: Artifact, documents: Artifact) -> None:
    moved = rotated(tmp_path / "set", documents)
    trained = train(tmp_path / "bi", start, moved, steps=150)
    before = index_of(tmp_path / "before", start, moved, splits=["train"])
    after = index_of(tmp_path / "after", trained, moved, splits=["train"])
    assert hits_at_1(after, moved) > 0.9
    assert hits_at_1(before, moved) < 0.4


def test_the_manifest_says_what_was_searched(tmp_path: Path, documents: Artifact, trained: Artifact) -> None:
    made = index_of(tmp_path / "index", trained, documents)
    assert made.manifest.counts["recall of exact"] == 1
    assert made.manifest.counts["queries"] == 16  # test and validation, not training queries
    assert json.loads((made.folder / "run.json").read_text())["search"]["milliseconds a query"] > 0


def test_the_folder_gives_the_vectors_of_the_training(trained: Artifact, tmp_path: Path, documents: Artifact) -> None:
    assert {"modules.json", "1_Pooling", "model.safetensors", "tokenizer.json"} <= set(names_in(trained.folder))
    encoder, tokenizer, reading = open_encoder(trained.folder, DenseReading())
    made = index_of(tmp_path / "index", trained, documents, factory="Flat")
    opened = NearestIndex.open(made.folder, model=trained.digest, documents=documents.digest, rows=len(TEXTS))
    texts = [document_text(title, text) for title, text in zip(TITLES, TEXTS, strict=True)]
    vectors = encode_texts(encoder, tokenizer, texts, max_tokens=reading.max_tokens)
    scores, rows = opened.search(vectors, 1)
    np.testing.assert_allclose(scores[:, 0], 1, atol=1e-5)
    assert [texts[row] for row in rows[:, 0]] == texts


def test_a_narrow_bi_encoder_has_narrow_vectors(tmp_path: Path, start: Artifact, documents: Artifact) -> None:
    narrow = train(tmp_path / "narrow", start, documents, dimension=3, steps=2, similarity="dot", temperature=1.0)
    assert "2_Dense" in names_in(narrow.folder)
    made = index_of(tmp_path / "index", narrow, documents)
    assert made.manifest.counts["dimension"] == 3
    assert open_encoder(narrow.folder, DenseReading())[2].similarity == "dot"


def test_a_run_that_was_interrupted_ends_with_the_same_bytes(
    tmp_path: Path, start: Artifact, documents: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(tmp_path / "whole", start, documents, steps=8)
    inner = PairBatches.__call__

    def stops(self: PairBatches, step: int) -> Any:
        if step == 5:
            raise StoppedEarly("as a wall limit would")
        return inner(self, step)

    inputs = {"start": start, "retrieval_set": documents}
    with monkeypatch.context() as patched, pytest.raises(StoppedEarly):
        patched.setattr(PairBatches, "__call__", stops)
        run_stage("bi_encoder", tmp_path / "parts", SPEC | {"steps": 8}, inputs=inputs, save_minutes=1e-9)
    parts = train(tmp_path / "parts", start, documents, steps=8)
    assert json.loads((parts.folder / "run.json").read_text())["training"]["resumed_at"] > 0
    assert parts.manifest.files["model.safetensors"] == whole.manifest.files["model.safetensors"]


def test_documents_of_the_same_query_are_no_rivals(start: Artifact) -> None:
    _, tokenizer, _ = open_encoder(start.folder, DenseReading())
    config = BiEncoder(steps=1, batch_queries=3)
    batch = PairBatches(["red lake", "old town"], TEXTS, {0: [0, 2], 1: [4]}, tokenizer, config)(0)
    assert batch.targets["no_rival"].sum() == 2 * 2 + 1
    assert batch.count == 3
    assert batch.tokens == int(batch.inputs["query_mask"].sum() + batch.inputs["document_mask"].sum())


def test_the_table_is_searched_by_a_frozen_body(tmp_path: Path, start: Artifact, documents: Artifact) -> None:
    inputs = {"encoder": start, "retrieval_set": documents}
    vocabulary = run_stage("contextual_vocabulary", tmp_path / "vocabulary", {"clusters": "all"}, inputs=inputs)
    made = index_of(tmp_path / "table", start, documents, vocabulary)
    assert made.manifest.counts["documents"] == len(TITLES)
    assert len(read_run(made.path(RUN))) == 16


def test_a_set_without_training_queries_is_refused(tmp_path: Path, start: Artifact) -> None:
    bare = retrieval_set(tmp_path / "set", unseen=range(len(TITLES)))
    with pytest.raises(UserError, match="no training query with a relevant document"):
        train(tmp_path / "bi", start, bare)


def test_a_step_must_not_be_parted(tmp_path: Path, start: Artifact, documents: Artifact) -> None:
    inputs = {"start": start, "retrieval_set": documents}
    with pytest.raises(UserError, match="must not be parted"):
        run_stage("bi_encoder", tmp_path / "bi", SPEC, inputs=inputs, micro_batch_rows=4)


@pytest.fixture(autouse=True)
def threads_kept() -> Any:
    """Stages set the thread count of the process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("factory", ["Flat", "HNSW4"])
def test_an_index_that_is_stopped_again_and_again_ends_with_the_same_bytes(
    tmp_path: Path, trained: Artifact, documents: Artifact, monkeypatch: pytest.MonkeyPatch, factory: str
) -> None:
    monkeypatch.setattr(dense_index, "DOCUMENTS_TOGETHER", 3)
    monkeypatch.setattr(dense_index, "TOGETHER", 5)
    spec, inputs = {"depth": 3, "factory": factory}, {"model": trained, "retrieval_set": documents}
    whole = run_stage("dense_index", tmp_path / "whole", spec, inputs=inputs)
    stopped, runs = in_many_runs(
        lambda minutes: run_stage("dense_index", tmp_path / "stopped", spec, inputs=inputs, minutes=minutes)
    )
    assert stopped.digest == whole.digest
    assert runs == math.ceil(len(TEXTS) / 3) + 1 + math.ceil(16 / 5)
    assert json.loads((stopped.folder / "run.json").read_text())["search"]["seconds"] > 0
