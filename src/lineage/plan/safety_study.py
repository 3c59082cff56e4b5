"""The job that concludes on safety: all rows of its claims in this slice, judged with all slices that ran."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lineage.config.experiment import Experiment
from lineage.config.models import AlignEntry, DpoEntry, MergeEntry, TuneEntry
from lineage.config.references import model_step
from lineage.config.safety_study import SafetyRoles, SafetyStudy, SafetyStudyEntry
from lineage.config.safety_study_references import artifact_name, measured_names, scores_name
from lineage.freshness import canonical
from lineage.plan.claims import design_digest
from lineage.plan.job import Job


def safety_study_job(experiment: Experiment, study: SafetyStudyEntry) -> Job:
    """Reads the scores of every measured model, and what was followed while the adaptations ran."""
    compared = _named(experiment, study.roles)
    judged = [
        *SafetyRoles.model_validate(compared).models,
        *_checkpoints(experiment, study.roles.seeing),
        *_checkpoints(experiment, study.roles.projector),
        *_merge_parents(experiment, study.roles),
    ]
    compared |= {
        "checkpoints": _checkpoints(experiment, study.roles.seeing),
        "projector_checkpoints": _checkpoints(experiment, study.roles.projector),
        "merge_parents": _merge_parents(experiment, study.roles),
        "layers_model": study.layers_model and artifact_name(experiment, study.layers_model),
        "vectors": study.vectors and study.vectors.model_dump(mode="json"),
        "merge_weights": _merge_weights(experiment, study.roles),
        "training_steps": {
            _scores(experiment, one): _steps_since_chat(experiment, study.roles, one)
            for tried in study.roles.arms.values()
            for one in tried
        },
        "data": "generated" if any(one.source == "world" for one in experiment.prompts.values()) else "real data",
    }
    adaptations = list(_followed(experiment, study.roles))
    analyses = {name: [f"analysis/{name}/{found}"] for name in ("weights", "layers") if (found := getattr(study, name))}
    digested = {"scores": _folders(judged), "adaptations": adaptations, **analyses}
    spec = compared | {
        "design_digest": design_digest(experiment, compared, digested),
        "null": null_of(experiment),
        "design": study.design,
        "seed": experiment.seed or 0,
    }
    inputs = {"scores": _folders(list(measured_names(experiment))), "adaptations": adaptations, **analyses}
    external = {"slices": Path(study.slices).expanduser()} if study.slices else {}
    return Job("safety", "analysis/safety", canonical(SafetyStudy.model_validate(spec)), inputs, external)


def null_of(experiment: Experiment) -> str:
    """The null world of a slice: of its data, or of the world that they come from."""
    sections = (experiment.world, experiment.safety_data)
    return next((one.null for one in sections if one is not None and one.null != "none"), "none")


def _named(experiment: Experiment, roles: SafetyRoles) -> dict[str, Any]:
    """The parts with the names of scores in place of references."""
    found: dict[str, Any] = {}
    for part, value in roles:
        if isinstance(value, list):
            found[part] = [_scores(experiment, one) for one in value]
        elif value is not None:
            found[part] = _scores(experiment, value)
    return found


def _scores(experiment: Experiment, reference: str) -> str:
    found = scores_name(experiment, reference)
    assert found is not None, f"{reference} is measured: checked with the config"
    return found


def _folders(names: list[str]) -> list[str]:
    return [f"scores/{name}/safety" for name in dict.fromkeys(names)]


def _model(experiment: Experiment, reference: str) -> str:
    """The reference of a model that plays a part by the name of its scores."""
    return measured_names(experiment).get(reference, reference)


def _checkpoints(experiment: Experiment, reference: str | None) -> list[str]:
    """Measured checkpoints of an adaptation up to the model itself, from early to late."""
    if reference is None:
        return []
    known = measured_names(experiment)
    return [one for one in _chain(experiment, _model(experiment, reference)) if one in known]


def _chain(experiment: Experiment, reference: str) -> list[str]:
    """Artifacts of a tuning run up to a checkpoint; none of another model."""
    name, last = model_step(experiment, reference)
    entry = experiment.models[name]
    if not isinstance(entry, TuneEntry) or last is None:
        return []
    return [f"{name}@{step}" for step in entry.kept_steps if step <= last]


def _followed(experiment: Experiment, roles: SafetyRoles) -> Iterator[str]:
    """Folders of the checkpoints of every part whose training was followed."""
    references = [_model(experiment, one) for one in roles.models]
    for one in dict.fromkeys(name for reference in references for name in _chain(experiment, reference)):
        entry = experiment.models[one.partition("@")[0]]
        if isinstance(entry, TuneEntry) and entry.probed:
            yield f"models/{one}"


def _merges(experiment: Experiment, roles: SafetyRoles) -> Iterator[tuple[str, MergeEntry]]:
    for reference in roles.merges:
        entry = experiment.models[_model(experiment, reference).partition("@")[0]]
        if isinstance(entry, MergeEntry):
            yield reference, entry


def _merge_parents(experiment: Experiment, roles: SafetyRoles) -> list[str]:
    """What merges are made of, as far as it is measured."""
    parents = [one.name for _, entry in _merges(experiment, roles) for one in entry.models]
    return list(dict.fromkeys(found for one in parents if (found := scores_name(experiment, one))))


def _merge_weights(experiment: Experiment, roles: SafetyRoles) -> dict[str, float]:
    """Weight of the model that sees, of 1, in each merge that has it."""
    if roles.seeing is None:
        return {}
    seeing = artifact_name(experiment, _model(experiment, roles.seeing))
    found: dict[str, float] = {}
    for reference, entry in _merges(experiment, roles):
        names = [artifact_name(experiment, one.name) for one in entry.models]
        numbers = [one for one in entry.weights() if isinstance(one, float)]
        if seeing in names and len(numbers) == len(names) and sum(numbers) > 0:
            found[_scores(experiment, reference)] = numbers[names.index(seeing)] / sum(numbers)
    return found


def _steps_since_chat(experiment: Experiment, roles: SafetyRoles, reference: str) -> int:
    """Optimizer steps behind a model since `chat`: of a merge those of all its parents, each once."""
    chat = _model(experiment, roles.chat).partition("@")[0]
    steps: dict[str, int] = {}
    todo = [_model(experiment, reference)]
    while todo:
        name, step = model_step(experiment, todo.pop())
        entry = experiment.models[name]
        if name == chat:
            continue
        if isinstance(entry, TuneEntry | DpoEntry | AlignEntry):
            steps[name] = max(steps.get(name, 0), step or entry.steps)
        if isinstance(entry, AlignEntry):
            todo.append(entry.start)
        else:
            todo += entry.parents.values()
    return sum(steps.values())
