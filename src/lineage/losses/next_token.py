"""Cross-entropy of next tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from lineage.data.batch import IGNORED
from lineage.losses.total import Total

_CHUNK_ELEMENTS = {"cpu": 1 << 19}
"""Logits read at once: on a CPU as many as stay in its cache; elsewhere `_CHUNK_ELEMENTS_DEVICE`."""
_CHUNK_ELEMENTS_DEVICE = 1 << 28


def next_token(outputs: Any, targets: Mapping[str, Tensor]) -> Total:
    """Cross-entropy in nats of `targets["labels"]` under `outputs.logits`, in float32 (float64 for float64 logits).

    Labels are already shifted: the label at position t is the token that position t predicts; -100 is ignored. Uniform
    logits over V tokens give a sum of count * log(V). Logits of the scored positions alone, [scored, vocabulary] as
    `lineage.losses.scored_positions` gives them, mean the same.
    """
    labels = targets["labels"]
    logits = outputs.logits
    if logits.dim() == labels.dim():
        labels = labels[labels != IGNORED]
    return Total(cross_entropy_sum(logits.flatten(0, -2), labels.flatten()), (labels != IGNORED).sum())


def cross_entropy_sum(logits: Tensor, labels: Tensor) -> Tensor:
    """Sum over rows of -log softmax(logits)[label]; logits [row, vocabulary], labels [row], -100 is ignored.

    Outside `torch.compile` (which fuses the plain formula by itself) the logits are read in pieces, so that no second
    array of their size is made in the forward pass and only the gradient in the backward pass: a third faster on a CPU,
    and bf16 logits are never copied whole to float32.
    """
    if torch.compiler.is_compiling():
        wide = logits if logits.dtype == torch.float64 else logits.float()
        return functional.cross_entropy(wide, labels, ignore_index=IGNORED, reduction="sum")
    result: Tensor = _ChunkedCrossEntropy.apply(logits, labels)
    return result


class _ChunkedCrossEntropy(torch.autograd.Function):
    """d loss / d logits = softmax(logits) - one_hot(label), per row that has a label."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> Tensor:
        wide = torch.promote_types(logits.dtype, torch.float32)
        log_normalizer = torch.cat([torch.logsumexp(part.to(wide), dim=-1) for part in _chunks(logits)])
        scored = labels != IGNORED
        index = torch.where(scored, labels, 0).unsqueeze(-1)
        ctx.save_for_backward(logits, log_normalizer, index, scored)
        losses = log_normalizer - logits.gather(-1, index).squeeze(-1).to(wide)
        return torch.where(scored, losses, 0).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        logits, log_normalizer, index, scored = ctx.saved_tensors
        scale = (grad_outputs[0] * scored).unsqueeze(-1)
        grad = torch.empty_like(logits)
        pieces = zip(_chunks(logits), _chunks(grad), strict=True)
        row = 0
        for part, out in pieces:
            rows = slice(row, row + len(part))
            row = rows.stop
            if logits.dtype == log_normalizer.dtype:
                torch.sub(part, log_normalizer[rows, None], out=out).exp_().mul_(scale[rows])
                out.scatter_add_(-1, index[rows], -scale[rows])
            else:
                softmax = (part.to(log_normalizer.dtype) - log_normalizer[rows, None]).exp_().mul_(scale[rows])
                out.copy_(softmax.scatter_add_(-1, index[rows], -scale[rows]))
        return grad, None


def _chunks(tensor: Tensor) -> tuple[Tensor, ...]:
    """Views of consecutive rows."""
    elements = _CHUNK_ELEMENTS.get(tensor.device.type, _CHUNK_ELEMENTS_DEVICE)
    return tensor.split(max(1, elements // tensor.shape[-1]))
