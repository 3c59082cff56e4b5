"""Generative retrievers learn, resume bit for bit, and get new rows in the middle of their training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lineage.artifact import Artifact
from lineage.errors import UserError
from lineage.models.decoder_heads import decoder_states
from lineage.models.encoder_decoder import open_t5, open_t5_tokenizer, output_table
from lineage.retrieval.examples import read_examples
from lineage.retrieval.runs import read_run
from lineage.retrieval.tables import read_qrels
from lineage.retrieval.vocabulary import Vocabulary, open_table
from tests.retrieval.building import TITLES, retrieval_set, t5
from tests.stages.building import run_stage

OPTIMIZATION = {"batch_pairs": 8, "peak_learning_rate": 1e-2, "schedule": "constant", "weight_decay": 0.0}
TRAINED, FROZEN = {"table": "trainable"}, {"table": "frozen"}


class World:
    """A set, a T5 and a vocabulary of both."""

    def __init__(self, folder: Path):
        self.documents = retrieval_set(folder / "set")
        self.t5 = t5(folder / "t5")
        self.vocabulary = vocabulary(folder / "vocabulary", self, self.t5)


def vocabulary(folder: Path, world: World, encoder: Artifact, **spec: Any) -> Artifact:
    return run_stage(
        "contextual_vocabulary",
        folder,
        {"clusters": 2} | spec,
        inputs={"encoder": encoder, "retrieval_set": world.documents},
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def trained(folder: Path, world: World, last: int, *, steps: int | None = None, **changes: Any) -> Artifact:
    start, rows = changes.pop("start", world.t5), changes.pop("rows", world.vocabulary)
    execution = changes.pop("execution", {})
    spec = {"steps": steps or last, "last_step": last, "optimization": OPTIMIZATION, "measure_every": 5}
    if rows is None:
        spec["decoder"] = None
    inputs = {"start": start, "retrieval_set": world.documents, "vocabulary": rows}
    return run_stage("retriever", folder, spec | changes, inputs=inputs, **execution)


def log(made: Artifact) -> list[dict[str, float]]:
    return [json.loads(line) for line in made.path("training.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "decoder", [TRAINED, FROZEN, TRAINED | {"logit_scale": "inverse_root"}, {"input_scale": "match"}]
)
def test_a_contextual_retriever_learns_its_training_queries(
    tmp_path: Path, world: World, decoder: dict[str, Any]
) -> None:
    made = trained(tmp_path / "retriever", world, 120, decoder=decoder)
    lines = [line for line in log(made) if "loss" in line]
    assert lines[-1]["loss"] < 0.2 * lines[0]["loss"]
    assert log(made)[-1]["validation_exact"] > 0.5, "validation queries say the same in another order"
    table = output_table(open_t5(made.folder)).detach().numpy()
    began = open_table(world.vocabulary.folder, Vocabulary.open(world.vocabulary.folder))
    assert np.array_equal(table, began) == (decoder.get("table") == "frozen")


def test_an_ordinary_retriever_learns_too(tmp_path: Path, world: World) -> None:
    made = trained(tmp_path / "retriever", world, 120, rows=None)
    assert log(made)[-1]["validation_exact"] > 0.5
    opened, tokenizer = Vocabulary.open(made.folder), open_t5_tokenizer(made.folder)
    assert tokenizer.decode(opened.path(0)[:-1]).strip() == TITLES[0]
    assert opened.num_rows == len(output_table(open_t5(made.folder)))


def test_queries_of_other_documents_do_not_generalise(tmp_path: Path, world: World) -> None:
    wrong = World.__new__(World)
    wrong.documents, wrong.t5 = retrieval_set(tmp_path / "set", mislabelled=True), world.t5
    wrong.vocabulary = vocabulary(tmp_path / "rows", wrong, world.t5)
    made = trained(tmp_path / "retriever", wrong, 120)
    assert log(made)[-2]["loss"] < 0.5, "it learns what it is told"
    assert log(made)[-1]["validation_exact"] < 0.3


def test_the_loss_is_that_of_the_own_paths(tmp_path: Path, world: World) -> None:
    made = trained(tmp_path / "retriever", world, 1)
    tokenizer, rows = open_t5_tokenizer(world.t5.folder), Vocabulary.open(world.vocabulary.folder)
    examples = read_examples(world.documents, tokenizer, query_tokens=64, document_tokens=None).validation
    model = open_t5(made.folder).eval()
    nats, count = 0.0, 0
    for one in examples:
        path = torch.from_numpy(rows.path(one.document).astype(np.int64))
        read = torch.cat([torch.zeros(1, dtype=torch.long), path[:-1]])[None]
        source = torch.tensor([one.source])
        with torch.no_grad():
            states = decoder_states(model, source, torch.ones_like(source), read)[0]
            log_share = (states @ output_table(model).T).log_softmax(dim=1)
        nats -= float(log_share[torch.arange(len(path)), path].sum())
        count += len(path)
    assert log(made)[-1]["validation_loss"] == pytest.approx(nats / count, rel=1e-4)


@pytest.mark.parametrize("decoder", [TRAINED, FROZEN])
def test_two_segments_are_one_run(tmp_path: Path, world: World, decoder: dict[str, Any]) -> None:
    whole = trained(tmp_path / "whole", world, 8, decoder=decoder)
    first = trained(tmp_path / "first", world, 5, steps=8, decoder=decoder)
    second = trained(tmp_path / "second", world, 8, first_step=5, start=first, decoder=decoder)
    one, other = (load_file(made.path("model.safetensors")) for made in (whole, second))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert whole.path("state.safetensors").read_bytes() == second.path("state.safetensors").read_bytes()
    assert second.manifest.counts["steps_in_all"] == 8


@pytest.mark.parametrize("decoder", [TRAINED, FROZEN])
def test_a_renewed_vocabulary_replaces_rows_targets_and_moments(
    tmp_path: Path, world: World, decoder: dict[str, Any]
) -> None:
    first = trained(tmp_path / "first", world, 5, steps=8, decoder=decoder)
    renewed = vocabulary(tmp_path / "renewed", world, first, clusters=3)
    assert renewed.manifest.counts["encoder_steps"] == 5
    second = trained(tmp_path / "second", world, 6, steps=8, first_step=5, start=first, rows=renewed, decoder=decoder)
    rows = Vocabulary.open(renewed.folder)
    assert Vocabulary.open(second.folder).path_row.tolist() == rows.path_row.tolist()
    table = torch.from_numpy(np.array(open_table(renewed.folder, rows)))
    model = open_t5(second.folder)
    moved = (output_table(model).detach() - table).abs()
    assert model.config.decoder_rows == len(table) == rows.num_rows
    assert (
        float(moved.max()) == 0
        if decoder == FROZEN
        else 0 < float(moved.max()) < 2 * OPTIMIZATION["peak_learning_rate"]
    )
    state = load_file(second.path("state.safetensors"))
    steps = {name.split("/", 2)[2]: int(value) for name, value in state.items() if name.startswith("moments/step/")}
    of_table = {name: step for name, step in steps.items() if "decoder.embed_tokens" in name}
    assert of_table == ({} if decoder == FROZEN else {"model.decoder.embed_tokens.weight": 1})
    assert {step for name, step in steps.items() if name not in of_table} == {6}
    again = trained(tmp_path / "third", world, 8, first_step=6, start=second, rows=renewed, decoder=decoder)
    assert output_table(open_t5(again.folder)).shape == table.shape


def test_documents_can_be_read_beside_queries(tmp_path: Path, world: World) -> None:
    made = trained(tmp_path / "retriever", world, 10, rows=None, document_share=0.25)
    assert made.manifest.counts["passes"] == {"queries": 60 / 16, "documents": 20 / 8}


def test_the_steps_of_everything_before_are_counted(tmp_path: Path, world: World) -> None:
    pretrained = run_stage(
        "pretrain_t5",
        tmp_path / "pretrained",
        {"steps": 3, "architecture": {"width": 16, "layers": 1, "heads": 2, "feed_forward": 32}},
        inputs={"retrieval_set": world.documents, "tokenizer": world.t5},
    )
    assert pretrained.manifest.counts["steps_in_all"] == 3
    rows = vocabulary(tmp_path / "rows", world, pretrained)
    contrasted = run_stage(
        "token_contrast",
        tmp_path / "contrasted",
        {"steps": 4},
        inputs={"start": pretrained, "vocabulary": rows, "retrieval_set": world.documents},
    )
    again = vocabulary(tmp_path / "again", world, contrasted)
    made = trained(tmp_path / "retriever", world, 2, start=contrasted, rows=again)
    assert made.manifest.counts["steps_in_all"] == 9


@pytest.mark.parametrize("rivals", ["base", "total"])
def test_contrast_brings_queries_to_their_tokens_and_leaves_the_rows(tmp_path: Path, world: World, rivals: str) -> None:
    spec = {"rivals": rivals, "steps": 60, "mask_same_row": True, "optimization": OPTIMIZATION}
    inputs = {"start": world.t5, "vocabulary": world.vocabulary, "retrieval_set": world.documents}
    made = run_stage("token_contrast", tmp_path / "contrast", spec, inputs=inputs)
    losses = [line["loss"] for line in log(made)]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    table = open_table(world.vocabulary.folder, Vocabulary.open(world.vocabulary.folder))
    assert np.array_equal(output_table(open_t5(made.folder)).detach().numpy(), table)


def test_pretraining_learns_the_documents(tmp_path: Path, world: World) -> None:
    spec = {
        "steps": 150,
        "architecture": {"width": 16, "layers": 1, "heads": 2, "feed_forward": 32},
        "optimization": OPTIMIZATION,
    }
    inputs = {"retrieval_set": world.documents, "tokenizer": world.t5}
    made = run_stage("pretrain_t5", tmp_path / "t5", spec, inputs=inputs)
    losses = [line["loss"] for line in log(made)]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    untrained = run_stage("pretrain_t5", tmp_path / "random", spec | {"steps": 0}, inputs=inputs)
    assert untrained.manifest.counts["steps_in_all"] == 0
    assert open_t5(untrained.folder).config.d_model == 16


def test_a_vocabulary_of_other_documents_is_refused(tmp_path: Path, world: World) -> None:
    fewer = retrieval_set(tmp_path / "fewer", TITLES[:3], ["a boat", "a lake", "a town"])
    changed = retrieval_set(tmp_path / "changed", [*TITLES[:-1], "Old Hill"])
    for documents, message in ((fewer, "names 8 documents, but .* has 3"), (changed, "with the digest")):
        inputs = {"start": world.t5, "vocabulary": world.vocabulary, "retrieval_set": documents}
        with pytest.raises(UserError, match=message):
            run_stage("retriever", tmp_path / "made", {"steps": 1, "last_step": 1}, inputs=inputs)


def test_a_set_without_training_queries_is_refused(tmp_path: Path, world: World) -> None:
    documents = retrieval_set(tmp_path / "set", unseen=range(len(TITLES)))
    inputs = {"start": world.t5, "retrieval_set": documents}
    with pytest.raises(UserError, match="no training query with a relevant document"):
        run_stage("retriever", tmp_path / "made", {"steps": 1, "last_step": 1, "decoder": None}, inputs=inputs)


def test_a_contrast_that_would_be_parted_is_refused(tmp_path: Path, world: World) -> None:
    inputs = {"start": world.t5, "vocabulary": world.vocabulary, "retrieval_set": world.documents}
    with pytest.raises(UserError, match="must not be parted"):
        run_stage("token_contrast", tmp_path / "made", {"steps": 1}, inputs=inputs, micro_batch_rows=2)


@pytest.mark.parametrize("rows", ["contextual", "ordinary"])
def test_what_was_learnt_is_found(tmp_path: Path, world: World, rows: str) -> None:
    contextual = rows == "contextual"
    made = trained(tmp_path / "model", world, 120, rows=world.vocabulary if contextual else None)
    relevant = read_qrels(world.documents.path("qrels.parquet"))
    for mode in ("marginal", "exact", "all") if contextual else ("marginal",):
        spec = {"splits": ["train", "test"], "depth": 5, "decoding": {"mode": mode, "beam": 8}}
        inputs = {"retriever": made, "retrieval_set": world.documents}
        run = run_stage("generative_search", tmp_path / mode, spec, inputs=inputs)
        found = read_run(run.path("run.parquet"))
        assert len(found) == 24
        hits = [next(iter(ranking)) in relevant[query] for query, ranking in found.items() if "train" in query]
        # The two towns share their name, so that one of them comes second, unless their own rows tell them apart.
        assert np.mean(hits) >= (1.0 if mode == "exact" else 14 / 16)
        assert all(len(set(ranking)) == len(ranking) <= 5 for ranking in found.values())
        assert run.manifest.counts["identifiers"] == (8 if mode == "exact" else 7)


def test_a_search_of_another_set_is_refused(tmp_path: Path, world: World) -> None:
    made = trained(tmp_path / "model", world, 1)
    inputs = {"retriever": made, "retrieval_set": retrieval_set(tmp_path / "set", mislabelled=True)}
    with pytest.raises(UserError, match="with the digest"):
        run_stage("generative_search", tmp_path / "run", {}, inputs=inputs)


def test_a_t5_from_elsewhere_is_imported(tmp_path: Path, world: World) -> None:
    made = run_stage("import_model", tmp_path / "imported", {}, source=world.t5.folder)
    assert made.manifest.counts["model_type"] == "t5"
    rows = vocabulary(tmp_path / "rows", world, made)
    assert trained(tmp_path / "retriever", world, 1, start=made, rows=rows).manifest.counts["steps_in_all"] == 1
