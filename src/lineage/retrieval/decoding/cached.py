"""An encoder-decoder that is asked for one more symbol a beam, with its keys and values kept.

Shapes: Q queries, B beams, S tokens of a query, d width, V rows of the decoder's vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput


class CachedDecoder:
    """One batch of queries on its way through the decoder.

    `model` is any encoder-decoder of transformers with the interface of `T5ForConditionalGeneration`; its own scaling
    of inputs and logits applies. All beams of a query begin as one, so that the first step costs one row a query; what
    the decoder sees of the query is the same for all its beams and is copied only when their number changes.
    """

    def __init__(self, model: Any, input_ids: Tensor, attention_mask: Tensor):
        self._model = model
        self._embed = model.get_decoder().get_input_embeddings()
        self._num_queries = len(input_ids)
        self._states = model.get_encoder()(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        # Added to attention scores as it is; a mask of 0 and 1 transformers would read back from the device each step.
        hidden = torch.finfo(self._states.dtype).min * (1 - attention_mask).to(self._states.dtype)
        self._mask = hidden[:, None, None, :]
        self._beams = 1
        self._cache: EncoderDecoderCache | None = None

    def read(self, rows: Tensor, shares: Tensor | None = None) -> Tensor:
        """[Q, B, d] what the decoder reads of [Q, B] rows, or of [Q, B, K] rows in these shares."""
        read = self._embed(rows)
        return read if shares is None else (shares.unsqueeze(-1).to(read.dtype) * read).sum(dim=-2)

    def logits(self, inputs: Tensor) -> Tensor:
        """[Q, B, V] float32 logits after one more input [Q, B, d] a beam."""
        output = self._model(
            attention_mask=self._mask,
            encoder_outputs=BaseModelOutput(last_hidden_state=self._states),
            decoder_inputs_embeds=inputs.flatten(0, 1).unsqueeze(1),
            past_key_values=self._cache,
            use_cache=True,
        )
        self._cache = output.past_key_values
        return output.logits[:, -1].float().unflatten(0, (self._num_queries, self._beams))

    def choose(self, beam: Tensor) -> None:
        """Goes on with [Q, B'] of the present beams."""
        assert self._cache is not None, "beams are chosen after a step"
        first = torch.arange(self._num_queries, device=beam.device).unsqueeze(1) * self._beams
        chosen: Any = (first + beam).flatten()  # Any: transformers asks for a LongTensor, which no operation gives
        self._cache.self_attention_cache.reorder_cache(chosen)
        if beam.shape[1] != self._beams:
            self._cache.cross_attention_cache.reorder_cache(chosen)
            self._states, self._mask = self._states.index_select(0, chosen), self._mask.index_select(0, chosen)
            self._beams = beam.shape[1]
