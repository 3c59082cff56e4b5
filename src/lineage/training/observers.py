"""Looking at a model while it trains, without a trace in the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import nn

from lineage.training.modes import training_modes_kept


class Observer(Protocol):
    """Measures the weights after `step` updates, for every step of [first_step, last_step] that it wants.

    Every process calls it; only the main one should write. The model is in eval mode, without gradients; the loop
    restores modes and random state afterwards, and an observer must not change the weights.
    """

    def restart(self, step: int) -> None:
        """Forget what was recorded at `step` or later: the run (re)starts there, and observes `step` again."""
        ...

    def wants(self, step: int) -> bool:
        """Whether to look at the weights after `step` updates."""
        ...

    def observe(self, step: int, model: nn.Module) -> Mapping[str, float]:
        """Measure; what is returned goes into line `step` of training.jsonl (may be empty)."""
        ...

    def save(self) -> None:
        """Put what was recorded on the disk: the resume state is saved next and will not observe it again."""
        ...


def observe(observers: Sequence[Observer], step: int, model: nn.Module) -> dict[str, float]:
    """What all observers return for the weights after `step` updates."""
    measured: dict[str, float] = {}
    wanting = [observer for observer in observers if observer.wants(step)]
    if wanting:
        with training_modes_kept(model), torch.no_grad():
            model.eval()
            for observer in wanting:
                measured.update(observer.observe(step, model))
    return measured
