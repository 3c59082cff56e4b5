"""T5 as the training loop calls it: what the losses of generative retrievers need, and nothing more."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import T5ForConditionalGeneration

from lineage.models.encoder_decoder import END, logit_scale, output_table


class Logits(NamedTuple):
    """Scores of all rows."""

    logits: Tensor
    """[scored position, row]"""


class IdentifierHead(nn.Module):
    """Logits at the positions of the decoder that are scored, so that padding costs no projection."""

    def __init__(self, model: T5ForConditionalGeneration):
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor, decoder_input_ids: Tensor, scored: Tensor) -> Logits:
        """[query, token] inputs with their mask, [query, step] decoder inputs, and which steps are scored."""
        states = decoder_states(self.model, input_ids, attention_mask, decoder_input_ids)
        return Logits(self.model.lm_head(states[scored] * logit_scale(self.model)))


class Query(NamedTuple):
    """One vector a query, and the rows that it is compared with."""

    query: Tensor
    """[query, d]"""
    table: Tensor
    """[row, d]"""


class QueryHead(nn.Module):
    """The decoder's state at its first step when it reads the end row: the vector of a query."""

    def __init__(self, model: T5ForConditionalGeneration):
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Query:
        """[query, token] inputs with their mask."""
        begin = torch.full_like(input_ids[:, :1], END)
        return Query(decoder_states(self.model, input_ids, attention_mask, begin)[:, 0], output_table(self.model))


def decoder_states(
    model: T5ForConditionalGeneration, input_ids: Tensor, attention_mask: Tensor, decoder_input_ids: Tensor
) -> Tensor:
    """[query, step, d] the decoder's last hidden states."""
    encoded = model.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    decoded = model.decoder(
        input_ids=decoder_input_ids,
        encoder_hidden_states=encoded,
        encoder_attention_mask=attention_mask,
        use_cache=False,
    )
    return decoded.last_hidden_state
