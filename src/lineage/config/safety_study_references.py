"""What the parts of the safety study name: models that are measured."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.config.messages import Mistake, did_you_mean, listed
from lineage.config.models import TuneEntry
from lineage.config.safety_study import SafetyRoles, SafetyStudyEntry


def measured_names(experiment: Experiment) -> dict[str, str]:
    """{scores name: reference of the model} of every model that is asked: `seeing@400`, or the name it was given."""
    models = experiment.safety.models if experiment.safety else []
    there = [one for one in models if one.model.partition("@")[0] in experiment.models]
    return {one.name or artifact_name(experiment, one.model): one.model for one in there}


def artifact_name(experiment: Experiment, reference: str) -> str:
    """`seeing` -> `seeing@400`."""
    name, _, step = reference.partition("@")
    kept = experiment.models[name].kept_steps
    return f"{name}@{step or kept[-1]}" if kept else name


def scores_name(experiment: Experiment, reference: str) -> str | None:
    """Name of the scores of a part: of a measured model, or one that was given; None where nothing measures it."""
    known = measured_names(experiment)
    if reference in known:
        return reference
    if reference.partition("@")[0] not in experiment.models:
        return None
    name = artifact_name(experiment, reference)
    return name if name in known else None


def safety_study_references(experiment: Experiment) -> Iterator[Mistake]:
    """Every part that no measured model plays, and every tuning run that follows what is no prompt set."""
    for name, entry in experiment.models.items():
        if isinstance(entry, TuneEntry) and entry.probed is not None and entry.probed not in experiment.prompts:
            hint = did_you_mean(entry.probed, experiment.prompts)
            message = f"is '{entry.probed}', which is no prompt set.{hint}\n  prompts: {listed(experiment.prompts)}"
            yield f"models.{name}.probed", message
    study = experiment.safety_study
    if study is None:
        return
    for kind in ("weights", "layers"):
        name, known = getattr(study, kind), getattr(experiment, kind)
        if name is not None and name not in known:
            message = f"is '{name}', which is no analysis.{did_you_mean(name, known)}\n  {kind}: {listed(known)}"
            yield f"safety_study.{kind}", message
    layered = study.layers_model and study.layers_model.partition("@")[0]
    if layered and layered not in experiment.models:
        hint = did_you_mean(layered, experiment.models)
        yield "safety_study.layers_model", f"is '{layered}', which is no model.{hint}"
    yield from _vectors(experiment, study)
    for part in SafetyRoles.model_fields:
        value = getattr(study.roles, part)
        for reference in value if isinstance(value, list) else [value]:
            if reference is not None and scores_name(experiment, reference) is None:
                known = list(measured_names(experiment))
                message = f"is '{reference}', which is not measured.{did_you_mean(reference, known)} Add it there"
                yield f"safety_study.roles.{part}", f"{message}\n  safety.models: {listed(known)}"


def _vectors(experiment: Experiment, study: SafetyStudyEntry) -> Iterator[Mistake]:
    analysis = experiment.weights.get(study.weights or "")
    if study.vectors is None or analysis is None:
        return
    for part, name in study.vectors:
        if name not in analysis.vectors:
            hint = did_you_mean(name, analysis.vectors)
            message = f"is '{name}', which is no vector of weights.{study.weights}.{hint}"
            yield f"safety_study.vectors.{part}", f"{message}\n  vectors: {listed(analysis.vectors)}"
