"""One training stage on conversations, pairs or pictures: the loop with what every such stage gives and keeps."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import nn
from transformers import PreTrainedModel

from lineage.artifact import ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.training import Optimizer
from lineage.data.batch import Batch
from lineage.models.decoder import model_facts
from lineage.training.engine import Loss
from lineage.training.log import LOG
from lineage.training.loop import train
from lineage.training.observers import Observer
from lineage.training.parts import num_trainable
from lineage.training.schedule import Schedule
from lineage.training.state import STATE


class StepBatches(Protocol):
    """What a run reads."""

    def __call__(self, step: int) -> Batch:
        """The whole batch of one step, a pure function."""
        ...

    def describe(self, step: int) -> str:
        """What the step reads, for messages."""
        ...

    def passes(self, steps: int) -> dict[str, float]:
        """{set: how often each of its items was read} after so many steps."""
        ...


@dataclasses.dataclass(frozen=True)
class Segment:
    """Steps [first, last) of a run whose schedule ends at `horizon`."""

    first: int
    last: int
    horizon: int
    state: Path | None = None
    """Resume state of the segment before."""


def train_segment(
    model: nn.Module,
    batches: StepBatches,
    loss: Loss,
    optimizer: Optimizer,
    segment: Segment,
    *,
    execution: Execution,
    out: ArtifactWriter,
    observers: Sequence[Observer] = (),
    scored_only: bool = False,
) -> dict[str, Any]:
    """Trains as `train` does, notes what it cost in `run.json`, and returns what the manifest says of it.

    Raises:
        UserError: a loss that is not finite, a corrupt state, a full disk.
        StoppedEarly: before the time limit, with the state saved.
    """
    trainable = num_trainable(model)
    run = train(
        model,
        batches=batches,
        loss=loss,
        optimizer=optimizer,
        schedule=Schedule.of(optimizer, horizon_steps=segment.horizon),
        first_step=segment.first,
        last_step=segment.last,
        execution=execution,
        state_dir=out.state,
        start=segment.state,
        observers=observers,
        describe_step=batches.describe,
        started=time.monotonic() - out.run.get("start_seconds", 0.0),
        tracker_dir=out.target.parent.parent / "trackers" / out.target.name,
        scored_only=scored_only,
    )
    out.run["training"] = dataclasses.asdict(run)
    return {
        "step": segment.last,
        "tokens": run.tokens,
        "trainable_parameters": trainable,
        "passes": batches.passes(segment.last),
    }


def keep_training(out: ArtifactWriter, model: PreTrainedModel) -> dict[str, Any]:
    """Copies resume state and log into the artifact; what the manifest says of the model and its last loss."""
    for name in (STATE, LOG):
        shutil.copyfile(out.state / name, out.path(name))
    return model_facts(model) | {"last_loss": last_loss(out.path(LOG))}


def last_loss(path: Path) -> float:
    """Loss of the last update in a `training.jsonl`."""
    return [row["loss"] for row in map(json.loads, path.read_text().splitlines()) if "loss" in row][-1]
