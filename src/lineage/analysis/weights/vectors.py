"""Task vectors of models on disk, tensor by tensor: language model only, whatever the layouts, rows by their tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lineage.config.merging import Merge, MergedModel
from lineage.merging.chunks import TensorChunks
from lineage.merging.names import is_language
from lineage.merging.plan import MergePlan, TensorPlan, make_plan

_ANY_WEIGHT = 0.5
"""A plan with weight 1 may copy a tensor instead of reading it; no weight is ever applied here."""


@dataclass(frozen=True)
class TaskVector:
    """What training added to the weights: those of `end` minus those of `start`."""

    name: str
    end: str
    start: str | None = None
    """None: the base of all."""


@dataclass(frozen=True)
class TensorDeltas:
    """One tensor of the language model in all task vectors."""

    name: str
    """Canonical: `lm.layers.0.mlp.up_proj.weight`."""
    shape: tuple[int, ...]
    """Of the entries that all models share: rows of tokens that not all have are left out."""
    starts: Tensor
    """[vector, entry] float32: the weights that each vector starts from."""
    taus: Tensor
    """[vector, entry] float32: what was added."""
    base_rows: Tensor | None
    """Rows of the base's tensor that the rows here are; None: all of them, in order."""


class TaskVectors:
    """Opens models and checks that their language models are alike, tensor for tensor, before any weight is read."""

    def __init__(self, base: Path, folders: Mapping[str, Path], vectors: Sequence[TaskVector]) -> None:
        """`folders` are those of the models that `vectors` name.

        Raises:
            UserError: models that do not fit together, as in a merge.
        """
        self.vectors = list(vectors)
        self._models = list(dict.fromkeys(name for one in vectors for name in (one.end, one.start) if name))
        named = [MergedModel(name=name, weight=_ANY_WEIGHT) for name in self._models]
        self._config = Merge(method="task_arithmetic", models=named)
        self._plan: MergePlan = make_plan(self._config, [folders[name] for name in self._models], base)
        self._tensors = [one for one in self._plan.tensors if is_language(one.name)]

    def __len__(self) -> int:
        """Tensors of the language model."""
        return len(self._tensors)

    def __iter__(self) -> Iterator[TensorDeltas]:
        """Every tensor, in the order of names; one is in memory at a time, in all models.

        Raises:
            UserError: values that are not finite.
        """
        return map(self._deltas, self._tensors)

    def _deltas(self, plan: TensorPlan) -> TensorDeltas:
        pieces = list(TensorChunks(plan, self._config).passes())
        base = torch.cat([piece for _, piece, _ in pieces if piece is not None])
        deltas = torch.stack([torch.cat(parts) for parts in zip(*(vectors for _, _, vectors in pieces), strict=True)])
        number = {name: row for row, name in enumerate(self._models)}
        none = torch.zeros_like(base)
        before = [deltas[number[one.start]] if one.start else none for one in self.vectors]
        after = [deltas[number[one.end]] for one in self.vectors]
        shape = plan.owner.shape if plan.rows is None else (len(plan.rows.owner), *plan.owner.shape[1:])
        return TensorDeltas(
            name=plan.name,
            shape=shape,
            starts=torch.stack([base + delta for delta in before]),
            taus=torch.stack([end - start for end, start in zip(after, before, strict=True)]),
            base_rows=None if plan.rows is None else plan.rows.parents[plan.base_name],
        )
