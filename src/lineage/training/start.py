"""The model that a run begins with, checked against the text that it will read."""

from __future__ import annotations

import json
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from lineage.artifact import Artifact
from lineage.config.training import Optimization
from lineage.errors import UserError
from lineage.models.decoder import check_vocabulary, num_embeddings, open_decoder
from lineage.training.packing import check_document_attention


def open_start(start: Artifact, tokenizer: Artifact, text_tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """The weights of a model that goes on with text of `tokenizer`.

    Raises:
        UserError: the text is not tokenized as the model was trained to read it.
    """
    model = open_decoder(start.folder)
    check_vocabulary(model, text_tokenizer, place=f"{start.folder} with {tokenizer.folder}")
    if _content(tokenizer) != _content(start):
        raise UserError(
            f"{start.folder}: was trained with another tokenizer than {tokenizer.folder}.\n"
            "  Tokenize the corpus with the model's own: tokenizers.<name>.existing.path"
        )
    return model


def check_rows(model: PreTrainedModel, settings: Optimization) -> None:
    """Whether the model can read rows of this length and keep the documents in them apart.

    Raises:
        UserError: rows that are too long, or documents that see each other where they should not.
    """
    longest = getattr(model.config, "max_position_embeddings", None)
    if longest is not None and settings.sequence_length > longest:
        raise UserError(
            f"optimization.sequence_length is {settings.sequence_length}, but the model reads at most"
            f" {longest} tokens (max_position_embeddings). Lower the one or raise the other."
        )
    if settings.attention == "document":
        check_document_attention(model, vocab_size=num_embeddings(model))


def _content(artifact: Artifact) -> dict[str, Any]:
    """What decides how text is cut; truncation and padding are the caller's."""
    content = json.loads(artifact.path("tokenizer.json").read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if key not in ("truncation", "padding", "version")}
