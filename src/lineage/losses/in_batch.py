"""The loss of a bi-encoder: each query finds its document among all documents of the step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lineage.losses.total import Total


def in_batch(outputs: Any, targets: Mapping[str, Tensor]) -> Total:
    """Cross-entropy of query i against the documents of all rows, of which document i is right (arXiv 2004.04906, 3.2).

    `outputs` [query, document] similarities over the temperature. `targets["no_rival"]` [query, document] marks
    documents that are relevant to the query too, among them its own document in another row: they are left out.
    Documents are those of one micro-batch, so the whole step has to be one.
    """
    own = torch.eye(len(outputs), dtype=torch.bool, device=outputs.device)
    similarity = outputs.float().masked_fill(targets["no_rival"] & ~own, float("-inf"))
    rows = torch.arange(len(similarity), device=similarity.device)
    total = functional.cross_entropy(similarity, rows, reduction="sum")
    return Total(total, torch.tensor(len(rows), device=rows.device))
