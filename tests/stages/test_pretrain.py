"""The pretraining stage: segments, resume, order, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from lineage import stage
from lineage.artifact import Artifact
from lineage.config.pretrain import Pretrain
from lineage.data.order import Order, TokenStream
from lineage.errors import StoppedEarly, UserError
from lineage.models.decoder import open_decoder
from tests.stages.building import OPTIMIZATION, STEPS, names_in, pretrain_spec, rows_of, run_stage, tokenize, write
from tests.stages.conftest import Material

PAYLOAD = ("model.safetensors", "state.safetensors", "training.jsonl", "order.parquet", "config.json")


def payload(artifact: Artifact) -> dict[str, bytes]:
    return {name: artifact.path(name).read_bytes() for name in PAYLOAD}


def lines(artifact: Artifact) -> list[dict[str, Any]]:
    return [json.loads(line) for line in artifact.path("training.jsonl").read_text().splitlines()]


def test_the_same_work_gives_the_same_digest(material: Material, base: Artifact, tmp_path: Path) -> None:
    again = run_stage("pretrain", tmp_path / "models" / "again", pretrain_spec(), inputs=material.inputs)
    assert again.digest == base.digest
    other = run_stage(
        "pretrain", tmp_path / "models" / "other",
        pretrain_spec(optimization={**OPTIMIZATION, "seed": 1}), inputs=material.inputs,
    )  # fmt: skip
    assert payload(other)["model.safetensors"] != payload(base)["model.safetensors"]


@pytest.mark.parametrize("middle", [1, 4])
def test_two_segments_are_one_run_bit_for_bit(material: Material, base: Artifact, tmp_path: Path, middle: int) -> None:
    first = run_stage("pretrain", tmp_path / "models" / "a", pretrain_spec(middle), inputs=material.inputs)
    second = run_stage(
        "pretrain", tmp_path / "models" / "b",
        pretrain_spec(first_step=middle), inputs={**material.inputs, "start": first},
    )  # fmt: skip
    whole, rest = payload(base), payload(second)
    assert rest["model.safetensors"] == whole["model.safetensors"]
    assert rest["state.safetensors"] == whole["state.safetensors"]
    assert payload(first)["training.jsonl"] + rest["training.jsonl"] == whole["training.jsonl"]
    assert rows_of(first, "order.parquet") + rows_of(second, "order.parquet") == rows_of(base, "order.parquet")
    assert first.manifest.counts["step"] == middle
    assert second.manifest.counts == base.manifest.counts


def test_order_is_that_of_the_run_and_covers_every_row(material: Material, base: Artifact) -> None:
    stream = TokenStream.open(material.tokens)
    config = Pretrain.model_validate(pretrain_spec()).optimization
    order = Order(stream, sequence_length=16, batch_rows=4, seed=config.seed)
    table = rows_of(base, "order.parquet")
    covered = np.zeros((STEPS, 4, 16), dtype=int)
    rebuilt = np.full((STEPS, 4, 16), -1)
    for row in table:
        columns = slice(row["column"], row["column"] + row["stop"] - row["start"])
        covered[row["step"], row["row"], columns] += 1
        first = stream.offsets[row["document"]]
        rebuilt[row["step"], row["row"], columns] = stream.tokens[first + row["start"] : first + row["stop"]]
    assert (covered == 1).all()
    assert np.array_equal(rebuilt, np.stack([order.rows(step).tokens[:, :-1] for step in range(STEPS)]))
    assert {row["document"] for row in table} <= set(range(stream.num_documents))
    expected = [tuple(int(value) for value in one) for one in zip(*order.segments(3), strict=True)]
    found = [
        (row["row"], row["document"], row["start"], row["stop"], row["column"]) for row in table if row["step"] == 3
    ]
    assert found == expected


def test_resumes_from_its_state(material: Material, base: Artifact, tmp_path: Path) -> None:
    """A limit that is always too short makes one step a run; the last run finishes, and its state folder goes."""
    folder = tmp_path / "models" / "base"
    for step in range(1, STEPS):
        with pytest.raises(StoppedEarly, match=rf"stopped at step {step} of {STEPS}"):
            run_stage("pretrain", folder, pretrain_spec(), inputs=material.inputs, minutes=1e-9)
        assert names_in(folder.parent) == ["base.state"]
    resumed = run_stage("pretrain", folder, pretrain_spec(), inputs=material.inputs, minutes=1e-9)
    assert payload(resumed) == payload(base)
    assert resumed.digest == base.digest
    assert json.loads((folder / "run.json").read_text())["training"]["resumed_at"] == STEPS - 1
    assert names_in(folder.parent) == ["base"]


def test_a_state_of_other_work_is_never_used(material: Material, base: Artifact, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "base"
    other = pretrain_spec(optimization={**OPTIMIZATION, "seed": 1})
    with pytest.raises(StoppedEarly):
        run_stage("pretrain", folder, other, inputs=material.inputs, minutes=1e-9)
    fresh = run_stage("pretrain", folder, pretrain_spec(), inputs=material.inputs)
    assert fresh.digest == base.digest
    assert json.loads((folder / "run.json").read_text())["training"]["resumed_at"] == 0


def test_held_out_measurements_leave_no_trace_in_the_training(
    material: Material, base: Artifact, tmp_path: Path
) -> None:
    observed = run_stage(
        "pretrain", tmp_path / "models" / "observed",
        pretrain_spec(held_out={"every_steps": 2, "documents": 3}),
        inputs={**material.inputs, "held_out": material.corpus},
    )  # fmt: skip
    for name in ("model.safetensors", "state.safetensors", "order.parquet"):
        assert observed.path(name).read_bytes() == base.path(name).read_bytes()
    key = "held_out_bits_per_byte"
    plain = [{name: value for name, value in line.items() if name != key} for line in lines(observed)]
    assert plain[:-1] == lines(base)
    assert [line["step"] for line in lines(observed) if key in line] == [0, 2, 4, 6]
    assert all(0 < line[key] < 20 for line in lines(observed) if key in line)


def test_the_loss_falls_and_the_counts_say_what_was_read(base: Artifact) -> None:
    losses = [line["loss"] for line in lines(base)]
    assert losses[-1] < losses[0]
    counts = base.manifest.counts
    assert (counts["step"], counts["tokens"], counts["model_type"]) == (STEPS, STEPS * 64, "llama")
    assert counts["last_loss"] == losses[-1]
    assert counts["parameters"] == sum(one.numel() for one in open_decoder(base.folder).parameters())


def test_a_run_from_another_model_starts_at_its_weights(material: Material, base: Artifact, tmp_path: Path) -> None:
    frozen = {**OPTIMIZATION, "peak_learning_rate": 1e-30, "weight_decay": 0}
    late = run_stage(
        "pretrain", tmp_path / "models" / "late",
        pretrain_spec(architecture=None, optimization=frozen), inputs={**material.inputs, "start": base},
    )  # fmt: skip
    before, after = (load_file(one.path("model.safetensors")) for one in (base, late))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    state = load_file(late.path("state.safetensors"))
    steps = {float(tensor) for name, tensor in state.items() if name.startswith("moments/step/")}
    assert steps == {STEPS}, "the moments of the parent are not taken over"


def test_a_tokenizer_that_disagrees_with_the_start_model(base: Artifact, material: Material, tmp_path: Path) -> None:
    tokenizer, tokens = tokenize(tmp_path, material.corpus, vocab_size=300)
    with pytest.raises(
        UserError, match=r"was trained with another tokenizer than .*\n.*tokenizers\.<name>\.existing\.path"
    ):
        run_stage(
            "pretrain", tmp_path / "models" / "late", pretrain_spec(architecture=None),
            inputs={"tokens": tokens, "tokenizer": tokenizer, "start": base},
        )  # fmt: skip
    tokenizer, tokens = tokenize(tmp_path / "larger", material.corpus, vocab_size=400)
    with pytest.raises(UserError, match=r"the tokenizer has \d+ entries, the model's embedding \d+ rows"):
        run_stage(
            "pretrain", tmp_path / "models" / "late", pretrain_spec(architecture=None),
            inputs={"tokens": tokens, "tokenizer": tokenizer, "start": base},
        )  # fmt: skip
    assert names_in(tmp_path / "models") == []


@pytest.mark.parametrize("model_type", ["llama", "gpt2"])
def test_rows_longer_than_the_model_reads(material: Material, tmp_path: Path, model_type: str) -> None:
    sizes = {
        "llama": pretrain_spec()["architecture"]["settings"],
        "gpt2": {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32},
    }
    spec = pretrain_spec(
        architecture={"model_type": model_type, "settings": sizes[model_type]},
        optimization={**OPTIMIZATION, "sequence_length": 64},
    )
    with pytest.raises(UserError, match=r"sequence_length is 64, but the model reads at most 32"):
        run_stage("pretrain", tmp_path / "models" / "a", spec, inputs=material.inputs)
    assert names_in(tmp_path / "models") == []


def test_document_attention_needs_a_model_that_keeps_documents_apart(material: Material, tmp_path: Path) -> None:
    mamba = {"model_type": "mamba", "settings": {"hidden_size": 16, "num_hidden_layers": 1, "state_size": 4}}
    with pytest.raises(UserError, match="attention is 'document', but MambaForCausalLM sees the document before"):
        run_stage("pretrain", tmp_path / "models" / "a", pretrain_spec(architecture=mamba), inputs=material.inputs)
    spec = pretrain_spec(1, architecture=mamba, optimization={**OPTIMIZATION, "attention": "row"})
    assert run_stage("pretrain", tmp_path / "models" / "a", spec, inputs=material.inputs).manifest.counts["step"] == 1


def test_an_empty_token_stream(material: Material, tmp_path: Path) -> None:
    empty = write(tmp_path / "tokens", "tokens", {}, texts={"tokens.bin": ""}, dtype="uint16")
    np.save(empty.folder / "offsets.npy", np.zeros(1, np.int64))
    manifest = json.loads((empty.folder / "manifest.json").read_text())
    manifest["files"]["offsets.npy"] = {"bytes": (empty.folder / "offsets.npy").stat().st_size, "sha256": ""}
    manifest["files"]["documents.parquet"] = {"bytes": 0, "sha256": ""}
    (empty.folder / "documents.parquet").touch()
    (empty.folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="holds no tokens"):
        run_stage("pretrain", tmp_path / "models" / "a", pretrain_spec(), inputs={**material.inputs, "tokens": empty})


def broken_start(base: Artifact, folder: Path, value: float) -> Artifact:
    """The model with embeddings whose square overflows: every weight is finite, what follows is not."""
    shutil.copytree(base.folder, folder)
    path = folder / "model.safetensors"
    weights = load_file(path)
    weights["model.embed_tokens.weight"][:] = value
    save_file(weights, path, metadata={"format": "pt"})
    return Artifact.open(folder)


def test_a_loss_that_is_not_finite(material: Material, base: Artifact, tmp_path: Path) -> None:
    start = broken_start(base, tmp_path / "broken", 3e38)
    folder = tmp_path / "models" / "late"
    with pytest.raises(UserError) as error:
        run_stage("pretrain", folder, pretrain_spec(architecture=None), inputs={**material.inputs, "start": start})
    told = str(error.value)
    first_step = {row["document"] for row in rows_of(base, "order.parquet") if row["step"] == 0}
    assert told.startswith("step 0: loss ")
    assert "not finite. No update was made." in told
    assert f"The batch: {len(first_step)} documents: d" in told
    assert all(f"d{number:02d}" in told for number in first_step)
    state = next((tmp_path / "models" / "late.state").glob("*/state.safetensors"))
    assert str(state.parent) in told
    kept = load_file(state)["weights/model.embed_tokens.weight"]
    assert torch.equal(kept, torch.full_like(kept, 3e38))
    assert names_in(folder.parent) == ["late.state"]


def test_a_run_that_diverges(material: Material, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An absurd learning rate: the first update leaves finite but huge weights, the second step cannot be scored."""
    spec = pretrain_spec(
        optimization={**OPTIMIZATION, "peak_learning_rate": 1e37, "warmup_steps": 0, "clip_norm": None}
    )
    folder = tmp_path / "models" / "wild"
    argv = ["pretrain", "--spec", json.dumps(spec), "--out", str(folder / "manifest.json")]
    for name, artifact in (("tokens", material.tokens), ("tokenizer", material.tokenizer)):
        argv += ["--input", name, str(artifact.folder)]
    assert stage.main([*argv, "--execution", '{"device": "cpu", "threads": 1}']) == 2
    told = capfd.readouterr().err
    assert "lineage: pretrain: step 1: loss" in told
    assert "not finite. No update was made" in told
    assert "Lower `peak_learning_rate`" in told
    assert "Traceback" not in told
    assert names_in(folder.parent) == ["wild.state"]
