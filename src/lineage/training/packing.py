"""Proof that a model keeps the documents of a packed row apart."""

from __future__ import annotations

import torch
from torch import nn

from lineage.errors import UserError
from lineage.training.modes import no_cache, training_modes_kept

TOLERANCE = 1e-3
"""Largest change of a log-probability by rounding (measured: 1e-6 in float32); a model that leaks changes by 1e-2 and
more even at its first initialization."""


def check_document_attention(model: nn.Module, *, vocab_size: int) -> None:
    """Runs two short rows that differ in their first document only; the second document's logits must be equal.

    State-space and linear-attention models ignore `position_ids`, and some attention implementations do not read them
    as borders: with `attention: document` they would learn from what they must not see.

    Raises:
        UserError: the first document changes what the model says about the second.
    """
    device = next(model.parameters()).device
    document = torch.arange(4, device=device) % vocab_size
    rows = torch.stack([torch.cat([torch.full((4,), token, device=device), document]) for token in (0, vocab_size - 1)])
    positions = torch.arange(4, device=device).repeat(2).expand(2, 8)
    with training_modes_kept(model), no_cache(model), torch.no_grad():
        model.eval()
        logits = model(input_ids=rows, position_ids=positions).logits.float()
    after, reference = logits.log_softmax(-1)[:, 4:]
    change = float((after - reference).abs().max())
    if not change < TOLERANCE:
        raise UserError(
            f"attention is 'document', but {type(model).__name__} sees the document before in a packed row"
            f" (a log-probability changes by {change:.2g}).\n"
            "  Set `attention: row`, or choose a model that takes attention masks."
        )
