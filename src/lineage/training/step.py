"""One optimizer step: gradients of a whole batch, however it is split, then clipping and the update."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from lineage.data.batch import Batch
from lineage.training.engine import Engine
from lineage.training.timing import PhaseTimer


def seed_step(seed: int, step: int, process: int) -> None:
    """Dropout and other random draws of a step depend on (seed, step, process) alone."""
    torch.manual_seed(int(np.random.SeedSequence((seed, step, process)).generate_state(1, np.uint64)[0] >> 1))


def accumulate(engine: Engine, batch: Batch, timer: PhaseTimer) -> Tensor:
    """Gradients of the whole step, and (loss sum, count) of this process on its device.

    Processes average their gradients, so each multiplies its loss by their number.
    """
    device = engine.accelerator.device
    totals = torch.zeros(2, dtype=torch.float32 if device.type == "mps" else torch.float64, device=device)
    parts = engine.micro_batches(batch)
    scale = engine.accelerator.num_processes / batch.count
    for index, (inputs, targets) in enumerate(parts):
        last = index == len(parts) - 1
        with nullcontext() if last else engine.accelerator.no_sync(engine.wrapped):
            with timer("forward"):
                autocast = torch.autocast(device.type, dtype=engine.autocast, enabled=engine.autocast is not None)
                with autocast, engine.scoring(targets):
                    outputs = engine.forward(**inputs)
                total = engine.loss(outputs, targets)
            del outputs
            with timer("backward"):
                (total.sum * scale).backward()
        totals += torch.stack([total.sum.detach().to(totals), total.count.to(totals)])
    return totals


def global_norm(parameters: Sequence[nn.Parameter]) -> Tensor:
    """Euclidean norm of all gradients taken as one vector; of the whole tensors where they are sharded."""
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    return norm.full_tensor() if isinstance(norm, DTensor) else norm


def apply(engine: Engine, timer: PhaseTimer, *, rate: float, norm: float, clip_norm: float | None) -> None:
    """Clips, updates, and drops the gradients."""
    with timer("optimizer"):
        if clip_norm is not None and norm > clip_norm:
            torch.nn.utils.clip_grads_with_norm_(engine.parameters, clip_norm, torch.tensor(norm))
        for group in engine.optimizer.param_groups:
            group["lr"] = rate * group["rate_factor"]
        engine.optimizer.step()
        engine.optimizer.zero_grad(set_to_none=True)
