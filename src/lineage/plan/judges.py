"""Jobs that make judges and measure them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lineage.config.experiment import Experiment
from lineage.config.judges import GenerativeJudging, JudgeReading
from lineage.freshness import canonical
from lineage.plan.job import Job, source


def judge_jobs(experiment: Experiment) -> Iterator[Job]:
    """One a judge."""
    for name, entry in experiment.judges.items():
        inputs = {"safety_data": ["data/safety"]} if experiment.safety_data is not None else {}
        yield Job("judge", f"judges/{name}", _spec(entry), inputs, _external(experiment, entry))


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
