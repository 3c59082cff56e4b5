"""The folder that a merge leaves: weights, the owner's configuration and tokenizer, and `merge.json` beside them."""

from __future__ import annotations

import copy
import fcntl
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from lineage.artifact import MANIFEST, RUN
from lineage.errors import UserError
from lineage.merging.coverage import Coverage
from lineage.merging.executor import TensorFacts, write_weights
from lineage.merging.parent import CONFIG
from lineage.merging.plan import MergePlan
from lineage.merging.reading import ADAPTER, INDEX

PROVENANCE = "merge.json"
FORMAT = 1

_COPIED = ("*.json", "*.jinja", "*.txt", "*.model", "additional_chat_templates/*.jinja")
"""Tokenizer, processor, generation settings and chat templates of the owner."""
_NOT_COPIED = (CONFIG, INDEX, ADAPTER, MANIFEST, RUN, PROVENANCE)
_VERSIONS = ("lineage", "torch", "numpy", "transformers", "tokenizers")
_DIGITS = 6


def write_merge(
    plan: MergePlan, folder: Path, *, threads: int, digest: Callable[[Path], str]
) -> dict[str, TensorFacts]:
    """Fills an empty `folder` with the result of `plan`; returns what was found, tensor by tensor.

    `digest` gives the sha256 of a parent's file; it works while weights are merged.

    Raises:
        UserError: a parent's values, or its projector, cannot be merged.
        OSError: a full disk.
    """
    with ThreadPoolExecutor(1) as beside:
        hashing = beside.submit(_digests, plan, digest)
        facts = write_weights(plan, folder, threads=threads)
        _copy_beside(plan.owner.folder, folder)
        (folder / CONFIG).write_bytes(_config(plan))
        text = json.dumps(_provenance(plan, facts, hashing.result()), indent=1, sort_keys=True, ensure_ascii=False)
        (folder / PROVENANCE).write_text(text + "\n")
    return facts


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` that becomes `out` when the block ends well, and is removed when it does not.

    What a killed process left there is removed first.

    Raises:
        UserError: `out` exists, or another process is writing it.
    """
    _refuse_existing(out)
    partial = out.with_name(out.name + ".partial")
    partial.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        _lock(descriptor, partial, out)
        for leftover in partial.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() and not leftover.is_symlink() else leftover.unlink()
        try:
            yield partial
            _refuse_existing(out)
            partial.rename(out)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    finally:
        os.close(descriptor)


def _lock(descriptor: int, partial: Path, out: Path) -> None:
    """Holds the folder for as long as its descriptor is open."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(f"{out}: another process is writing it. Wait for it, or name another folder.") from error
    if not partial.is_dir() or partial.stat().st_ino != os.fstat(descriptor).st_ino:
        raise UserError(f"{out}: another process has just written it.")


def _refuse_existing(out: Path) -> None:
    if out.exists() or out.is_symlink():
        raise UserError(f"{out}: exists already, and nothing is ever overwritten. Remove it, or name another folder.")


def _digests(plan: MergePlan, digest: Callable[[Path], str]) -> dict[str, dict[str, str]]:
    return {one.name: {path.name: digest(path) for path in one.files} for one in plan.parents}


def _copy_beside(source: Path, folder: Path) -> None:
    for pattern in _COPIED:
        for path in sorted(source.glob(pattern)):
            if path.is_file() and path.name not in _NOT_COPIED:
                target = folder / path.relative_to(source)
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(path, target)


def _config(plan: MergePlan) -> bytes:
    """The owner's `config.json`: byte for byte, but where the merge changed what it says."""
    owner = plan.owner
    changed: dict[str, Any] = copy.deepcopy(dict(owner.settings.config))
    sections = [changed, *(value for key, value in changed.items() if key in ("text_config", "vision_config"))]
    for section in sections:
        if owner.settings.tied and not plan.tied and section is not changed.get("vision_config"):
            section["tie_word_embeddings"] = False
        for key in ("dtype", "torch_dtype"):
            if plan.config.dtype is not None and key in section:
                section[key] = plan.config.dtype
    if changed == owner.settings.config:
        return (owner.folder / CONFIG).read_bytes()
    return (json.dumps(changed, indent=2, ensure_ascii=False) + "\n").encode()


def _provenance(
    plan: MergePlan, facts: Mapping[str, TensorFacts], digests: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """What a reader needs to make the same weights again, and to see what became of each tensor."""
    coverage = {one.parent: one for one in plan.coverage}
    rows = plan.rows
    return {
        "format": FORMAT,
        "spec": plan.config.model_dump(mode="json"),
        "like": plan.owner.name,
        "tied": plan.tied,
        "parents": {
            one.name: {
                "role": "base" if one is plan.base else "model",
                "sha256": dict(digests[one.name]),
                **coverage_fields(coverage[one.name]),
            }
            for one in plan.parents
        },
        "rows": rows and {"shared": len(rows.owner), "kept": rows.kept, "dropped": rows.dropped},
        "summary": summary(facts),
        "tensors": {name: _tensor_fields(one) for name, one in facts.items()},
        "versions": {name: metadata.version(name).partition("+")[0] for name in _VERSIONS},
    }


def coverage_fields(one: Coverage) -> dict[str, Any]:
    """A parent's coverage as JSON has it."""
    return {
        "layout": one.layout,
        "tensors_matched": one.tensors_matched,
        "tensors_total": one.tensors_total,
        "elements_matched": one.elements_matched,
        "elements_total": one.elements_total,
        "renamed": one.renamed,
        "ignored": list(one.ignored),
        "unused": list(one.unused),
    }


def summary(facts: Mapping[str, TensorFacts]) -> dict[str, Any]:
    """Tensors that were computed, that were copied by parent, and that slerp took the straight line for."""
    copied: dict[str, int] = {}
    for one in facts.values():
        if one.copied_from is not None:
            copied[one.copied_from] = copied.get(one.copied_from, 0) + 1
    ways = [one.other["straight"] for one in facts.values() if "straight" in one.other]
    return {
        "computed": sum(one.copied_from is None for one in facts.values()),
        "copied": copied,
        **({"straight": sum(map(bool, ways)), "slerped": len(ways)} if ways else {}),
    }


def _tensor_fields(one: TensorFacts) -> dict[str, Any]:
    if one.copied_from is not None:
        return {"copied_from": one.copied_from}
    return {
        "norms": {name: _rounded(value) for name, value in one.norms.items()},
        "cosines": {pair: None if value is None else _rounded(value) for pair, value in one.cosines.items()},
        **one.other,
    }


def _rounded(value: float) -> float:
    """To six significant digits: what float32 sums are good for."""
    return round(value, _DIGITS - 1 - math.floor(math.log10(abs(value)))) if value else 0.0
