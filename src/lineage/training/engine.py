"""A model made ready to train on this machine: device, processes, precision, compilation."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration
from torch import Tensor, nn

from lineage.config.execution import Execution
from lineage.config.training import Optimizer
from lineage.data.batch import IGNORED, Batch
from lineage.errors import UserError
from lineage.losses.scored_positions import scored_positions
from lineage.losses.total import Total
from lineage.models.device import device_for
from lineage.training import optimizer as optimizers

Loss = Callable[[Any, Mapping[str, Tensor]], Total]
"""(outputs of the model, targets of the batch) -> Total."""


@dataclass(frozen=True)
class Engine:
    """What one process needs to make an update."""

    accelerator: Accelerator
    model: nn.Module
    """As the stage built it, on its device: never compiled or wrapped, the same weights."""
    wrapped: nn.Module
    """The model as accelerate wrapped it for processes or sharding."""
    forward: Callable[..., Any]
    """The wrapped model, compiled where `execution` asks for it."""
    loss: Loss
    optimizer: torch.optim.Optimizer
    parameters: list[nn.Parameter]
    """The trainable ones, each once."""
    autocast: torch.dtype | None
    micro_batch_rows: int | None
    head: nn.Module | None = None
    """The output layer, where it is to give logits of scored positions alone."""

    def scoring(self, targets: Mapping[str, Tensor]) -> AbstractContextManager[None]:
        """Within, the model gives the logits that the loss reads of these targets."""
        return nullcontext() if self.head is None else scored_positions(self.head, targets["labels"] != IGNORED)

    def micro_batches(self, batch: Batch) -> list[tuple[dict[str, Tensor], dict[str, Tensor]]]:
        """Inputs and targets of this process's rows, on its device, in equal runs of rows.

        Rows are split contiguously over processes and then over micro-batches.

        Raises:
            UserError: the rows cannot be split evenly over the processes.
        """
        processes, together = self.accelerator.num_processes, batch.rows_together
        if batch.num_rows % (processes * together):
            of = f" in groups of {together}" if together > 1 else ""
            raise UserError(
                f"execution.processes: {processes} processes cannot share {batch.num_rows} rows of a batch{of} evenly."
                "\n  Choose a number of processes that divides them."
            )
        share = batch.num_rows // processes
        first = self.accelerator.process_index * share
        rows = self.micro_batch_rows or share
        rows = max(together, rows - rows % together)
        bounds = [(at, min(at + rows, first + share)) for at in range(first, first + share, rows)]
        return [(self._inputs(batch, *bound), self._part(batch.targets, *bound)) for bound in bounds]

    def _inputs(self, batch: Batch, start: int, stop: int) -> dict[str, Tensor]:
        attached = {name: one.of_rows(start, stop) for name, one in batch.attached.items()}
        present = {name: self._moved(tensor) for name, tensor in attached.items() if len(tensor)}
        return self._part(batch.inputs, start, stop) | present

    def _part(self, tensors: Mapping[str, Tensor], start: int, stop: int) -> dict[str, Tensor]:
        return {name: self._moved(tensor[start:stop]) for name, tensor in tensors.items()}

    def _moved(self, tensor: Tensor) -> Tensor:
        device = self.accelerator.device
        if device.type != "cuda":
            return tensor.to(device)
        return tensor.pin_memory().to(device, non_blocking=True)


def prepare(
    model: nn.Module,
    loss: Loss,
    *,
    optimizer: Optimizer,
    execution: Execution,
    tracker_dir: Path | None,
    scored_only: bool = False,
) -> Engine:
    """Moves, wraps and compiles the model as `execution` says and builds its optimizer.

    With `scored_only`, logits are made of scored positions alone; not when compiled, as their number changes.

    Autocast is entered by the loop, not by accelerate: accelerate would copy all logits to float32. FSDP (version 2) is
    switched on by `accelerate launch --use_fsdp`.

    Raises:
        UserError: no such device, another number of processes than started, a tracker that is not installed.
    """
    accelerator = _accelerator(execution, tracker_dir)
    torch.set_num_threads(execution.threads)
    if execution.gradient_checkpointing:
        _enable_checkpointing(model)
    model.to(accelerator.device)
    built = optimizers.build(model, optimizer)
    wrapped, wrapped_optimizer = accelerator.prepare(model, built)
    bare = accelerator.unwrap_model(wrapped)
    return Engine(
        accelerator=accelerator,
        model=bare,
        wrapped=wrapped,
        forward=torch.compile(wrapped) if execution.compile else wrapped,
        loss=torch.compile(loss) if execution.compile else loss,
        optimizer=wrapped_optimizer.optimizer,
        parameters=[parameter for parameter in bare.parameters() if parameter.requires_grad],
        autocast=torch.bfloat16 if optimizer.precision == "bf16" else None,
        micro_batch_rows=execution.micro_batch_rows,
        head=_head(bare) if scored_only and not execution.compile else None,
    )


def _head(model: nn.Module) -> nn.Module:
    """The output layer of a model of transformers."""
    layer: Any = model
    return layer.get_output_embeddings()


def _accelerator(execution: Execution, tracker_dir: Path | None) -> Accelerator:
    device = device_for(execution)
    for name in execution.trackers:
        if importlib.util.find_spec(name) is None:
            raise UserError(f"execution.trackers: '{name}' is not installed: pip install {name}")
    if execution.trackers and tracker_dir is None:
        raise UserError("execution.trackers: this stage has no folder for trackers; leave the list empty.")
    accelerator = Accelerator(
        cpu=device.type == "cpu",
        mixed_precision="no",
        gradient_accumulation_steps=1,
        log_with=list(execution.trackers) or None,
        project_config=ProjectConfiguration(logging_dir=str(tracker_dir)) if tracker_dir else None,
    )
    if accelerator.num_processes != execution.processes:
        raise UserError(
            f"execution.processes is {execution.processes}, but {accelerator.num_processes} were started.\n"
            f"  Start the stage with `torchrun --nproc-per-node {execution.processes}`."
        )
    return accelerator


def _enable_checkpointing(model: nn.Module) -> None:
    enable = getattr(model, "activation_checkpointing_enable", None)
    if enable is None:
        raise UserError(f"execution.gradient_checkpointing: {type(model).__name__} cannot do it; switch it off.")
    enable(activation_checkpointing_kwargs={"use_reentrant": False})
