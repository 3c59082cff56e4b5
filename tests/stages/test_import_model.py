"""A model of the user's own: what is taken, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertLMHeadModel

from lineage.artifact import Artifact
from lineage.errors import UserError
from lineage.models.decoder import build_decoder, open_decoder, open_tokenizer
from tests.stages.building import names_in, pretrain_spec, run_stage
from tests.stages.conftest import Material


@pytest.fixture
def outside(material: Material, tmp_path: Path) -> Path:
    """A Hugging Face folder: config, weights, tokenizer."""
    from lineage.config.pretrain import Architecture

    folder = tmp_path / "outside"
    tokenizer = open_tokenizer(material.tokenizer.folder)
    model = build_decoder(Architecture.model_validate(pretrain_spec()["architecture"]), tokenizer, seed=0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def take(outside: Path) -> Artifact:
    return run_stage("import_model", outside.parent / "models" / "mine", {}, source=outside)


def refusal(outside: Path) -> str:
    """The message; nothing is left behind."""
    with pytest.raises(UserError) as error:
        take(outside)
    assert names_in(outside.parent / "models") == []
    return str(error.value)


def test_a_folder_is_taken_as_it_is(outside: Path) -> None:
    (outside / "notes.py").write_text("code is never taken")
    made = take(outside)
    weights = load_file(outside / "model.safetensors")
    assert made.path("model.safetensors").read_bytes() == (outside / "model.safetensors").read_bytes()
    assert "notes.py" not in made.manifest.files
    assert made.manifest.counts["parameters"] == sum(tensor.numel() for tensor in weights.values())
    with torch.no_grad():
        tokens = torch.tensor([[1, 2, 3]])
        assert torch.equal(open_decoder(made.folder)(tokens).logits, open_decoder(outside)(tokens).logits)
    assert open_tokenizer(made.folder).encode("a boat") == open_tokenizer(outside).encode("a boat")


def test_sharded_weights(outside: Path) -> None:
    whole = load_file(outside / "model.safetensors")
    open_decoder(outside).save_pretrained(outside, max_shard_size="10KB")
    (outside / "model.safetensors").unlink(missing_ok=True)
    assert len(list(outside.glob("*.safetensors"))) > 1
    made = open_decoder(take(outside).folder).state_dict()
    assert all(torch.equal(made[name], tensor) for name, tensor in whole.items())


def test_a_model_of_another_experiment(base: Artifact, tmp_path: Path) -> None:
    """Its manifest and resume state are not the model."""
    made = run_stage("import_model", tmp_path / "models" / "mine", {}, source=base.folder)
    assert made.path("model.safetensors").read_bytes() == base.path("model.safetensors").read_bytes()
    assert not {"manifest.json", "run.json", "state.safetensors"} & set(made.manifest.files)
    assert made.manifest.stage == "import_model"
    assert made.damaged_files() == []


def test_links_inside_the_folder_are_followed(outside: Path) -> None:
    (outside / "model.safetensors").rename(outside / "blob")
    (outside / "model.safetensors").symlink_to("blob")
    assert not take(outside).path("model.safetensors").is_symlink()


def test_links_that_leave_the_folder(outside: Path) -> None:
    secret = outside.parent / "secret.json"
    secret.write_text("{}")
    (outside / "generation_config.json").unlink(missing_ok=True)
    (outside / "generation_config.json").symlink_to(secret)
    told = refusal(outside)
    assert f"{outside / 'generation_config.json'}: is a link to {secret}, outside of its folder" in told
    assert f"Copy the file into {outside}" in told


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.ckpt"])
def test_pickled_weights_are_refused_unopened(outside: Path, name: str) -> None:
    (outside / "model.safetensors").unlink()
    (outside / name).write_bytes(b"never read")
    told = refusal(outside)
    assert f"{outside}: only pickled weights ({name}), which can run code when opened" in told
    assert "save_pretrained(" in told


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("config.json", "no config.json, so no Hugging Face model folder"),
        ("model.safetensors", "no *.safetensors file, so no model weights"),
        ("tokenizer.json", "no tokenizer that transformers can open"),
    ],
)
def test_something_is_missing(outside: Path, missing: str, expected: str) -> None:
    (outside / missing).unlink()
    if missing == "tokenizer.json":
        (outside / "tokenizer_config.json").unlink(missing_ok=True)
    told = refusal(outside)
    assert expected in told
    assert "  " not in told.splitlines()[0]


def test_no_such_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere").startswith(f"{tmp_path / 'nowhere'}: no config.json")


def test_weights_that_do_not_fit_the_config(outside: Path) -> None:
    weights = load_file(outside / "model.safetensors")
    path = outside / "model.safetensors"
    save_file({**weights, "model.extra": torch.zeros(2)}, path, metadata={"format": "pt"})
    assert "unexpected_keys: model.extra" in refusal(outside)
    dropped = "model.layers.0.mlp.up_proj.weight"
    save_file({name: one for name, one in weights.items() if name != dropped}, path, metadata={"format": "pt"})
    assert f"missing_keys: {dropped}" in refusal(outside)
    save_file({**weights, dropped: torch.zeros(3, 3)}, path, metadata={"format": "pt"})
    told = refusal(outside)
    assert told.startswith(f"{outside}: the weights do not fit the config (mismatched_keys: ")
    assert "up_proj" in told


@pytest.mark.parametrize("damage", ["truncated weights", "empty weights", "torn config", "unknown type"])
def test_damaged_files(outside: Path, damage: str) -> None:
    weights, config = outside / "model.safetensors", outside / "config.json"
    if damage == "truncated weights":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "empty weights":
        weights.write_bytes(b"")
    elif damage == "torn config":
        config.write_text(config.read_text()[:30])
    else:
        config.write_text(json.dumps({**json.loads(config.read_text()), "model_type": "lama"}))
    assert "transformers cannot open it as a causal language model" in refusal(outside)


def test_a_tokenizer_with_more_entries_than_the_embedding(outside: Path) -> None:
    tokenizer = open_tokenizer(outside)
    rows = len(tokenizer)
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(outside)
    assert f"the tokenizer has {rows + 1} entries, the model's embedding {rows} rows" in refusal(outside)


def test_an_encoder_is_no_causal_model(outside: Path) -> None:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=400, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=32,
    )  # fmt: skip
    BertLMHeadModel(config).save_pretrained(outside)
    assert "BertLMHeadModel sees the tokens to come, so it is no causal language model" in refusal(outside)


def test_a_hub_that_cannot_be_reached(tmp_path: Path) -> None:
    spec = {"name": "someone/model", "revision": "abc"}
    with (
        mock.patch("huggingface_hub.snapshot_download", side_effect=OSError("no network")),
        pytest.raises(UserError, match=r"someone/model at abc: cannot be had from the hub \(no network\)") as error,
    ):
        run_stage("import_model", tmp_path / "models" / "mine", spec)
    assert "give its `path`" in str(error.value)


def test_a_hub_snapshot_may_be_made_of_links(outside: Path, tmp_path: Path) -> None:
    """That is how the cache of the hub keeps files."""
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for path in outside.iterdir():
        (snapshot / path.name).symlink_to(path)
    with mock.patch("huggingface_hub.snapshot_download", return_value=str(snapshot)) as download:
        made = run_stage("import_model", tmp_path / "models" / "mine", {"name": "someone/model", "revision": "abc"})
    assert download.call_args.kwargs["revision"] == "abc"
    assert not any("bin" in pattern or "py" in pattern for pattern in download.call_args.kwargs["allow_patterns"])
    assert made.path("model.safetensors").read_bytes() == (outside / "model.safetensors").read_bytes()
