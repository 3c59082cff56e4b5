"""TIES with one threshold for a whole model, on models small enough to work out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.merging.building import llama, merged, rewrite, weights_of

NAMES = ("model.embed_tokens.weight", "model.layers.0.input_layernorm.weight", "model.norm.weight")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """All zeros, so that a model is its own task vector."""
    folder = llama(tmp_path / "base", seed=0)
    rewrite(folder, {name: torch.zeros_like(one) for name, one in weights_of(folder).items()})
    return folder


def model(base: Path, name: str, **entries: list[float]) -> Path:
    """The base, with these first values of embedding, norm of the first layer, and final norm."""
    folder = llama(base.parent / name, seed=0)
    weights = {key: torch.zeros_like(one) for key, one in weights_of(folder).items()}
    for part, values in entries.items():
        [key] = [one for one in NAMES if part in one]
        weights[key].view(-1)[: len(values)] = torch.tensor(values)
    rewrite(folder, weights)
    return folder


def first(folder: Path, name: str, count: int) -> list[float]:
    return weights_of(folder)[name].view(-1)[:count].tolist()


def density(folder: Path, keep: int) -> float:
    return (keep + 0.5) / sum(one.numel() for one in weights_of(folder).values())


def test_the_threshold_is_that_of_all_tensors(base: Path) -> None:
    """The three largest of 9, 1 | 2, 1 | 5, 4 are 9, 5, 4: none is left in the middle tensor."""
    only = model(base, "a", embed=[9, 1], input=[2, 1], **{"model.norm": [5, 4]})
    out = merged(base.parent / "out", [only], base, method="ties", trim="model", density=density(base, 3))
    assert [first(out, name, 2) for name in NAMES] == [[9, 0], [0, 0], [5, 4]]
    by_tensor = merged(base.parent / "tensor", [only], base, method="ties", trim="tensor", density=1e-9)
    assert [first(by_tensor, name, 2) for name in NAMES] == [[9, 0], [2, 0], [5, 0]]


@pytest.mark.parametrize("keep", range(1, 7))
def test_ties_are_broken_by_name_then_index(base: Path, keep: int) -> None:
    """Six entries of one magnitude: the embedding's first, then the layer's, then the norm's."""
    only = model(base, "a", embed=[3, -3], input=[3, 3], **{"model.norm": [-3, 3]})
    out = merged(base.parent / "out", [only], base, method="ties", trim="model", density=density(base, keep))
    found = [value for name in NAMES for value in first(out, name, 2)]
    assert found == [value if index < keep else 0 for index, value in enumerate([3, -3, 3, 3, -3, 3])]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_undecided_entry_takes_the_sign_of_the_majority(base: Path, sign: float) -> None:
    """2 against -2 in the first entry; the others are three of one sign against one of the other."""
    a = model(base, "a", embed=[2, sign, sign, sign, -sign])
    b = model(base, "b", embed=[-2, sign, sign, sign, -sign])
    given = {"method": "ties", "trim": "model", "density": density(base, 5)}
    out = merged(base.parent / "out", [a, b], base, **given)
    assert first(out, NAMES[0], 5) == [2 * sign, sign, sign, sign, -sign]
    positive = merged(base.parent / "tensor", [a, b], base, method="ties", density=0.5)
    assert first(positive, NAMES[0], 1) == [2.0], "tensor by tensor, 0 is positive"


def test_models_of_other_densities(base: Path) -> None:
    a = model(base, "a", embed=[4, 3, 2, 1])
    b = model(base, "b", embed=[1, 2, 3, 4])
    extra = {"a": {"density": density(base, 1)}, "b": {"density": 1.0}}
    out = merged(base.parent / "out", [a, b], base, method="ties", trim="model", extra=extra)
    assert first(out, NAMES[0], 4) == [2.5, 2, 3, 4], "only the 4 of a is left: (4 + 1) / 2"
