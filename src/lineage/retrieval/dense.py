"""Texts as vectors: any sentence-transformers folder or encoder of transformers, read without further packages.

A sentence-transformers folder lists its modules in `modules.json`: a transformer, a pooling, and perhaps linear maps
and a normalisation. A folder without one is pooled by the mean.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding, PreTrainedModel, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES

from lineage.config.dense import DenseReading, Similarity
from lineage.config.messages import listed
from lineage.errors import UserError
from lineage.evaluation.log_probability import batches_by_length
from lineage.models.decoder import open_tokenizer, require_safetensors, save_decoder
from lineage.progress import Progress
from lineage.retrieval.vocabulary import Vocabulary

Vectors = NDArray[np.float32]
Pooling = Literal["mean", "cls", "max"]

MODULES = "modules.json"
SETTINGS = "config_sentence_transformers.json"
LENGTH = "sentence_bert_config.json"
POOLING_FOLDER, DENSE_FOLDER = "1_Pooling", "2_Dense"
MAX_TOKENS = 256
BATCH_TOKENS = 16_384
_MODULE = "sentence_transformers.models"
_ACTIVATIONS = {"Identity": nn.Identity, "Tanh": nn.Tanh, "ReLU": nn.ReLU, "GELU": nn.GELU}
_UNUSED = ("pooler.", "lm_head.")
"""Heads that an encoder's class may have and its folder may lack: nothing here reads them."""


@dataclass(frozen=True)
class Reading:
    """How texts are read and compared."""

    max_tokens: int
    query_prefix: str
    document_prefix: str
    similarity: Similarity


class TextEncoder(nn.Module):
    """A transformer, a pooling, and linear maps; its vectors have length 1 where similarity is cosine."""

    def __init__(self, body: PreTrainedModel, maps: Sequence[nn.Module], *, pooling: Pooling, similarity: Similarity):
        super().__init__()
        self.body, self.maps = body, nn.ModuleList(maps)
        self.pooling: Pooling = pooling
        self.similarity: Similarity = similarity

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """[row, d] from [row, token]; padding is not pooled."""
        states = self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        pooled = pool(states, attention_mask, self.pooling)
        for one in self.maps:
            pooled = one(pooled)
        return functional.normalize(pooled, dim=-1) if self.similarity == "cosine" else pooled


def pool(states: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """[row, d] from states [row, token, d] where mask [row, token] is 1; `cls` is the first of them."""
    present = mask.unsqueeze(-1).bool()
    if pooling == "cls":
        first = mask.argmax(dim=1)
        return states[torch.arange(len(states), device=states.device), first]
    if pooling == "max":
        return states.masked_fill(~present, -torch.inf).amax(dim=1)
    return states.masked_fill(~present, 0).sum(dim=1) / present.sum(dim=1).clamp_min(1)


def open_encoder(folder: Path, wanted: DenseReading) -> tuple[TextEncoder, PreTrainedTokenizerFast, Reading]:
    """The encoder of a folder, in evaluation mode, with its tokenizer and how it wants to be read.

    Raises:
        UserError: pickled weights, weights that do not fit, a module or pooling that is not known here.
    """
    modules = _modules(folder)
    transformer = folder / modules.get("Transformer", "")
    settings = _json(folder / SETTINGS)
    reading = _reading(settings, _json(transformer / LENGTH) or _json(folder / LENGTH), wanted)
    maps = [_open_map(folder / modules["Dense"])] if "Dense" in modules else []
    pooling = _pooling(folder / modules["Pooling"]) if "Pooling" in modules else "mean"
    encoder = TextEncoder(open_body(transformer), maps, pooling=pooling, similarity=reading.similarity)
    return encoder.eval(), open_tokenizer(transformer), reading


def open_body(folder: Path) -> PreTrainedModel:
    """The encoder of any folder: that of an encoder-decoder, or the whole of an encoder.

    Raises:
        UserError: no encoder, no safetensors, or tensors that are missing.
    """
    require_safetensors(folder)
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        kind = AutoModelForTextEncoding if config.model_type in MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES else AutoModel
        loaded: Any = kind.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, use_safetensors=True, local_files_only=True,
            trust_remote_code=False,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UserError(f"{folder}: transformers cannot open it as an encoder: {error}") from error
    model, info = loaded
    if missing := sorted(name for name in info["missing_keys"] if not name.startswith(_UNUSED)):
        raise UserError(f"{folder}: no weights for {listed(missing)}. Save config and weights together.")
    return model


def save_encoder(
    encoder: TextEncoder, reading: Reading, folder: Path, tokenizer_folder: Path, *, temperature: float
) -> None:
    """Writes a sentence-transformers folder; equal encoders give equal bytes."""
    save_decoder(encoder.body, folder, tokenizer_folder)
    width = encoder.body.config.hidden_size
    names = ["Transformer", "Pooling", *(["Dense"] if encoder.maps else [])]
    names += ["Normalize"] if encoder.similarity == "cosine" else []
    folders = {name: "" if name == "Transformer" else f"{at}_{name}" for at, name in enumerate(names)}
    modules = [
        {"idx": at, "name": str(at), "path": folders[name], "type": f"{_MODULE}.{name}"}
        for at, name in enumerate(names)
    ]
    _write(folder / MODULES, modules)
    prompts = {"query": reading.query_prefix, "document": reading.document_prefix}
    settings = {"prompts": prompts, "similarity_fn_name": encoder.similarity, "temperature": temperature}
    _write(folder / SETTINGS, settings)
    _write(folder / LENGTH, {"max_seq_length": reading.max_tokens, "do_lower_case": False})
    pooled = {f"pooling_mode_{name}": encoder.pooling == kind for kind, name in _POOLINGS.items()}
    _write(folder / POOLING_FOLDER / "config.json", {"word_embedding_dimension": width, **pooled})
    if encoder.maps:
        (linear,) = encoder.maps
        assert isinstance(linear, nn.Linear) and linear.bias is None, "bi-encoders are built with one linear map"
        sizes = {"in_features": linear.in_features, "out_features": linear.out_features, "bias": False}
        activation = {"activation_function": "torch.nn.modules.linear.Identity"}
        _write(folder / DENSE_FOLDER / "config.json", sizes | activation)
        save_file({"linear.weight": linear.weight.detach().contiguous()}, folder / DENSE_FOLDER / "model.safetensors")


@torch.inference_mode()
def encode_texts(
    encoder: TextEncoder,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str],
    *,
    max_tokens: int,
    progress: Progress | None = None,
) -> Vectors:
    """[text, d] float32; texts of similar length are read together, and padding is hidden.

    Raises:
        ValueError: no text.
    """
    if not texts:
        raise ValueError("there is no text to encode")
    tokens = tokenize(tokenizer, texts, max_tokens)
    device = next(encoder.parameters()).device
    parts: list[Vectors] = []
    order: list[int] = []
    for rows in batches_by_length([len(one) for one in tokens], BATCH_TOKENS):
        ids, mask = padded([tokens[row] for row in rows], tokenizer)
        parts.append(encoder(ids.to(device), mask.to(device)).float().cpu().numpy())
        order += rows
        if progress is not None:
            progress.advance(len(rows))
    return np.concatenate(parts)[np.argsort(order)]


def document_text(title: str, text: str) -> str:
    """What is read of a document: its title, then its text."""
    return f"{title} {text}".strip()


def path_vectors(table: Vectors, vocabulary: Vocabulary, *, num_documents: int, normalized: bool) -> Vectors:
    """[document, d] the mean of each document's own rows, without its end.

    Raises:
        UserError: the vocabulary names another number of documents.
    """
    if vocabulary.num_documents != num_documents:
        raise UserError(
            f"the vocabulary names {vocabulary.num_documents:,} documents, the set has {num_documents:,}: it was built"
            " from another set. Build the vocabulary from this one."
        )
    lengths = np.diff(vocabulary.path_first)
    own = np.ones(len(vocabulary.path_row), dtype=bool)
    own[vocabulary.path_first[1:] - 1] = False
    starts = np.concatenate([[0], np.cumsum(lengths - 1)[:-1]])
    means = np.add.reduceat(table[vocabulary.path_row[own]], starts) / (lengths - 1)[:, None]
    if normalized:
        means /= np.linalg.norm(means, axis=1, keepdims=True)
    return means.astype(np.float32)


def tokenize(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Tokens of each text with the tokenizer's own special tokens, cut; an empty text is one padding token."""
    read = tokenizer(list(texts), add_special_tokens=True, truncation=True, max_length=max_tokens, verbose=False)
    rows: Any = read["input_ids"]
    padding: Any = tokenizer.pad_token_id
    return [row or [padding] for row in rows]


def padded(rows: Sequence[Sequence[int]], tokenizer: PreTrainedTokenizerFast) -> tuple[Tensor, Tensor]:
    """[row, token] ids and mask, padded on the right."""
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[tokenizer.pad_token_id] * (width - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, mask


_POOLINGS: dict[Pooling, str] = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}


def _modules(folder: Path) -> dict[str, str]:
    """{module: its folder}, in order."""
    found = {one["type"].rpartition(".")[2]: one["path"] for one in _json(folder / MODULES) or []}
    known = ("Transformer", "Pooling", "Dense", "Normalize")
    if unknown := [name for name in found if name not in known]:
        raise UserError(f"{folder / MODULES}: module '{unknown[0]}' is not known here; it may hold {listed(known)}.")
    return found


def _pooling(folder: Path) -> Pooling:
    config = _json(folder / "config.json")
    chosen = [name for name, value in config.items() if name.startswith("pooling_mode_") and value]
    known: dict[str, Pooling] = {f"pooling_mode_{name}": kind for kind, name in _POOLINGS.items()}
    if len(chosen) != 1 or chosen[0] not in known:
        raise UserError(
            f"{folder}: pools by {listed(chosen) or 'nothing'}; known here, one at a time: {listed(known)}."
        )
    return known[chosen[0]]


def _open_map(folder: Path) -> nn.Module:
    config = _json(folder / "config.json")
    activation = str(config.get("activation_function", "Identity")).rpartition(".")[2]
    if activation not in _ACTIVATIONS:
        raise UserError(f"{folder}: activation '{activation}' is not known here; {listed(_ACTIVATIONS)} are.")
    linear = nn.Linear(config["in_features"], config["out_features"], bias=config.get("bias", True))
    require_safetensors(folder)
    tensors = load_file(folder / "model.safetensors")
    linear.load_state_dict({name.removeprefix("linear."): tensor for name, tensor in tensors.items()})
    return linear if activation == "Identity" else nn.Sequential(linear, _ACTIVATIONS[activation]())


def _reading(settings: Any, length: Any, wanted: DenseReading) -> Reading:
    settings, length = settings or {}, length or {}
    prompts = settings.get("prompts", {})
    of_document = prompts.get("document") or prompts.get("passage") or ""
    said: Any = settings.get("similarity_fn_name") or "cosine"
    similarity = wanted.similarity or said
    if similarity not in ("cosine", "dot"):
        raise UserError(f"{SETTINGS}: similarity_fn_name is '{said}'. Set `reading.similarity` to cosine or dot.")
    return Reading(
        max_tokens=wanted.max_tokens or length.get("max_seq_length") or MAX_TOKENS,
        query_prefix=prompts.get("query") or "" if wanted.query_prefix is None else wanted.query_prefix,
        document_prefix=of_document if wanted.document_prefix is None else wanted.document_prefix,
        similarity=similarity,
    )


def _json(path: Path) -> Any:
    """Content of a JSON file; None where there is none."""
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: no JSON ({error}).") from error


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
