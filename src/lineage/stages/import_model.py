"""Take a finished model from a folder or the hub into the lineage, for every probe to run on."""

from __future__ import annotations

import shutil
from pathlib import Path

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
from lineage.models.fetching import fetch

PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.txt", "tokenizer.model")
"""Files that are taken; never pickled weights, never code."""
OF_ARTIFACTS = (MANIFEST, RUN, "state.safetensors")
"""Files of a model that another experiment made, which are not the model."""


def import_model(config: ImportModel, *, source: Path | None, out: ArtifactWriter) -> None:
    """Copies weights, configs and tokenizer files and opens them once, strictly.

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
    model = open_decoder(out.folder, named=folder)
    check_vocabulary(model, open_tokenizer(out.folder, named=folder), place=str(folder))
    check_causal(model, place=str(folder))
    out.counts |= model_facts(model)
