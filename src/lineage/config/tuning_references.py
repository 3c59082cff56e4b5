"""What models of study 2 name: sets of conversations and pairs, towers, tokenizers, and parents that fit."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.config.messages import Mistake, did_you_mean, listed
from lineage.config.models import (
    AlignEntry,
    DpoEntry,
    ImportEntry,
    MergeEntry,
    ModelEntry,
    TowerEntry,
    TuneEntry,
)


def tuning_references(experiment: Experiment) -> Iterator[Mistake]:
    """Every set that is no set, and every parent of the wrong kind."""
    yield from _sets(experiment)
    for name, entry in experiment.models.items():
        path = f"models.{name}"
        if isinstance(entry, TowerEntry):
            yield from _known(f"{path}.tokenizer", entry.tokenizer, "tokenizer", experiment.tokenizers)
        if isinstance(entry, TowerEntry | AlignEntry | TuneEntry):
            for one in entry.shares:
                yield from _known(f"{path}.shares", one, "set of conversations", experiment.conversations)
        if isinstance(entry, DpoEntry):
            for one in entry.shares:
                yield from _known(f"{path}.shares", one, "set of preferences", experiment.preferences)
            if entry.validation is not None:
                yield from _known(f"{path}.validation", entry.validation, "set of preferences", experiment.preferences)
                if entry.validation in entry.shares:
                    message = f"is '{entry.validation}', which is trained on too: name a set of other pairs"
                    yield f"{path}.validation", message
        yield from _parents_fit(experiment, path, entry)


def _sets(experiment: Experiment) -> Iterator[Mistake]:
    for section in ("conversations", "preferences"):
        for name, reading in getattr(experiment, section).items():
            path = f"{section}.{name}"
            if reading.source == "world":
                if experiment.safety_data is None:
                    yield f"{path}.source", "is 'world', but the experiment has no `safety_data`: give it (may be {})"
            elif reading.source == "reading":
                if experiment.world is None:
                    yield f"{path}.source", "is 'reading', but the experiment has no `world`: give it"
            elif reading.source == "filtered":
                yield from _filtered(experiment, path, name, reading.of)
            elif reading.path is None and getattr(reading, "name", None) is None:
                remedy = "`path` or `name` (a hub id with `revision`)" if hasattr(reading, "name") else "`path`"
                yield path, f"says nowhere what to read: give {remedy}"
    if experiment.safety_data is not None and experiment.world is None:
        yield "safety_data", "is drawn from the generated world, but the experiment has no `world`: give it"


def _filtered(experiment: Experiment, path: str, name: str, of: str) -> Iterator[Mistake]:
    if of == name or of not in experiment.conversations:
        others = {key: one for key, one in experiment.conversations.items() if key != name}
        yield from _known(f"{path}.of", of, "other set of conversations", others)
    elif experiment.conversations[of].source == "filtered":
        yield f"{path}.of", f"is '{of}', which is filtered already: filter what it is made from, by both at once"


def _known(path: str, value: str, kind: str, section: dict) -> Iterator[Mistake]:
    if value not in section:
        yield path, f"is '{value}', which is no {kind}.{did_you_mean(value, section)}\n  there are: {listed(section)}"


def _parents_fit(experiment: Experiment, path: str, entry: ModelEntry) -> Iterator[Mistake]:
    """Stages take towers, decoders, or models that see: what fits is known from the stages that made them."""
    for key, reference in entry.parents.items():
        parent = experiment.models.get(reference.partition("@")[0])
        if parent is None or isinstance(parent, ImportEntry):
            continue
        is_tower = isinstance(parent, TowerEntry)
        wants_tower = isinstance(entry, AlignEntry) and key == "tower"
        if is_tower and not wants_tower:
            yield f"{path}.{key}", f"is '{reference}', a vision tower, but a language model is needed here"
        elif wants_tower and not is_tower:
            yield f"{path}.{key}", f"is '{reference}', which is no tower: name a model of stage `tower`"
        elif isinstance(entry, AlignEntry) and key == "start" and sees(experiment, reference):
            yield f"{path}.{key}", f"is '{reference}', which sees already: start from a model that reads text only"
    if not isinstance(entry, TuneEntry | DpoEntry) or entry.trainable != "projector":
        return
    if not sees(experiment, entry.start):
        yield f"{path}.trainable", f"is 'projector', but '{entry.start}' reads text only and has none"


def sees(experiment: Experiment, reference: str) -> bool:
    """Whether a model reads pictures; imported ones count as seeing, since only their folders can tell."""
    entry = experiment.models.get(reference.partition("@")[0])
    if isinstance(entry, AlignEntry | ImportEntry):
        return True
    if isinstance(entry, TuneEntry | DpoEntry):
        return sees(experiment, entry.start)
    return isinstance(entry, MergeEntry) and any(sees(experiment, one.name) for one in entry.models)
