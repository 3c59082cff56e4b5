"""What prompt sets are drawn from, and which models and prompts the section `safety` names."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.config.messages import Mistake, did_you_mean, listed
from lineage.config.models import TowerEntry


def safety_references(experiment: Experiment) -> Iterator[Mistake]:
    """Prompts of a world that is not there, prompt sets that are none, towers, two scores of one name."""
    for name, reading in experiment.prompts.items():
        if reading.source == "world":
            if experiment.safety_data is None:
                yield (
                    f"prompts.{name}.source",
                    "is 'world', but the experiment has no `safety_data`: give it (may be {})",
                )
        elif reading.path is None and getattr(reading, "name", None) is None:
            remedy = "`path` or `name` (a hub id with `revision`)" if hasattr(reading, "name") else "`path`"
            yield f"prompts.{name}", f"says nowhere what to read: give {remedy}"
    if experiment.safety is None:
        return
    yield from _prompts(experiment, "safety.prompts", experiment.safety.prompts)
    seen: dict[str, int] = {}
    for position, one in enumerate(experiment.safety.models):
        path = f"safety.models.{position}"
        yield from _prompts(experiment, f"{path}.prompts", one.prompts or [])
        if isinstance(experiment.models.get(one.model.partition("@")[0]), TowerEntry):
            yield f"{path}.model", f"is '{one.model}', a vision tower, but a language model is needed here"
        if one.name in experiment.models:
            yield f"{path}.name", f"is '{one.name}', the name of a model: choose another"
        name = one.name or _whole(experiment, one.model)
        if name in seen:
            others = f"safety.models.{seen[name]}"
            yield f"{path}.model", f"is '{one.model}', whose scores {others} makes: leave one out, or give it a `name`"
        seen[name] = position


def _whole(experiment: Experiment, reference: str) -> str:
    """`base` -> `base@300`, its last checkpoint."""
    name, _, step = reference.partition("@")
    kept = experiment.models[name].kept_steps if name in experiment.models else []
    return f"{name}@{kept[-1]}" if kept and not step else reference


def _prompts(experiment: Experiment, path: str, names: list[str]) -> Iterator[Mistake]:
    for position, name in enumerate(names):
        if name not in experiment.prompts:
            known = listed(experiment.prompts)
            message = (
                f"is '{name}', which is no prompt set.{did_you_mean(name, experiment.prompts)}\n  prompts: {known}"
            )
            yield f"{path}.{position}", message
        elif name in names[:position]:
            yield f"{path}.{position}", f"is '{name}', which is named before: leave one out"
