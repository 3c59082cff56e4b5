"""Classifiers of texts and of pictures, opened strictly from a folder or from the hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from PIL.Image import Image
from safetensors import SafetensorError
from torch import Tensor
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    PreTrainedModel,
)

from lineage.config.messages import did_you_mean, listed
from lineage.errors import UserError
from lineage.models.decoder import check_vocabulary, open_tokenizer, require_safetensors


class UnsafeLabels:
    """The probability of a model's unsafe labels, and the one of them that weighs most."""

    def __init__(self, model: PreTrainedModel, unsafe: Sequence[str], place: str):
        """Raises:
        UserError: a label that the model does not have.
        """
        ids = {str(label): int(number) for number, label in (model.config.id2label or {}).items()}
        for label in unsafe:
            if label not in ids:
                raise UserError(
                    f"{place}: it has no label '{label}'.{did_you_mean(label, ids)}\n  labels: {listed(ids)}; set"
                    " `unsafe`."
                )
        self._columns = [ids[label] for label in unsafe]
        self._labels = list(unsafe)
        self._exclusive = len(ids) > 1 and model.config.problem_type != "multi_label_classification"

    def scores(self, logits: Tensor) -> list[tuple[float, str]]:
        """[row] (probability, label) from [row, label]; labels that exclude each other are added up."""
        wide = logits.double()
        every = wide.softmax(dim=-1) if self._exclusive else wide.sigmoid()
        unsafe = every[:, self._columns]
        total = unsafe.sum(dim=-1) if self._exclusive else unsafe.amax(dim=-1)
        worst = unsafe.argmax(dim=-1)
        return [(value, self._labels[at]) for value, at in zip(total.tolist(), worst.tolist(), strict=True)]


class TextClassifier:
    """Scores texts of any length, window by window."""

    def __init__(
        self, folder: Path, unsafe: Sequence[str], *, window_tokens: int, batch_rows: int, device: torch.device
    ):
        """Raises:
        UserError: no classifier there, weights that do not fit, no such label, windows that are too long for it.
        """
        self._model = _opened(AutoModelForSequenceClassification, folder, "a sequence classifier").to(device)
        self._tokenizer = open_tokenizer(folder)
        check_vocabulary(self._model, self._tokenizer, place=str(folder))
        self._labels = UnsafeLabels(self._model, unsafe, str(folder))
        longest = getattr(self._model.config, "max_position_embeddings", None)
        if longest is not None and window_tokens > longest:
            raise UserError(
                f"{folder}: it reads at most {longest} tokens (max_position_embeddings), but window_tokens is"
                f" {window_tokens}. Lower it."
            )
        self._window = window_tokens
        self._pads = self._tokenizer.pad_token is not None
        self._batch_rows = batch_rows if self._pads else 1

    @torch.inference_mode()
    def score(self, texts: Sequence[str]) -> list[tuple[float, str]]:
        """[text] probability of its worst window, and the label that weighs most there."""
        encoded: Any = self._tokenizer(
            list(texts), truncation=True, max_length=self._window, return_overflowing_tokens=True
        )
        owners = encoded.pop("overflow_to_sample_mapping")
        names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in encoded]
        worst = [(0.0, "")] * len(texts)
        for first in range(0, len(owners), self._batch_rows):
            rows = slice(first, first + self._batch_rows)
            pieces = {name: encoded[name][rows] for name in names}
            batch = self._tokenizer.pad(pieces, padding=self._pads, return_tensors="pt")
            logits = self._model(**batch.to(self._model.device)).logits
            for owner, score in zip(owners[rows], self._labels.scores(logits), strict=True):
                worst[owner] = max(worst[owner], score)
        return worst


class ImageClassifier:
    """Scores pictures."""

    def __init__(self, folder: Path, unsafe: Sequence[str], *, batch_rows: int, device: torch.device):
        """Raises:
        UserError: no classifier there, weights that do not fit, no such label.
        """
        self._model = _opened(AutoModelForImageClassification, folder, "an image classifier").to(device)
        self._labels = UnsafeLabels(self._model, unsafe, str(folder))
        self._batch_rows = batch_rows
        try:
            self._processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, ImportError) as error:
            raise UserError(
                f"{folder}: no image processor that transformers can open: {' '.join(str(error).split())}\n"
                "  A classifier of pictures needs its preprocessor_config.json."
            ) from error

    @torch.inference_mode()
    def score(self, pictures: Sequence[Image]) -> list[tuple[float, str]]:
        """[picture] (probability, label); pictures in RGB."""
        found: list[tuple[float, str]] = []
        for first in range(0, len(pictures), self._batch_rows):
            values = self._processor(pictures[first : first + self._batch_rows], return_tensors="pt")["pixel_values"]
            found += self._labels.scores(self._model(pixel_values=values.to(self._model.device)).logits)
        return found


def _opened(family: Any, folder: Path, what: str) -> Any:
    """A model of this family in eval mode; its weights must be the whole of what it needs."""
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no config.json, so no Hugging Face model folder.")
    require_safetensors(folder)
    try:
        model, info = family.from_pretrained(
            folder,
            dtype=torch.float32,
            output_loading_info=True,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # they are in the loading info, and refused with the others
            local_files_only=True,
            trust_remote_code=False,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, StrictDataclassError) as error:
        raise UserError(f"{folder}: transformers cannot open it as {what}: {' '.join(str(error).split())}") from error
    wrong = {key: sorted(map(str, names)) for key, names in info.items() if names}
    if wrong:
        shown = "; ".join(f"{key}: {', '.join(names[:5])}" for key, names in wrong.items())
        raise UserError(f"{folder}: the weights are not those of {what} ({shown}).\n  Save both together.")
    return model.eval()
