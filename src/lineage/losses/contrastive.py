"""CLIP's loss on pictures and captions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lineage.losses.total import Total


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
