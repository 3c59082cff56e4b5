"""What judges are measured on, and what generative ones are made of: checked before any job exists."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.config.judges import GenerativeJudging, LabelledReading, XstestLabelled
from lineage.config.messages import Mistake, did_you_mean, listed


def judge_references(experiment: Experiment) -> Iterator[Mistake]:
    """Every judge that nothing measures, and every file that is not named."""
    for name, entry in experiment.judges.items():
        path = f"judges.{name}"
        if entry.labelled is None and experiment.safety_data is None:
            yield path, "is measured on nothing: give `labelled`, or the experiment `safety_data`, or set it to null"
        if entry.labelled is not None:
            yield from _labelled(f"{path}.labelled", entry.labelled)
        if isinstance(entry, GenerativeJudging):
            if entry.name is None and entry.path is None:
                yield path, "says nowhere which model judges: give `path` or `name` (a hub id with `revision`)"
            if entry.prompt_path is None:
                yield path, "has no `prompt_path`: give a file with the model's own prompt"


def judged_references(experiment: Experiment) -> Iterator[Mistake]:
    """What the section `judged` names."""
    if experiment.judged is None:
        return
    if experiment.safety is None:
        yield "judged", "judges what the models of `safety` said, but there is no `safety`: give it, or set it to null"
    for section in ("judges", "prompts"):
        known = getattr(experiment, section)
        for position, name in enumerate(getattr(experiment.judged, section)):
            if name not in known:
                said = f"is '{name}', which is none of `{section}`.{did_you_mean(name, known)}"
                yield f"judged.{section}.{position}", f"{said}\n  {section}: {listed(known)}"


def _labelled(path: str, reading: LabelledReading) -> Iterator[Mistake]:
    if reading.path is None and (isinstance(reading, XstestLabelled) or reading.name is None):
        remedy = "`path`" if isinstance(reading, XstestLabelled) else "`path` or `name` (a hub id with `revision`)"
        yield path, f"says nowhere what to read: give {remedy}"
