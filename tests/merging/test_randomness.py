"""Random choices depend on seed, model and tensor, and on nothing else."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from lineage.merging.randomness import Mask, Noise, tensor_seed


def test_the_seed_is_written_out() -> None:
    told = b'[3, "safe", "lm.layers.0.mlp.up_proj.weight"]'
    expected = int.from_bytes(hashlib.sha256(told).digest()[:8], "big")
    assert tensor_seed(3, "safe", "lm.layers.0.mlp.up_proj.weight") == expected
    names = [(seed, model, tensor) for seed in (0, 1) for model in "ab" for tensor in ("x", "y")]
    assert len({tensor_seed(*name) for name in names}) == len(names)


@pytest.mark.parametrize("draw", [lambda: Mask(0, "a", "x", 0.3), lambda: Noise(0, "a", "x", 2.0)])
def test_pieces_change_nothing(draw) -> None:
    """Odd pieces too: numpy draws in pairs."""
    whole = draw()(1000)
    source = draw()
    pieces = [source(size) for size in (1, 2, 3, 7, 0, 500, 487)]
    assert torch.equal(torch.cat(pieces), whole)


@pytest.mark.parametrize("density", [0.1, 0.5, 0.9])
def test_masks_keep_about_the_density(density: float) -> None:
    """Within 4.5 standard errors of 200,000 draws."""
    drawn = Mask(0, "a", "x", density)(200_000)
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert abs(float(drawn.mean()) - density) < 4.5 * (density * (1 - density) / 200_000) ** 0.5


def test_density_one_keeps_everything() -> None:
    assert Mask(0, "a", "x", 1.0)(1001).min() == 1


def test_noise_is_normal_and_scaled() -> None:
    drawn = Noise(0, "a", "x", 3.0)(100_000).double()
    assert abs(float(drawn.mean())) < 0.05
    assert float(drawn.std()) == pytest.approx(3.0, rel=0.02)
    assert float((drawn.abs() < 3.0).double().mean()) == pytest.approx(0.6827, abs=0.01)


def test_mask_and_noise_of_one_tensor_are_apart() -> None:
    mask, noise = Mask(0, "a", "x", 0.5)(10_000), Noise(0, "a", "x")(10_000)
    assert abs(np.corrcoef(mask.numpy(), noise.numpy())[0, 1]) < 0.05
