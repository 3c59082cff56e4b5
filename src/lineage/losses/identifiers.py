"""Losses of generative retrievers: on the rows of an identifier, and on what the decoder says before it begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lineage.data.batch import IGNORED
from lineage.losses.next_token import cross_entropy_sum
from lineage.losses.total import Total


def identifier_rows(outputs: Any, targets: Mapping[str, Tensor]) -> Total:
    """Cross-entropy in nats of `targets["labels"]` [row, step] over all rows of the vocabulary.

    `outputs.logits` [scored, row of the vocabulary] are of the labels that are not -100 alone, in their order: padding
    is not even projected.
    """
    labels = targets["labels"]
    scored = labels[labels != IGNORED]
    return Total(cross_entropy_sum(outputs.logits, scored), torch.tensor(len(scored), device=labels.device))


def token_contrast(*, mask_same_row: bool) -> Callable[[Any, Mapping[str, Tensor]], Total]:
    """Contrast of queries with single identifier tokens within the step (`base` of arXiv 2210.02068).

    Example i pairs `outputs.query[i]` [d] with row `targets["token_row"][i]` of `outputs.table`; only the query
    gets a gradient. Cross-entropy over the inner products with the rows of all examples, without temperature. Frequent
    tokens share rows, so that rivals can be the very row that is sought: `mask_same_row` leaves them out. The whole
    step has to be one batch.
    """

    def loss(outputs: Any, targets: Mapping[str, Tensor]) -> Total:
        rows = targets["token_row"]
        similarity = _products(outputs.query, outputs.table[rows])
        if mask_same_row:
            rivals = (rows[:, None] == rows) & ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)
            similarity = similarity.masked_fill(rivals, float("-inf"))
        examples = torch.arange(len(rows), device=rows.device)
        total = functional.cross_entropy(similarity, examples, reduction="sum")
        return Total(total, torch.tensor(len(rows), device=rows.device))

    return loss


def total_contrast(outputs: Any, targets: Mapping[str, Tensor]) -> Total:
    """Contrast of queries with all rows (`total` of arXiv 2210.02068): -sum over z of log softmax(table query)[z].

    `targets["labels"]` [query, step] are the rows z of an identifier's tokens, padded with -100. The target is not
    divided by their number, so longer identifiers count more; the count is of tokens.
    """
    labels = targets["labels"]
    logits = _products(outputs.query, outputs.table)
    scored = labels != IGNORED
    own = logits.gather(1, torch.where(scored, labels, 0))
    return Total(torch.where(scored, logits.logsumexp(dim=1, keepdim=True) - own, 0).sum(), scored.sum())


def _products(query: Tensor, rows: Tensor) -> Tensor:
    """[query, row] inner products in float32 (float64 stays), without a gradient for the rows."""
    wide = torch.promote_types(query.dtype, torch.float32)
    return query.to(wide) @ rows.detach().to(wide).T
