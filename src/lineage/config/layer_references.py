"""What the sections `weights` and `layers` name: models, sets of conversations, prompt sets."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.config.messages import Mistake, did_you_mean, listed
from lineage.config.models import TowerEntry


def layer_models(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """(path of the key, reference) of every model that is named."""
    for name, entry in experiment.weights.items():
        yield f"weights.{name}.base", entry.base
        for vector, one in entry.vectors.items():
            yield f"weights.{name}.vectors.{vector}.end", one.end
            if one.start is not None:
                yield f"weights.{name}.vectors.{vector}.start", one.start
    for name, entry in experiment.layers.items():
        yield f"layers.{name}.base", entry.base
        yield from ((f"layers.{name}.models.{position}", one) for position, one in enumerate(entry.models))


def layer_references(experiment: Experiment) -> Iterator[Mistake]:
    """Towers where a language model is needed, sets and prompts that are none, a base that is compared with itself."""
    for path, reference in layer_models(experiment):
        if isinstance(experiment.models.get(reference.partition("@")[0]), TowerEntry):
            yield path, f"is '{reference}', a vision tower, but a language model is needed here"
    for name, entry in experiment.weights.items():
        for loss, one in entry.losses.items():
            path = f"weights.{name}.losses.{loss}.conversations"
            yield from _known(path, one.conversations, "set of conversations", experiment.conversations)
        for vector, one in entry.vectors.items():
            if one.end == entry.base:
                yield (
                    f"weights.{name}.vectors.{vector}.end",
                    f"is '{one.end}', the base itself: nothing was added to it",
                )
    for name, entry in experiment.layers.items():
        yield from _known(f"layers.{name}.prompts", entry.prompts, "prompt set", experiment.prompts)
        if entry.base in entry.models:
            yield (
                f"layers.{name}.models",
                f"are {listed(entry.models)}: leave out the base, which they are compared with",
            )


def _known(path: str, value: str, kind: str, section: dict) -> Iterator[Mistake]:
    if value not in section:
        yield path, f"is '{value}', which is no {kind}.{did_you_mean(value, section)}\n  there are: {listed(section)}"
