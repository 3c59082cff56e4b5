"""Training losses: (outputs, targets) -> Total(sum, count). Only the training loop divides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from lineage.data.batch import IGNORED

_CHUNK_ELEMENTS = {"cpu": 1 << 19}
"""Logits read at once: on a CPU as many as stay in its cache; elsewhere `_CHUNK_ELEMENTS_DEVICE`."""
_CHUNK_ELEMENTS_DEVICE = 1 << 28


class Total(NamedTuple):
    """A loss that can be added up over micro-batches and processes."""

    sum: Tensor
    """Scalar, float32, differentiable: the losses of all scored items, added up."""
    count: Tensor  # pyright: ignore[reportIncompatibleMethodOverride]
    """Scalar, integer: how many items were scored."""


def next_token(outputs: Any, targets: Mapping[str, Tensor]) -> Total:
    """Cross-entropy in nats of `targets["labels"]` under `outputs.logits`, in float32 (float64 for float64 logits).

    Labels are already shifted: the label at position t is the token that position t predicts; -100 is ignored. Uniform
    logits over V tokens give a sum of count * log(V).
    """
    labels = targets["labels"]
    logits = outputs.logits
    return Total(cross_entropy_sum(logits.flatten(0, -2), labels.flatten()), (labels != IGNORED).sum())


def preference(beta: float) -> Callable[[Any, Mapping[str, Tensor]], Total]:
    """The loss of direct preference optimization (arXiv 2305.18290, equation 7), in float32; its count is of pairs.

    Rows 2k and 2k + 1 are the better and the worse answer to one prompt; `targets["reference"]` [row] holds what the
    reference model gives each in nats, summed over the answer's tokens and its end.
    """

    def loss(outputs: Any, targets: Mapping[str, Tensor]) -> Total:
        margins = preference_margins(answer_log_probability(outputs.logits, targets["labels"]), targets["reference"])
        return Total(-functional.logsigmoid(beta * margins).sum(), torch.tensor(len(margins), device=margins.device))

    return loss


def preference_margins(log_probability: Tensor, reference: Tensor) -> Tensor:
    """[pair] how much more the model prefers the better answer than the reference does, in nats; from [row] each."""
    gained = (log_probability - reference).unflatten(0, (-1, 2))
    return gained[:, 0] - gained[:, 1]


def answer_log_probability(logits: Tensor, labels: Tensor) -> Tensor:
    """[row] log-probability of the labels that are not -100, summed over each row; labels are shifted already."""
    wide = logits if logits.dtype == torch.float64 else logits.float()
    scored = labels != IGNORED
    chosen = wide.gather(-1, torch.where(scored, labels, 0).unsqueeze(-1)).squeeze(-1)
    return torch.where(scored, chosen - wide.logsumexp(dim=-1), 0).sum(dim=-1)


def contrastive(outputs: Any, targets: Mapping[str, Tensor]) -> Total:
    """CLIP's loss (arXiv 2103.00020, figure 3): each picture finds its caption among all of the step, and back.

    The sum over pairs of the mean of both cross-entropies. Pairs of one micro-batch are compared with each other
    only, so the whole step has to be one. Captions that say the same (equal `targets["caption"]`) are no rivals.
    """
    similarity = outputs.logits_per_image.float()
    same = targets["caption"][:, None] == targets["caption"][None, :]
    rivals = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
    similarity = similarity.masked_fill(rivals, float("-inf"))
    pairs = torch.arange(len(similarity), device=similarity.device)
    images = functional.cross_entropy(similarity, pairs, reduction="sum")
    captions = functional.cross_entropy(similarity.T, pairs, reduction="sum")
    return Total((images + captions) / 2, torch.tensor(len(pairs), device=pairs.device))


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
