"""Random choices that depend on seed, model and tensor only: not on order, threads, shards or chunks."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import torch

_RANGE = 1 << 32
_NOISE = 1
"""Sets the stream of the noise apart from that of the mask of the same tensor."""


def tensor_seed(seed: int, model: str, tensor: str) -> int:
    """The first 8 bytes of sha256 over seed, model name and canonical tensor name."""
    told = json.dumps([seed, model, tensor]).encode()
    return int.from_bytes(hashlib.sha256(told).digest()[:8], "big")


class Mask:
    """Bernoulli draws for the elements of one tensor in order, as many at a time as a chunk has."""

    def __init__(self, seed: int, model: str, tensor: str, density: float) -> None:
        self._generator = np.random.default_rng(tensor_seed(seed, model, tensor))
        self._limit = round(density * _RANGE)
        self._left = np.empty(0, np.uint32)
        """Drawn, but not used yet: draws come in pairs."""

    def __call__(self, num_elements: int) -> torch.Tensor:
        """(elements,) float32: 1 with probability `density` (in steps of 2^-32), else 0."""
        pairs = -(-(num_elements - len(self._left)) // 2)
        fresh = self._generator.integers(0, _RANGE**2, size=pairs, dtype=np.uint64).view(np.uint32)
        drawn = np.concatenate([self._left, fresh]) if len(self._left) else fresh
        self._left = drawn[num_elements:]
        return torch.from_numpy((drawn[:num_elements] < self._limit).view(np.uint8)).float()


class Noise:
    """Standard normal draws for the elements of one tensor in order, times a factor."""

    def __init__(self, seed: int, model: str, tensor: str, factor: float = 1.0) -> None:
        self._generator = np.random.default_rng([tensor_seed(seed, model, tensor), _NOISE])
        self._factor = factor

    def __call__(self, num_elements: int) -> torch.Tensor:
        """(elements,) float32."""
        drawn = self._generator.standard_normal(num_elements, dtype=np.float32)
        return torch.from_numpy(drawn).mul_(self._factor)
