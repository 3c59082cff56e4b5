"""Task vectors of models on disk: whatever their layouts, by token, from a start of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lineage.analysis.weights.table import module_rows
from lineage.analysis.weights.vectors import TaskVector, TaskVectors
from lineage.errors import UserError
from tests.merging.building import SIZES, WORDS, llama, llava, weights_of


def by_name(found: TaskVectors) -> dict:
    return {one.name: one for one in found}


def test_the_language_model_of_a_llava_minus_a_llama(tmp_path: Path) -> None:
    base, seeing = llama(tmp_path / "chat", seed=1), llava(tmp_path / "seeing", seed=2)
    found = by_name(TaskVectors(base, {"seeing": seeing}, [TaskVector("see", "seeing")]))
    assert len(found) == 9 * SIZES["num_hidden_layers"] + 3
    name = "layers.1.mlp.down_proj.weight"
    expected = weights_of(seeing)[f"language_model.model.{name}"] - weights_of(base)[f"model.{name}"]
    one = found[f"lm.{name}"]
    assert torch.equal(one.taus[0].view(one.shape), expected)
    assert torch.equal(one.starts[0].view(one.shape), weights_of(base)[f"model.{name}"])


def test_rows_follow_their_tokens(tmp_path: Path) -> None:
    """The same words in another order: what is compared are words, and rows that only one has are left out."""
    moved = [*WORDS[3:], *WORDS[:3], "<image>", "<pad>"]
    base, seeing = llama(tmp_path / "chat", seed=1), llava(tmp_path / "seeing", seed=2, words=moved)
    one = by_name(TaskVectors(base, {"seeing": seeing}, [TaskVector("see", "seeing")]))["lm.embed_tokens.weight"]
    assert one.shape == (len(WORDS), SIZES["hidden_size"])
    assert one.base_rows is not None
    theirs, mine = weights_of(seeing)["language_model.model.embed_tokens.weight"], weights_of(base)
    for row, at in enumerate(one.base_rows.tolist()):
        expected = theirs[moved.index(WORDS[at])] - mine["model.embed_tokens.weight"][at]
        assert torch.equal(one.taus[0].view(one.shape)[row], expected)


def test_a_start_of_its_own(tmp_path: Path) -> None:
    """From `seeing`, not from the base: c - b, with b as what the change is relative to."""
    folders = {name: llama(tmp_path / name, seed=seed) for seed, name in enumerate(["base", "seeing", "tuned"])}
    vectors = [TaskVector("see", "seeing"), TaskVector("safe", "tuned", "seeing")]
    found = by_name(TaskVectors(folders["base"], folders, vectors))["lm.norm.weight"]
    weights = {name: weights_of(folder)["model.norm.weight"] for name, folder in folders.items()}
    assert torch.allclose(found.taus[0], weights["seeing"] - weights["base"])
    assert torch.allclose(found.taus[1], weights["tuned"] - weights["seeing"], atol=1e-6)
    assert torch.allclose(found.starts[1], weights["seeing"], atol=1e-6)


def test_a_vector_of_one_model_is_read_too(tmp_path: Path) -> None:
    base, other = llama(tmp_path / "base", seed=1), llama(tmp_path / "other", seed=2)
    rows = module_rows(["only"], TaskVectors(base, {"other": other}, [TaskVector("only", "other")]))
    [whole] = [row for row in rows if row["statistic"] == "norm" and row["module"] == "all" and row["layer"] is None]
    mine, theirs = weights_of(base), weights_of(other)
    square = sum(float((theirs[name] - mine[name]).double().square().sum()) for name in mine)
    assert whole["value"] == pytest.approx(square**0.5, rel=1e-6)


def test_models_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    base, other = llama(tmp_path / "base", seed=1), llama(tmp_path / "other", seed=2, num_hidden_layers=2)
    with pytest.raises(UserError, match="num_hidden_layers"):
        TaskVectors(base, {"other": other}, [TaskVector("only", "other")])
