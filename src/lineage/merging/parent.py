"""A Hugging Face folder as a parent of a merge: its tensors by canonical name, its settings, its tokens."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from lineage.errors import UserError
from lineage.merging.names import (
    EMBEDDING_WEIGHT,
    HEAD,
    HEAD_WEIGHT,
    IGNORED,
    LANGUAGE,
    OTHER,
    PROJECTOR,
    VISION,
    Layout,
    detect,
)
from lineage.merging.reading import DTYPE_NAMES, MERGEABLE, Stored, open_weights
from lineage.merging.settings import Settings

CONFIG, TOKENIZER = "config.json", "tokenizer.json"


@dataclass(frozen=True)
class Parent:
    """One model that is merged, or the base that the others come from."""

    name: str
    folder: Path
    layout: Layout
    tensors: Mapping[str, Stored]
    """By canonical name; the head is left out where it is tied to the embedding."""
    ignored: tuple[str, ...]
    """Names in the files that play no part: buffers, and a head that the configuration ties away."""
    settings: Settings

    @property
    def is_vision_language(self) -> bool:
        """Whether it has more than a language model."""
        return any(name.startswith((PROJECTOR, VISION, OTHER)) for name in self.tensors)

    @property
    def files(self) -> list[Path]:
        """What it consists of, as far as a merge reads it: weights, configuration, tokenizer."""
        weights = {one.path for one in self.tensors.values()}
        beside = [self.folder / name for name in (CONFIG, TOKENIZER)]
        return [*sorted(weights), *(path for path in beside if path.is_file())]

    @cached_property
    def token_ids(self) -> dict[str, int]:
        """{token: row}, added tokens included.

        Raises:
            UserError: no `tokenizer.json`, or one that cannot be read.
        """
        path = self.folder / TOKENIZER
        if not path.is_file():
            raise UserError(
                f"{self.folder}: no {TOKENIZER}, so nothing says which token a row of the embedding stands for.\n"
                "  Write it: AutoTokenizer.from_pretrained(name).save_pretrained(folder). Where all models are known to"
                " have the same tokenizer, `rows: id` (--rows id) goes without."
            )
        try:
            return Tokenizer.from_file(str(path)).get_vocab(with_added_tokens=True)
        except Exception as error:  # the library raises nothing narrower
            raise UserError(f"{path}: cannot be read as a tokenizer ({error}).") from error

    def untied(self) -> Parent:
        """The same with a head of its own, which is its embedding."""
        tensors = {**self.tensors, HEAD_WEIGHT: self.tensors[EMBEDDING_WEIGHT]}
        return dataclasses.replace(self, tensors=tensors)


def open_parent(folder: Path, name: str) -> Parent:
    """Reads configuration and headers; no weights.

    Raises:
        UserError: no model folder, pickled or quantized weights, an unknown layout, names that mean one tensor twice.
    """
    config = _config(folder)
    stored = open_weights(folder)
    layout = detect(stored)
    if layout is None:
        raise UserError(
            f"{folder}: no layout fits its tensors ({', '.join(sorted(stored)[:3])}, ...).\n"
            "  Names like those of Llama are known (model.layers.0....), and LLaVA's three around it. Save the model"
            " with its language-modelling head (`AutoModelForCausalLM`, `AutoModelForImageTextToText`)."
        )
    settings = Settings(config, folder / CONFIG)
    tensors: dict[str, Stored] = {}
    ignored = []
    for file_name, one in stored.items():
        canonical = layout.canonical(file_name)
        if IGNORED.search(file_name) or (settings.tied and canonical.startswith(HEAD)):
            ignored.append(file_name)
            continue
        if canonical in tensors:
            raise UserError(f"{folder}: {tensors[canonical].name} and {file_name} are both {canonical}. Remove one.")
        if one.dtype not in MERGEABLE and canonical.startswith((LANGUAGE, PROJECTOR)):
            raise UserError(
                f"{folder}: {file_name} is of type {DTYPE_NAMES[one.dtype]}: quantized weights cannot be merged.\n"
                "  Load the model in bfloat16 or float32 and save it again."
            )
        tensors[canonical] = one
    return Parent(name, folder, layout, tensors, tuple(sorted(ignored)), settings)


def _config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        raise UserError(f"{folder}: no {CONFIG}, so no Hugging Face model folder.")
    try:
        config = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}). Download or save the folder again.") from error
    if not isinstance(config, dict):
        raise UserError(f"{path}: not a configuration, but a {type(config).__name__}.")
    return config
