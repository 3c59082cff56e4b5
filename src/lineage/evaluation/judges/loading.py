"""Opens the model of a generative judge, with its prompt."""

from __future__ import annotations

from pathlib import Path

from lineage.artifact import file_sha256
from lineage.config.execution import Execution
from lineage.config.judges import GenerativeJudging
from lineage.errors import UserError
from lineage.evaluation.judges.generative import GenerativeJudge
from lineage.evaluation.judges.judge import digest_of
from lineage.models.fetching import fetch
from lineage.parts import Parts

PATTERNS = ("*.safetensors", "*.json", "*.txt", "*.jinja", "tokenizer.model")
"""Files of a model that are taken from the hub; never pickled weights, never code."""


def open_generative(
    reading: GenerativeJudging, model: Path | None, prompt: Path | None, execution: Execution, parts: Parts
) -> GenerativeJudge:
    """The judge of a config; each batch that it reads is one of `parts`.

    Raises:
        UserError: no prompt, one without both places that are filled in, no model.
    """
    text = _prompt(prompt)
    if (model is None) == (reading.name is None):
        raise UserError("a generative judge needs either `path` (a folder) or `name` (a hub id) of its model")
    folder = model if model is not None else fetch(str(reading.name), reading.revision, PATTERNS)
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no config.json, so no Hugging Face model folder.\n  Set `path` of the judge.")
    # Takes seconds to import, so only where a model judges.
    import torch

    from lineage.evaluation.judges.completing import open_completer
    from lineage.models.device import device_for

    torch.set_num_threads(execution.threads)
    complete = open_completer(
        folder,
        max_new_tokens=reading.max_new_tokens,
        batch_rows=reading.batch_rows,
        dtype=torch.bfloat16 if reading.precision == "bf16" else torch.float32,
        device=device_for(execution),
        parts=parts,
    )
    files = sorted(path for pattern in PATTERNS for path in folder.glob(pattern))
    digest = digest_of(*(f"{path.name} {file_sha256(path)}".encode() for path in files))
    return GenerativeJudge(text, reading.lines, complete, digest)


def _prompt(path: Path | None) -> str:
    if path is None:
        raise UserError("a generative judge needs `prompt_path`, a file with the model's own prompt")
    text = path.read_text(encoding="utf-8")
    counts = [text.count(mark) for mark in ("{request}", "{response}")]
    if counts != [1, 1] or text.index("{request}") > text.index("{response}"):
        raise UserError(
            f"{path}: it must hold {{request}} once and behind it {{response}} once, where request and response stand;"
            f" found {counts[0]} and {counts[1]}."
        )
    return text
