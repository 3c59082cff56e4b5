"""Jobs that make prompt sets, and that ask models."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.config.prompts import WorldPrompts
from lineage.config.safety_entry import MeasuredModel
from lineage.config.safety_score import SafetyScore
from lineage.freshness import canonical
from lineage.plan.job import Job, model_folder, source, stage_spec


def prompt_jobs(experiment: Experiment) -> Iterator[Job]:
    """One a prompt set."""
    for name, reading in experiment.prompts.items():
        folder = f"data/prompts/{name}"
        if isinstance(reading, WorldPrompts):
            inputs = {"world": ["data/world"], "safety_data": ["data/safety"]}
            yield Job("prompts", folder, canonical(reading), inputs)
            continue
        spec = canonical(reading.model_dump(mode="json", exclude={"path", "images"}))
        external = source(experiment, reading.path) | source(experiment, reading.images, role="images")
        yield Job("outside_prompts", folder, spec, external=external)


def safety_score_jobs(experiment: Experiment) -> Iterator[Job]:
    """One a model that is measured."""
    if experiment.safety is None:
        return
    for measured in experiment.safety.models:
        prompts = measured.prompts or experiment.safety.prompts
        inputs = {
            "model": [model_folder(experiment, measured.model)],
            "prompts": [f"data/prompts/{name}" for name in prompts],
        }
        spec = stage_spec(SafetyScore, experiment.safety, template=measured.template, prompts=prompts)
        yield Job("score_safety", f"scores/{scores_name(experiment, measured)}/safety", spec, inputs)


def scores_name(experiment: Experiment, measured: MeasuredModel) -> str:
    """`seeing@400`, or the name of a model that is measured in another way."""
    return measured.name or model_folder(experiment, measured.model).removeprefix("models/")
