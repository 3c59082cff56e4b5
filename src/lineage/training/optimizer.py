"""AdamW and its parameter groups."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import nn

from lineage.config.training import Optimizer
from lineage.errors import UserError


def build(model: nn.Module, config: Optimizer) -> torch.optim.AdamW:
    """AdamW over the trainable parameters; the loop sets each group's rate before an update: the schedule's times the
    group's `rate_factor`.

    Matrices and larger tensors decay; vectors (norms, biases, scales) do not: a decayed norm shrinks every activation.
    A parameter that several modules share (tied embeddings) is in one group once.

    Raises:
        UserError: nothing is trainable.
    """
    trainable = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not trainable:
        raise UserError("no parameter of the model is trainable: name the parts to train")
    members: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in trainable.items():
        decay = config.weight_decay if parameter.ndim >= 2 else 0.0
        members[config.rate_factor(name), decay].append(parameter)
    fused = all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in trainable.values())
    return torch.optim.AdamW(
        [
            {"params": params, "weight_decay": decay, "rate_factor": factor}
            for (factor, decay), params in sorted(members.items(), key=lambda group: group[0], reverse=True)
        ],
        lr=config.peak_learning_rate,
        betas=config.betas,
        eps=config.epsilon,
        fused=fused,
    )
