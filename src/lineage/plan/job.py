"""What a plan consists of: jobs, each with exactly the config that its stage reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from lineage.config.base import Frozen
from lineage.config.experiment import Experiment
from lineage.config.references import model_step
from lineage.freshness import canonical


@dataclass(frozen=True)
class Job:
    """One artifact: the stage that makes it, what it reads, and where it lies below `results/<experiment>/`."""

    stage: str
    folder: str
    spec: str
    """Canonical JSON of exactly the config that the stage reads."""
    inputs: dict[str, list[str]] = field(default_factory=dict)
    """Folders of input artifacts by the name of the stage's parameter."""
    external: dict[str, Path] = field(default_factory=dict)
    """Files outside results, by the name of the stage's parameter."""


Plan = dict[str, Job]
"""Jobs by folder, parents before children."""


def model_folder(experiment: Experiment, reference: str) -> str:
    """`base` -> `models/base@900`."""
    name, step = model_step(experiment, reference)
    return f"models/{name}" if step is None else f"models/{name}@{step}"


def stage_spec(config: type[Frozen], entry: BaseModel, **fixed: object) -> str:
    """The fields of `entry` that the stage's own config has, as canonical JSON; references stay behind."""
    fields = {name: getattr(entry, name) for name in config.model_fields if name not in fixed}
    return canonical(config.model_validate(fields | fixed))


def source(experiment: Experiment, path: str | None, *, role: str = "source") -> dict[str, Path]:
    """The external input of a stage that reads a path of the user's, relative to `data_root`."""
    if path is None:
        return {}
    return {role: Path(experiment.data_root or ".").expanduser() / Path(path).expanduser()}
