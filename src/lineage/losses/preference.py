"""The loss of direct preference optimization, and the margins that it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lineage.data.batch import IGNORED
from lineage.losses.total import Total


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
