"""Learning rate as a pure function of the step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from lineage.config.training import Optimizer
from lineage.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Linear warm-up, then cosine, linear or constant.

    Step s (from 0) makes update s + 1. Warm-up runs at peak * (s + 1) / warmup_steps: never 0, and the peak at its last
    step. The decay starts at the peak at step `warmup_steps` and would reach floor * peak at step `horizon_steps`, the
    first that is not taken, so that no update is wasted on a rate of 0. Peak 1, warm-up 2, horizon 6, linear, floor 0:

        step  0    1    2    3     4    5
        rate  0.5  1.0  1.0  0.75  0.5  0.25

    Raises:
        UserError: a warm-up longer than the horizon.
    """

    peak: float
    warmup_steps: int
    horizon_steps: int
    shape: Literal["cosine", "linear", "constant"]
    floor: float = 0.0

    def __post_init__(self) -> None:
        if self.warmup_steps > self.horizon_steps:
            raise UserError(
                f"warmup_steps is {self.warmup_steps}, more than the {self.horizon_steps} steps of the run: lower it"
            )

    @classmethod
    def of(cls, optimizer: Optimizer, *, horizon_steps: int) -> Schedule:
        """The schedule that a config describes, for a run of `horizon_steps` updates."""
        return cls(
            peak=optimizer.peak_learning_rate,
            warmup_steps=optimizer.warmup_steps,
            horizon_steps=horizon_steps,
            shape=optimizer.schedule,
            floor=optimizer.floor,
        )

    def __call__(self, step: int) -> float:
        """Learning rate of the update that follows `step` updates.

        Raises:
            ValueError: a step outside the run.
        """
        if not 0 <= step < self.horizon_steps:
            raise ValueError(f"step {step} is outside the run of {self.horizon_steps} steps")
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        if self.shape == "constant":
            return self.peak
        progress = (step - self.warmup_steps) / (self.horizon_steps - self.warmup_steps)
        left = 1 - progress if self.shape == "linear" else (1 + math.cos(math.pi * progress)) / 2
        return self.peak * (self.floor + (1 - self.floor) * left)
