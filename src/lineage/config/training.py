"""How a model is trained: the optimizer that every training stage shares, and the batches of plain text."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lineage.config.base import Frozen


class Optimizer(Frozen):
    """AdamW, learning rate, clipping, precision and seed of one training run."""

    peak_learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate after warm-up."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Optimizer steps of linear warm-up; the last of them runs at the peak."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """Shape after warm-up; `cosine` and `linear` reach `floor` at the horizon of the run."""
    floor: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Learning rate at the horizon as a share of the peak; `constant` ignores it."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    """Decoupled weight decay of matrices; norms, biases and other vectors have none."""
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.95)
    """Decay of AdamW's first and second moment per step."""
    epsilon: Annotated[float, Field(gt=0)] = 1e-8
    """AdamW's term in the denominator."""
    clip_norm: Annotated[float, Field(gt=0)] | None = 1.0
    """Largest global norm of a step's gradient; None: no clipping."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """`bf16` computes the forward pass under autocast; weights, moments and losses stay float32."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of data order, initial weights and dropout."""

    def rate_factor(self, parameter: str) -> float:
        """What the learning rate of a parameter is times that of the schedule."""
        return 1.0


class Optimization(Optimizer):
    """The optimizer, and the batches of a run on a stream of plain text."""

    batch_tokens: Annotated[int, Field(ge=1)] = 4096
    """Tokens of one optimizer step, summed over micro-batches and processes."""
    sequence_length: Annotated[int, Field(ge=2)] = 256
    """Tokens of one row."""
    attention: Literal["document", "row"] = "document"
    """`document`: tokens attend within their document only. `row`: within their row, across documents."""

    @property
    def batch_rows(self) -> int:
        """Rows of one optimizer step."""
        return self.batch_tokens // self.sequence_length

    @model_validator(mode="after")
    def _rows_are_whole(self) -> Self:
        if self.batch_tokens % self.sequence_length:
            lower = max(self.batch_rows, 1) * self.sequence_length
            raise ValueError(
                f"batch_tokens is {self.batch_tokens}, no multiple of sequence_length {self.sequence_length};"
                f" the nearest are {lower} and {lower + self.sequence_length}"
            )
        return self
