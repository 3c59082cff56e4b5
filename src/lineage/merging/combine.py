"""From a method's name to the function that merges the next piece of a tensor.

A method may look at the whole tensor first (slerp at the angle, TIES at the threshold, DARE at the sum of magnitudes).
What it returns is called once a piece, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from lineage.config.merging import Merge, Method
from lineage.merging.chunks import TensorChunks, num_merged
from lineage.merging.geometry import Gram
from lineage.merging.methods import arc, drop, elect, linear, slerp, weighted_sum
from lineage.merging.randomness import Mask
from lineage.merging.selection import EVERYTHING, Cut, Trimmer, cuts, num_kept

Vectors = Sequence[torch.Tensor]
Combine = Callable[[Vectors], torch.Tensor]
"""The next piece of each model's vector -> the same piece of the merged vector."""


@dataclass
class Task:
    """One tensor that is to be computed."""

    config: Merge
    chunks: TensorChunks
    model_cuts: Sequence[Cut] | None = None
    """TIES with `trim: model`: where to cut each model in this tensor."""
    zero_is_positive: bool = True
    """TIES with `trim: model`: the sign that a sum of 0 has."""
    facts: dict[str, object] = field(default_factory=dict)
    """What the method found out about the tensor, for `merge.json`."""

    @property
    def weights(self) -> list[float]:
        """Weights of the models that take part."""
        return list(self.chunks.plan.weights.values())

    @property
    def densities(self) -> list[float]:
        """Densities of the models that take part."""
        own = {one.name: density for one, density in zip(self.config.models, self.config.densities(), strict=True)}
        return [own[name] for name in self.chunks.plan.weights]


def _linear(task: Task) -> Combine:
    weights = task.weights
    return lambda vectors: linear(vectors, weights)


def _slerp(task: Task) -> Combine:
    if len(task.weights) == 1:  # an end point whose bytes are no parent's: noise, or a scaled delta
        return lambda vectors: vectors[0]
    gram = Gram(2)
    for vectors in task.chunks.vectors():
        gram.add(vectors)
    way = arc(gram.dot(0, 1), gram.norm(0), gram.norm(1), task.weights[1])
    task.facts["straight"] = way.straight
    return lambda vectors: slerp(vectors[0], vectors[1], way)


def _task_arithmetic(task: Task) -> Combine:
    weights = task.weights
    return lambda vectors: weighted_sum(vectors, weights)


def _ties(task: Task) -> Combine:
    trim = [Trimmer(cut) for cut in task.model_cuts or _tensor_cuts(task)]
    weights = task.weights

    def combine(vectors: Vectors) -> torch.Tensor:
        trimmed = [one(vector) for one, vector in zip(trim, vectors, strict=True)]
        return elect(trimmed, weights, mean=True, zero_is_positive=task.zero_is_positive)

    return combine


def _tensor_cuts(task: Task) -> list[Cut]:
    """Where to cut each model, by the magnitudes in this tensor alone."""
    size = num_merged(task.chunks.plan)
    keep = [num_kept(density, size) for density in task.densities]
    if all(number >= size for number in keep):
        return [EVERYTHING] * len(keep)
    return cuts(task.chunks.vectors, keep)


def _dare(task: Task) -> Combine:
    factors = [1 / density for density in task.densities]
    if task.config.rescale == "l1":
        factors = _l1_factors(task)
    masks, weights = _masks(task), task.weights

    def combine(vectors: Vectors) -> torch.Tensor:
        kept = [
            drop(vector, mask(len(vector)), factor)
            for vector, mask, factor in zip(vectors, masks, factors, strict=True)
        ]
        return elect(kept, weights, mean=False) if task.config.election == "ties" else weighted_sum(kept, weights)

    return combine


def _l1_factors(task: Task) -> list[float]:
    """L1(tau) / L1(m tau) of each model; 1 where nothing is left."""
    before, after = [0.0] * len(task.weights), [0.0] * len(task.weights)
    masks = _masks(task)
    for vectors in task.chunks.vectors():
        for index, (vector, mask) in enumerate(zip(vectors, masks, strict=True)):
            magnitude = vector.abs()
            before[index] += float(magnitude.sum())
            after[index] += float((magnitude * mask(len(vector))).sum())
    return [whole / kept if kept else 1.0 for whole, kept in zip(before, after, strict=True)]


def _masks(task: Task) -> list[Mask]:
    """Fresh draws for each model, from the first element of the tensor on."""
    name = task.chunks.plan.name
    return [
        Mask(task.config.seed, model, name, density)
        for model, density in zip(task.chunks.plan.weights, task.densities, strict=True)
    ]


METHODS: dict[Method, Callable[[Task], Combine]] = {
    "linear": _linear,
    "slerp": _slerp,
    "slerp_delta": _slerp,
    "task_arithmetic": _task_arithmetic,
    "ties": _ties,
    "dare": _dare,
}
"""The methods about task vectors get these as their vectors, and what they return is added to the base."""
