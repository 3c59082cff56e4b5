"""Jobs that make judges and measure them, and that judge what models said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from lineage.config.experiment import Experiment
from lineage.config.judged import Judged
from lineage.config.judges import GenerativeJudging, JudgeReading
from lineage.freshness import canonical
from lineage.plan.job import Job, source
from lineage.plan.safety import scores_name


def judge_jobs(experiment: Experiment) -> Iterator[Job]:
    """One a judge."""
    for name, entry in experiment.judges.items():
        inputs = {"safety_data": ["data/safety"]} if experiment.safety_data is not None else {}
        yield Job("judge", f"judges/{name}", _spec(entry), inputs, _external(experiment, entry))


def judged_jobs(experiment: Experiment) -> Iterator[Job]:
    """One a measured model and judge, on the prompt sets that the model was asked."""
    if experiment.judged is None or experiment.safety is None:
        return
    for measured in experiment.safety.models:
        asked = measured.prompts or experiment.safety.prompts
        prompts = [name for name in experiment.judged.prompts if name in asked]
        for name in experiment.judged.judges if prompts else ():
            entry, scores = experiment.judges[name], f"scores/{scores_name(experiment, measured)}"
            fields = experiment.judged.model_dump(mode="json", exclude={"judges"}) | {"prompts": prompts}
            is_generative = isinstance(entry, GenerativeJudging)
            fields["generative"] = json.loads(_spec(entry)) | {"labelled": None} if is_generative else None
            inputs = {
                "scores": [f"{scores}/safety"],
                "judge": [f"judges/{name}"],
                "prompts": [f"data/prompts/{one}" for one in prompts],
            }
            external = {role: path for role, path in _external(experiment, entry).items() if role != "labelled"}
            yield Job("judged", f"{scores}/judged/{name}", canonical(Judged.model_validate(fields)), inputs, external)


def _spec(entry: JudgeReading) -> str:
    """All but the paths, which count by what lies there."""
    fields = entry.model_dump(mode="json", exclude={"path", "prompt_path"})
    for name in ("path", "images"):
        (fields["labelled"] or {}).pop(name, None)
    return canonical(fields)


def _external(experiment: Experiment, entry: JudgeReading) -> dict[str, Path]:
    found = source(experiment, entry.labelled.path if entry.labelled else None, role="labelled")
    if isinstance(entry, GenerativeJudging):
        found |= source(experiment, entry.path, role="model")
        found |= source(experiment, entry.prompt_path, role="prompt")
    return found
