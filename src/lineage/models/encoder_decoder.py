"""T5 models: built small, opened strictly, and with a decoder vocabulary of their own (arXiv 2210.02068).

A folder with a decoder vocabulary is a Hugging Face folder that `ContextualT5.from_pretrained` opens: `config.json`
says how many rows the decoder has and how its inputs are scaled, `model.safetensors` holds each of both tables once.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import AutoConfig, PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from lineage.config.retrieval_models import T5Architecture
from lineage.errors import UserError
from lineage.models.decoder import check_vocabulary, open_tokenizer, require_safetensors

PAD, END = 0, 1
"""Ids of padding (and of the start of decoding) and of the end, in every T5 tokenizer and decoder vocabulary."""
_ENCODER_TABLE = "encoder.embed_tokens.weight"
_TABLES = ("decoder.embed_tokens.weight", "lm_head.weight")
_SHARED = "shared.weight"
_NEVER_USED = {"decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"}
"""Left over in old checkpoints; transformers ignores it too."""


class ScaledEmbedding(nn.Embedding):
    """An embedding whose vectors are multiplied by a number when they are read, but not where they are tied."""

    def __init__(self, num_embeddings: int, embedding_dim: int, scale: float):
        super().__init__(num_embeddings, embedding_dim)
        self.scale = scale

    def forward(self, input: Tensor) -> Tensor:
        """[..., d] from ids [...]."""
        return super().forward(input) * self.scale


class ContextualT5(T5ForConditionalGeneration):
    """T5 whose decoder reads and writes rows of a table of its own; the encoder keeps the tokens of `shared`.

    `config.decoder_rows` is the number of rows, `config.decoder_input_scale` multiplies them where the decoder reads
    them, `config.scale_decoder_outputs` says whether logits are multiplied by d^-0.5.
    """

    _tied_weights_keys = {_ENCODER_TABLE: _SHARED, "lm_head.weight": "decoder.embed_tokens.weight"}  # noqa: RUF012

    def __init__(self, config: T5Config):
        super().__init__(config)
        rows, scale = config.decoder_rows, config.decoder_input_scale
        self.decoder.embed_tokens = ScaledEmbedding(rows, config.d_model, scale)
        self.lm_head = nn.Linear(config.d_model, rows, bias=False)
        self.post_init()

    def set_input_embeddings(self, new_embeddings: nn.Embedding) -> None:
        """Replaces the encoder's table; the decoder's is another."""
        self.shared = new_embeddings
        self.encoder.set_input_embeddings(new_embeddings)


def build_t5(
    architecture: T5Architecture, tokenizer: PreTrainedTokenizerFast, *, seed: int
) -> T5ForConditionalGeneration:
    """A T5 with random float32 weights, a function of (architecture, vocabulary, seed) only.

    Raises:
        UserError: a tokenizer whose padding and end are not tokens 0 and 1.
    """
    check_special_tokens(tokenizer, place="the tokenizer")
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=architecture.width,
        d_kv=architecture.width // architecture.heads,
        d_ff=architecture.feed_forward,
        num_layers=architecture.layers,
        num_decoder_layers=architecture.layers,
        num_heads=architecture.heads,
        dropout_rate=architecture.dropout,
        pad_token_id=PAD,
        eos_token_id=END,
        decoder_start_token_id=PAD,  # pyright: ignore[reportCallIssue]
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return T5ForConditionalGeneration(config)


def check_special_tokens(tokenizer: PreTrainedTokenizerFast, *, place: str) -> None:
    """
    Raises:
        UserError: padding and end are not tokens 0 and 1, as in every T5.
    """
    found = (tokenizer.pad_token_id, tokenizer.eos_token_id)
    if found != (PAD, END):
        raise UserError(
            f"{place}: padding and end are tokens {found[0]} and {found[1]}, but generative retrievers need {PAD} and"
            f" {END}, as every T5 tokenizer has them.\n  Use the tokenizer of a T5, or one that is trained here."
        )


def open_t5_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a T5 folder.

    Raises:
        UserError: none there, or not a T5's.
    """
    tokenizer = open_tokenizer(folder)
    check_special_tokens(tokenizer, place=str(folder))
    return tokenizer


def has_own_rows(folder: Path) -> bool:
    """Whether the decoder of a T5 folder has a vocabulary of its own."""
    return getattr(_config(folder), "decoder_rows", None) is not None


def open_t5(folder: Path, *, writes: bool = True) -> T5ForConditionalGeneration:
    """Loads a T5, with or without a decoder vocabulary of its own, in float32, every tensor from the folder's files.

    With `writes` false the decoder will write nothing (only the encoder is asked, or its tables are replaced later), so
    an output table that transformers cannot keep is no mistake.

    Raises:
        UserError: no T5, no safetensors, or weights that do not fit the config.
    """
    config, tensors = _config(folder), _tensors(folder)
    tables = [tensors.pop(name) for name in _TABLES if name in tensors]
    own = has_own_rows(folder)
    if writes and not own and not all(_same(table, tensors[_SHARED]) for table in tables):
        raise UserError(
            f"{folder}: the decoder's output table is not the encoder's (T5 1.1 and later), and transformers ties them"
            " since version 5.\n  Give the retriever a contextual vocabulary, which replaces both decoder tables."
        )
    if own and not tables:
        raise UserError(f"{folder}: has {config.decoder_rows} decoder rows by its config, but no table of them.")
    model = _filled(ContextualT5 if own else T5ForConditionalGeneration, config, tensors, folder)
    if own:
        _set_table(model, tables[0], folder)
    check_vocabulary(model, open_t5_tokenizer(folder), place=str(folder))
    return model


def with_rows(folder: Path, table: Tensor, *, scale_outputs: bool, input_scale: float | None) -> ContextualT5:
    """The T5 of a folder with decoder tables that are `table` [row, d]; everything else is as in the folder.

    Args:
        scale_outputs: multiply logits by d^-0.5.
        input_scale: what the decoder's inputs are multiplied by; None: so that they are as long as those of `shared`
            in the mean.

    Raises:
        UserError: no T5, no safetensors, or a table of another width.
    """
    config, tensors = _config(folder), _tensors(folder)
    if input_scale is None:
        input_scale = float(tensors[_SHARED].norm(dim=1).mean() / table.norm(dim=1).mean())
    config.decoder_rows, config.decoder_input_scale = len(table), input_scale
    config.scale_decoder_outputs = scale_outputs
    config.architectures = [ContextualT5.__name__]
    body = {name: tensor for name, tensor in tensors.items() if name not in _TABLES}
    model = _filled(ContextualT5, config, body, folder)
    _set_table(model, table, folder)
    assert isinstance(model, ContextualT5)
    return model


def output_table(model: T5ForConditionalGeneration) -> nn.Parameter:
    """[row, d] the table of the decoder: its input embedding and its output matrix."""
    table = model.lm_head.weight
    assert isinstance(table, nn.Parameter) and table is model.decoder.embed_tokens.weight
    return table


def logit_scale(model: T5ForConditionalGeneration) -> float:
    """What the decoder's states are multiplied by before the table."""
    return model.config.d_model**-0.5 if model.config.scale_decoder_outputs else 1.0


def _config(folder: Path) -> T5Config:
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder}: transformers cannot open its config: {error}") from error
    if not isinstance(config, T5Config):
        raise UserError(f"{folder}: is of type '{config.model_type}', but generative retrievers need a T5.")
    return config


def _tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder, by name, in float32; the encoder's table is `shared.weight` however it is named.

    Read by name and not by `from_pretrained`, which since version 5 may take the encoder's table from the output matrix
    where the two differ (huggingface/transformers issues 48154, 43681).

    Raises:
        UserError: no safetensors, or none of a T5.
    """
    require_safetensors(folder)
    found: dict[str, Tensor] = {}
    for path in sorted(folder.glob("model*.safetensors")):
        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                found |= {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise UserError(f"{path}: cannot be read: {error}") from error
    encoder_table = found.pop(_ENCODER_TABLE, None)
    if encoder_table is not None:
        found.setdefault(_SHARED, encoder_table)
    if _SHARED not in found:
        raise UserError(f"{folder}: no tensor '{_SHARED}': no weights of a T5.")
    return {name: tensor for name, tensor in found.items() if name not in _NEVER_USED}


def _filled(
    kind: type[T5ForConditionalGeneration], config: T5Config, tensors: dict[str, Tensor], folder: Path
) -> T5ForConditionalGeneration:
    """A model with these tensors; decoder tables are not among them.

    Raises:
        UserError: tensors that are missing, left over or of another shape.
    """
    with torch.random.fork_rng(devices=[]):  # weights are drawn, to be replaced
        model = kind(config)
    tied = {_ENCODER_TABLE, *_TABLES}
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if name not in tied}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise UserError(
            f"{folder}: the weights do not fit the config: {wrong[0]} has shape {found.get(wrong[0])}, the model"
            f" {expected.get(wrong[0])}{more}.\n  Save both together: model.save_pretrained(folder)."
        )
    model.load_state_dict(tensors, strict=False)
    assert torch.equal(model.encoder.embed_tokens.weight, tensors[_SHARED]), "the encoder's table is another"
    return model


def _set_table(model: T5ForConditionalGeneration, table: Tensor, folder: Path) -> None:
    """
    Raises:
        UserError: a table of another shape.
    """
    weight = output_table(model)
    if weight.shape != table.shape:
        raise UserError(
            f"{folder}: its decoder table has shape {tuple(weight.shape)}, the vectors have {tuple(table.shape)}.\n"
            "  Contextual vectors must come from an encoder of the model's own width."
        )
    with torch.no_grad():
        weight.copy_(table)


def _same(left: Tensor, right: Tensor) -> bool:
    return left.shape == right.shape and torch.equal(left, right)
