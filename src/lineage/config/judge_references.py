"""What judges are measured on, and what generative ones are made of: checked before any job exists."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.config.judges import GenerativeJudging, LabelledReading, XstestLabelled

Mistake = tuple[str, str]
"""Path of the key, message."""


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


def _labelled(path: str, reading: LabelledReading) -> Iterator[Mistake]:
    if reading.path is None and (isinstance(reading, XstestLabelled) or reading.name is None):
        remedy = "`path`" if isinstance(reading, XstestLabelled) else "`path` or `name` (a hub id with `revision`)"
        yield path, f"says nowhere what to read: give {remedy}"
