"""Take a finished model from a folder or the hub into the lineage, for every probe to run on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from lineage.artifact import MANIFEST, RUN, ArtifactWriter
from lineage.config.imported import ImportModel
from lineage.errors import UserError
from lineage.models.decoder import (
    check_causal,
    check_vocabulary,
    model_facts,
    open_decoder,
    open_tokenizer,
    require_safetensors,
)
from lineage.models.encoder_decoder import open_t5
from lineage.models.fetching import fetch
from lineage.models.vision_language import open_image_processor, open_tower, open_vision_language, reading_of

PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.txt", "tokenizer.model")
"""Files that are taken; never pickled weights, never code."""
OF_ARTIFACTS = (MANIFEST, RUN, "state.safetensors")
"""Files of a model that another experiment made, which are not the model."""
TOWERS = ("clip", "clip_vision_model")
"""Types of models of which the vision half is taken."""


def import_model(config: ImportModel, *, source: Path | None, out: ArtifactWriter) -> None:
    """Copies weights, configs, tokenizer and processor files and opens them once, strictly.

    Taken are decoders, vision-language models of the LLaVA kind, and CLIP folders whose tower others see with.

    Raises:
        UserError: no model there, pickled weights only, weights or a tokenizer that do not fit, no network.
    """
    out.kind = "model"
    assert source is not None or config.name is not None
    folder = source or fetch(str(config.name), config.revision, PATTERNS)
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no config.json, so no Hugging Face model folder.")
    require_safetensors(folder)
    files = sorted({path for pattern in PATTERNS for path in folder.glob(pattern) if path.is_file()})
    files = [path for path in files if path.name not in OF_ARTIFACTS]
    for path in files:
        if source is not None and not path.resolve().is_relative_to(folder.resolve()):
            raise UserError(
                f"{path}: is a link to {path.resolve()}, outside of its folder. Copy the file into {folder}."
            )
    out.reserve(sum(path.stat().st_size for path in files))
    for path in files:
        shutil.copyfile(path, out.path(path.name))
    out.counts |= _opened(out.folder, folder)


def _opened(copy: Path, folder: Path) -> dict[str, Any]:
    """What the manifest says of the model, which must open from `copy`; messages name `folder`."""
    kind = _kind(copy / "config.json")
    if kind in TOWERS:
        tower = open_tower(copy)
        open_image_processor(copy)
        return model_facts(tower)
    if kind == "t5":
        return model_facts(open_t5(copy, writes=False))
    model = open_vision_language(copy, named=folder) if kind == "llava" else open_decoder(copy, named=folder)
    tokenizer = open_tokenizer(copy, named=folder)
    check_vocabulary(model, tokenizer, place=str(folder))
    check_causal(model, place=str(folder))
    reading_of(model, copy, tokenizer)
    return model_facts(model)


def _kind(config: Path) -> str | None:
    """The type that a config names; None where it cannot be read, which opening the model explains."""
    try:
        return json.loads(config.read_text(encoding="utf-8")).get("model_type")
    except (ValueError, AttributeError):
        return None
