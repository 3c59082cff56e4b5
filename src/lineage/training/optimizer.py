"""AdamW and its parameter groups."""

from __future__ import annotations

import torch
from torch import nn

from lineage.config.training import Optimizer
from lineage.errors import UserError


def build(model: nn.Module, config: Optimizer) -> torch.optim.AdamW:
    """AdamW over the trainable parameters; the learning rate is set by the loop before each update.

    Matrices and larger tensors decay; vectors (norms, biases, scales) do not: a decayed norm shrinks every activation.
    A parameter that several modules share (tied embeddings) is in one group once.

    Raises:
        UserError: nothing is trainable.
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable:
        raise UserError("no parameter of the model is trainable: name the parts to train")
    groups = [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]
    fused = all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in trainable)
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.peak_learning_rate,
        betas=config.betas,
        eps=config.epsilon,
        fused=fused,
    )
