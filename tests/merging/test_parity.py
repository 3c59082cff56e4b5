"""The same Llamas merged by mergekit 0.1.5 (tests/fixtures/mergekit/make.py), where both mean the same by a method."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lineage.merging.methods import drop
from tests.merging.building import merged, weights_of

FIXTURES = Path(__file__).parents[1] / "fixtures" / "mergekit"
WEIGHTS = [0.6, 0.3]
RECIPES: dict[str, dict[str, Any]] = {
    "linear": {"method": "linear"},
    "slerp": {"method": "slerp", "weights": [0.7, 0.3]},
    "task_arithmetic": {"method": "task_arithmetic"},
    "task_arithmetic_scaled": {"method": "task_arithmetic", "scale": 0.5},
    "ties": {"method": "ties", "density": 0.4},
    "dare_ties_whole": {"method": "dare", "density": 1.0, "election": "ties"},
}
TOLERANCE = 5e-7
"""float32 rounding of values up to about 2, in another order of operations (measured: 1.2e-7)."""


@pytest.fixture
def parents(tmp_path: Path) -> dict[str, Path]:
    folders = {name: tmp_path / name for name in ("base", "a", "b")}
    for name, folder in folders.items():
        folder.mkdir()
        shutil.copyfile(FIXTURES / "config.json", folder / "config.json")
        shutil.copyfile(FIXTURES / f"{name}.safetensors", folder / "model.safetensors")
    return folders


@pytest.mark.parametrize("recipe", RECIPES)
def test_equals_mergekit(tmp_path: Path, parents: dict[str, Path], recipe: str) -> None:
    given = {"weights": WEIGHTS, **RECIPES[recipe]}
    base = parents["base"] if given["method"] not in ("linear", "slerp") else None
    found = weights_of(merged(tmp_path / "out", [parents["a"], parents["b"]], base, rows="id", **given))
    expected = load_file(FIXTURES / f"{recipe}.safetensors")
    assert set(found) == set(expected)
    for name, tensor in found.items():
        assert torch.allclose(tensor, expected[name], rtol=0, atol=TOLERANCE), name
    others = [load_file(FIXTURES / f"{other}.safetensors") for other in RECIPES if other != recipe]
    assert all(any(not torch.allclose(found[name], one[name], atol=1e-3) for name in found) for one in others)


def test_dare_rescales_as_mergekit_does(parents: dict[str, Path]) -> None:
    """Its masks are its own; what is left of a task vector is scaled to the sum of magnitudes before."""
    base, model = (weights_of(parents[name]) for name in ("base", "a"))
    kept = total = 0
    for name, tensor in load_file(FIXTURES / "dare_linear_one.safetensors").items():
        tau = model[name] - base[name]
        mask = (tensor != base[name]).float()
        kept, total = kept + int(mask.sum()), total + mask.numel()
        factor = float(tau.abs().sum() / (tau * mask).abs().sum())
        assert torch.allclose(tensor, base[name] + drop(tau, mask, factor), rtol=1e-5, atol=1e-5), name
    assert abs(kept / total - 0.5) < 0.05
