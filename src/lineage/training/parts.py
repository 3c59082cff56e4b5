"""Which parts of a model are trained: all of the language model, low-rank updates of it, or the projector alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import LlavaForConditionalGeneration, PreTrainedModel

from lineage.config.tuning import Lora
from lineage.errors import UserError

Trainable = Literal["full", "lora", "projector"]


def choose_trainable(
    model: PreTrainedModel,
    trainable: Trainable,
    lora: Lora,
    *,
    seed: int,
    frozen_layers: Sequence[int] | None = None,
) -> PreTrainedModel | PeftModel:
    """Freezes everything else; the vision tower always. With `lora` the model comes back wrapped: see `folded`.

    `frozen_layers` [first, stop) of the language model are frozen too.

    Raises:
        UserError: a projector is asked of a model that has none, or layers that it has not.
    """
    seeing = isinstance(model, LlavaForConditionalGeneration)
    if trainable == "projector" and not seeing:
        raise UserError("trainable is 'projector', but the model reads text only and has none: choose full or lora.")
    for name, parameter in model.named_parameters():
        is_projector = ".multi_modal_projector." in f".{name}"
        is_tower = ".vision_tower." in f".{name}"
        parameter.requires_grad = is_projector or (trainable == "full" and not is_tower)
    if frozen_layers is not None:
        _freeze(model, *frozen_layers)
    if trainable != "lora":
        return model
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,  # pyright: ignore[reportArgumentType]
            lora_dropout=lora.dropout,
            target_modules=_matrices(model),
            bias="none",
        )
        wrapped = get_peft_model(model, config)
    for name, parameter in wrapped.named_parameters():
        if ".multi_modal_projector." in name:
            parameter.requires_grad = True
    assert isinstance(wrapped, PeftModel)
    return wrapped


def _freeze(model: PreTrainedModel, first: int, stop: int) -> None:
    layers = getattr(model.get_decoder(), "layers", None)
    if not isinstance(layers, nn.ModuleList) or stop > len(layers):
        count = len(layers) if isinstance(layers, nn.ModuleList) else "no list of"
        raise UserError(f"frozen_layers is [{first}, {stop}], but {type(model).__name__} has {count} layers.")
    for layer in layers[first:stop]:
        layer.requires_grad_(False)


def folded(model: nn.Module) -> PreTrainedModel:
    """The model as it is saved: low-rank updates are added to the weights that they belong to."""
    whole: Any = model.merge_and_unload() if isinstance(model, PeftModel) else model  # pyright: ignore[reportCallIssue]
    assert isinstance(whole, PreTrainedModel)
    return whole


def _matrices(model: PreTrainedModel) -> list[str]:
    """Names of the linear maps in the layers of the language model."""
    found = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and re.search(r"\.layers?\.\d+\.|\.h\.\d+\.", f".{name}.")
    ]
    return [name for name in found if "vision_tower" not in name]


def num_trainable(model: nn.Module) -> int:
    """Numbers that training changes."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
