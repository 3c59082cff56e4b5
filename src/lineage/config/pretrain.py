"""What the stage `pretrain` reads: one segment of a training run, from one checkpoint to the next."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from lineage.config.base import Frozen
from lineage.config.training import Optimization


class Architecture(Frozen):
    """A causal language model of transformers, built from scratch."""

    model_type: str = "llama"
    """Any `model_type` that `AutoModelForCausalLM` knows: llama, qwen3, gpt2, olmo2, ..."""
    settings: dict[str, Any] = {}
    """Fields of that model's transformers config, for example `hidden_size`; vocabulary and special tokens are set
    from the tokenizer."""


class HeldOut(Frozen):
    """Held-out bits per byte while training, in `training.jsonl`."""

    every_steps: Annotated[int, Field(ge=1)] = 100
    """Steps between two measurements."""
    documents: Annotated[int, Field(ge=1)] = 64
    """Held-out documents that are read each time (the scores after training read all)."""


class PretrainRun(Frozen):
    """The part of a pretraining run that all its segments share."""

    architecture: Architecture | None = None
    """The model to build; None where `start` names a model to go on from."""
    optimization: Optimization = Optimization()
    """Batches, learning rate, optimizer."""
    steps: Annotated[int, Field(ge=1)]
    """Horizon of the run in optimizer steps: the learning-rate schedule ends here."""
    held_out: HeldOut | None = None
    """Held-out bits per byte along the way; None: only in the scores of the checkpoints."""

    @model_validator(mode="after")
    def _warmup_fits(self) -> "PretrainRun":
        if self.optimization.warmup_steps > self.steps:
            raise ValueError(
                f"optimization.warmup_steps is {self.optimization.warmup_steps}, more than `steps` ({self.steps})"
            )
        return self


class Pretrain(PretrainRun):
    """One segment: steps `first_step` to `last_step` of the run."""

    first_step: Annotated[int, Field(ge=0)] = 0
    """Optimizer steps already taken by the model that the segment starts from."""
    last_step: Annotated[int, Field(ge=1)]
    """Optimizer steps taken when the segment ends."""

    @model_validator(mode="after")
    def _segment_is_ordered(self) -> "Pretrain":
        if not self.first_step < self.last_step <= self.steps:
            raise ValueError(
                f"a segment from step {self.first_step} to {self.last_step} of a run of {self.steps} steps"
            )
        return self
