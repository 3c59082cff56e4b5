"""Layers of a model in memory, changed for as long as a block lasts, and put back bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from lineage.analysis.layers.parts import language_layers, projections
from lineage.analysis.layers.ranges import Range
from lineage.errors import UserError


@contextmanager
def scaled(model: PreTrainedModel, layers: Range, factor: float) -> Iterator[None]:
    """All seven projections of the layers times `factor`; biases, norms and everything else stay.

    The released script of "Safety Layers" scales the output projections of another model object, so never these.

    Raises:
        UserError: layers that are not built as Llama's.
    """
    weights = [one.weight for layer in _within(model, layers) for one in projections(layer).values()]
    with _put_back(weights):
        for weight in weights:
            weight.data.mul_(factor)
        yield


@contextmanager
def restored(model: PreTrainedModel, donor: PreTrainedModel, layers: Range) -> Iterator[None]:
    """Every tensor of the layers as the donor has it: what a merge with one-hot weights by layer writes.

    Raises:
        UserError: the donor's layers are built otherwise.
    """
    mine, theirs = (
        {f"{number}.{name}": one for number, layer in enumerate(of) for name, one in layer.named_parameters()}
        for of in (_within(model, layers), _within(donor, layers))
    )
    unlike = [name for name in mine.keys() | theirs.keys() if _shape(mine, name) != _shape(theirs, name)]
    if unlike:
        raise UserError(
            f"the donor's layers are built otherwise: {len(unlike)} tensors differ ({sorted(unlike)[0]} first).\n"
            "  Restore from a model that the other one was trained from."
        )
    with _put_back(list(mine.values())):
        for name, tensor in mine.items():
            tensor.data.copy_(theirs[name].data)
        yield


def _shape(tensors: dict[str, nn.Parameter], name: str) -> torch.Size | None:
    return tensors[name].shape if name in tensors else None


def _within(model: PreTrainedModel, layers: Range) -> list[nn.Module]:
    found = list(language_layers(model))
    assert 0 <= layers.first < layers.stop <= len(found), (layers, len(found))
    return found[layers.first : layers.stop]


@contextmanager
def _put_back(tensors: Sequence[Tensor]) -> Iterator[None]:
    kept = [one.data.clone() for one in tensors]
    try:
        yield
    finally:
        for tensor, before in zip(tensors, kept, strict=True):
            tensor.data.copy_(before)
