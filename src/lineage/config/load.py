"""Reads an experiment from YAML files, with one clear message for every mistake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lineage.config.experiment import Experiment
from lineage.config.facts import WorldFacts
from lineage.config.messages import explain, sentence
from lineage.config.reading import ReadingConversationsEntry
from lineage.config.references import check_references
from lineage.config.retrieval_sets import WorldSet
from lineage.errors import UserError

NAMED_SECTIONS = (
    "documents", "corpora", "tokenizers", "tokens", "facts", "conversations", "preferences", "judges",
    "retrieval_sets", "vocabularies", "retrievers", "retrieval_study.roles",
    "prompts", "models", "models.<name>.shares", "weights", "weights.<name>.vectors", "weights.<name>.losses", "layers",
    "knowledge.runs", "knowledge.runs.<name>.arms",
)  # fmt: skip
"""Sections that map names to entries; an overlay removes an entry, or a whole section, by setting it to null."""


def load_experiment(files: Sequence[Path]) -> Experiment:
    """The experiment that these files describe together; later files are overlays on earlier ones.

    Raises:
        UserError: a file is missing or no YAML, or `validate` finds a mistake.
    """
    raw: dict[str, Any] = {}
    for path in files:
        raw = overlay(raw, read_yaml(path))
    return validate(raw, files)


def read_yaml(path: Path) -> dict[str, Any]:
    """One YAML file as a mapping.

    Raises:
        UserError: missing, not UTF-8, not YAML, not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such config file.") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read as a config file: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {error}\n  Check indentation, colons and quotes there.") from error
    if not isinstance(content, dict | None):
        raise UserError(f"{path}: must hold a mapping of keys to values, not a {type(content).__name__}.")
    return named_null(content or {})


def overlay(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """Mappings merge deeply, everything else is replaced: what Snakemake does with several config files."""
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        merged[key] = overlay(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def validate(raw: dict[str, Any], files: Sequence[Path] = ()) -> Experiment:
    """The experiment of an already merged mapping.

    Raises:
        UserError: lists every mistake with file, key, value and what is allowed.
    """
    try:
        experiment = Experiment.model_validate(_without_removed(named_null(raw)))
    except ValidationError as error:
        raise UserError(_report(explain(error, Experiment), files)) from None
    mistakes = check_references(experiment)
    if mistakes:
        raise UserError(_report(mistakes, files))
    return seeded(experiment)


def named_null(node: Any) -> Any:
    """The key `null` by its name, at every level: YAML reads it as no key at all unless it is quoted."""
    if isinstance(node, dict):
        return {"null" if key is None else key: named_null(value) for key, value in node.items()}
    return [named_null(one) for one in node] if isinstance(node, list) else node


def _without_removed(node: dict[str, Any], path: tuple[str, ...] = ()) -> dict[str, Any]:
    """The mapping without the entries of named sections that are null, and without sections that are null."""
    removes = _is_named(path)
    return {
        key: _without_removed(value, (*path, str(key))) if isinstance(value, dict) else value
        for key, value in node.items()
        if value is not None or not (removes or _is_named((*path, str(key))))
    }


def _is_named(path: tuple[str, ...]) -> bool:
    return any(_is_section(path, section) for section in NAMED_SECTIONS)


def _is_section(path: tuple[str, ...], section: str) -> bool:
    keys = section.split(".")
    return len(path) == len(keys) and all(key in (part, "<name>") for part, key in zip(path, keys, strict=True))


def seeded(experiment: Experiment) -> Experiment:
    """The experiment with its one seed in every section that has a world, a training run or a deal of facts.

    Seeds of bootstraps, tokenizers and held-out splits stay: they are no part of what is repeated.
    """
    seed = experiment.seed
    if seed is None:
        return experiment

    def trained(entry: Any) -> Any:
        """The entry with the seed in its run, in what it trains before, and in its clusters."""
        parts = ("optimization", "contrast", "training", "clustering")
        changed = {name: trained(one) for name in parts if (one := getattr(entry, name, None)) is not None}
        return entry.model_copy(update=changed | ({"seed": seed} if hasattr(entry, "seed") and not changed else {}))

    models = {name: trained(one) for name, one in experiment.models.items()}
    facts = {
        name: one.model_copy(update={"seed": seed}) if isinstance(one, WorldFacts) else one
        for name, one in experiment.facts.items()
    }
    sets = {
        name: one.model_copy(update={"seed": seed}) if isinstance(one, WorldSet) else one
        for name, one in experiment.retrieval_sets.items()
    }
    retrievers = {name: trained(one) for name, one in experiment.retrievers.items()}
    vocabularies = {name: trained(one) for name, one in experiment.vocabularies.items()}
    changes: dict[str, Any] = {"models": models, "facts": facts, "retrieval_sets": sets}
    changes |= {"retrievers": retrievers, "vocabularies": vocabularies}
    changes["conversations"] = {
        name: one.model_copy(update={"seed": seed}) if isinstance(one, ReadingConversationsEntry) else one
        for name, one in experiment.conversations.items()
    }
    if experiment.bottleneck is not None:
        optimizers = {name: getattr(experiment.bottleneck, name) for name in ("optimization", "table")}
        update = {name: one.model_copy(update={"seed": seed}) for name, one in optimizers.items()}
        changes["bottleneck"] = experiment.bottleneck.model_copy(update=update)
    if experiment.safety_data is not None:
        changes["safety_data"] = experiment.safety_data.model_copy(update={"seed": seed})
    if experiment.world is not None:
        changes["world"] = experiment.world.model_copy(update={"seed": seed})
    if experiment.knowledge is not None:
        runs = {
            name: trained(run).model_copy(update={"rotation": seed}) for name, run in experiment.knowledge.runs.items()
        }
        changes["knowledge"] = experiment.knowledge.model_copy(update={"runs": runs})
    return experiment.model_copy(update=changes)


def _report(mistakes: list[tuple[str, str]], files: Sequence[Path]) -> str:
    contents = [(path, read_yaml(path)) for path in files]
    return "\n".join(f"{_place(key, contents)}: {sentence(key, message)}" for key, message in dict.fromkeys(mistakes))


def _place(key: str, contents: list[tuple[Path, dict[str, Any]]]) -> str:
    """The last file that says anything about the key, or about the nearest key above it."""
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        for path, content in reversed(contents):
            if _has(content, parts[:length]):
                return _short(path)
    return _short(contents[-1][0]) if contents else "config"


def _short(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _has(content: Any, parts: list[str]) -> bool:
    for part in parts:
        if isinstance(content, list) and part.isdigit() and int(part) < len(content):
            content = content[int(part)]
        elif isinstance(content, dict) and part in content:
            content = content[part]
        else:
            return False
    return True
