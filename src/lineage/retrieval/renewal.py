"""A retriever gets the rows of a new vocabulary in the middle of its training (ASYNC of arXiv 2210.02068)."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from lineage.config.training import Optimizer
from lineage.models.decoder_heads import IdentifierHead
from lineage.models.encoder_decoder import ContextualT5, output_table
from lineage.training import optimizer as optimizers
from lineage.training import state


def renew_rows(model: ContextualT5, table: Tensor) -> None:
    """Replaces the decoder's rows by `table` [row, d], of whatever number; everything else stays."""
    parameter = output_table(model)
    parameter.data = table.to(parameter)
    model.config.decoder_rows = len(table)
    model.decoder.embed_tokens.num_embeddings = model.lm_head.out_features = len(table)


def renewed_state(start: Path, model: ContextualT5, table: Tensor, settings: Optimizer, folder: Path) -> Path:
    """A resume state that goes on from `start` with the rows `table` [row, d], which have no moments yet.

    `model` is the one that `start` belongs to; it has the new rows afterwards.

    Raises:
        UserError: a corrupt state, or one of another model.
    """
    head = IdentifierHead(model)
    optimizer = optimizers.build(head, settings)
    position = state.load(start, head, optimizer)
    optimizer.state.pop(output_table(model), None)
    renew_rows(model, table)
    state.save(folder, head, optimizer, position, writes=True)
    return folder / state.STATE
