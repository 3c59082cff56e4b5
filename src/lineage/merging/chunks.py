"""One tensor of all its parents, read piece by piece as float32."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from lineage.config.merging import TASK_VECTOR_METHODS, Merge
from lineage.errors import UserError
from lineage.merging.plan import TensorPlan
from lineage.merging.randomness import Noise
from lineage.merging.reading import Stored

CHUNK_ELEMENTS = 1 << 16
"""Elements that are worked on at a time: a few float32 copies of them fit into a core's cache. No result depends on it,
but for the last bits of sums over a whole tensor."""


@dataclass(frozen=True)
class Chunk:
    """A piece of a tensor of the result."""

    start: int
    stop: int
    """Elements [start, stop) of the result's flat tensor: whole rows where rows are matched."""
    first: int
    last: int
    """Shared rows [first, last), as counted by `Rows`; both 0 where rows belong together as they stand."""


def chunks_of(plan: TensorPlan) -> list[Chunk]:
    """The pieces in order."""
    if plan.rows is None:
        size = plan.owner.num_elements
        return [Chunk(start, min(start + CHUNK_ELEMENTS, size), 0, 0) for start in range(0, size, CHUNK_ELEMENTS)]
    num_rows = plan.owner.shape[0]
    width = plan.owner.num_elements // num_rows
    step = max(1, CHUNK_ELEMENTS // width)
    borders = [*range(0, num_rows, step), num_rows]
    found = torch.searchsorted(plan.rows.owner, torch.tensor(borders)).tolist()
    return [Chunk(borders[i] * width, borders[i + 1] * width, found[i], found[i + 1]) for i in range(len(borders) - 1)]


def num_merged(plan: TensorPlan) -> int:
    """Merged elements of a tensor: those of the rows that all parents share."""
    if plan.rows is None:
        return plan.owner.num_elements
    return len(plan.rows.owner) * (plan.owner.num_elements // plan.owner.shape[0])


class _Reader:
    """The values of one parent that are merged: all of them, or those of the rows that all parents share."""

    def __init__(self, parent: str, stored: Stored, rows: torch.Tensor | None) -> None:
        self._parent = parent
        self._stored = stored
        self._flat = stored.flat()
        self._rows = rows

    def __call__(self, chunk: Chunk) -> torch.Tensor:
        """(elements,) float32.

        Raises:
            UserError: a value is not finite.
        """
        if self._rows is None:
            values = self._flat[chunk.start : chunk.stop].float()
        else:
            matrix = self._flat.view(self._stored.shape[0], -1)
            values = matrix.index_select(0, self._rows[chunk.first : chunk.last]).float().reshape(-1)
        if not math.isfinite(values.sum()) and not values.isfinite().all():  # the sum alone may overflow
            bad = int((~values.isfinite()).sum())
            raise UserError(
                f"{self._stored.path}: {self._stored.name} of {self._parent} holds values that are not finite (NaN or"
                f" infinity; {bad:,} in one piece). Nothing was written. Take a checkpoint from before it diverged."
            )
        return values


class TensorChunks:
    """The values of all models that take part in one tensor, and of the base; as many passes as are asked for."""

    def __init__(self, plan: TensorPlan, config: Merge) -> None:
        self.plan = plan
        self.of_deltas = config.method in TASK_VECTOR_METHODS
        self._seed = config.seed
        self._chunks = chunks_of(plan)
        rows = plan.rows.parents if plan.rows is not None else {}
        self._models = {name: _Reader(name, stored, rows.get(name)) for name, stored in plan.models.items()}
        self._base = _Reader(plan.base_name, plan.base, rows.get(plan.base_name)) if plan.base is not None else None
        noisy = {one.name for one in config.models if one.random_delta} & plan.models.keys()
        self._noise_factors = {name: self._noise_factor(name) for name in sorted(noisy)}

    def passes(self) -> Iterator[tuple[Chunk, torch.Tensor | None, list[torch.Tensor]]]:
        """(piece, values of the base, vectors of the models) in order.

        A vector is what the method combines: what the model learned since the base (a delta), or its values as they
        are. Noise stands in where a control asks for it.
        """
        noise = {name: Noise(self._seed, name, self.plan.name, factor) for name, factor in self._noise_factors.items()}
        for chunk in self._chunks:
            base = self._base(chunk) if self._base is not None else None
            vectors = []
            for name, read in self._models.items():
                if base is None:
                    vectors.append(read(chunk))
                elif name in noise:
                    drawn = noise[name](len(base))
                    vectors.append(drawn if self.of_deltas else base + drawn)
                else:
                    vectors.append(read(chunk) - base if self.of_deltas else read(chunk))
            yield chunk, base, vectors

    def vectors(self) -> Iterator[Sequence[torch.Tensor]]:
        """The vectors of the models, piece by piece."""
        return (vectors for _, _, vectors in self.passes())

    def _noise_factor(self, name: str) -> float:
        """|tau| / |noise|, so that the noise is as long as what it replaces."""
        assert self._base is not None, "noise is as long as a delta"
        draw = Noise(self._seed, name, self.plan.name)
        delta_square = noise_square = 0.0
        for chunk in self._chunks:
            base = self._base(chunk)
            delta = self._models[name](chunk) - base
            drawn = draw(len(base))
            delta_square += float((delta * delta).sum())
            noise_square += float((drawn * drawn).sum())
        return math.sqrt(delta_square / noise_square) if noise_square else 0.0
