"""Resume state: weights, moments and step in one safetensors file that is whole or not there.

Data and randomness are functions of (seed, step), so this is all the state there is. Frozen parameters are not in it:
the stage loads them from where they come from.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from lineage.errors import UserError

STATE = "state.safetensors"
HEADER = "lineage"
"""The one metadata entry: safetensors writes several in random order, and equal states must have equal bytes."""


class Position(NamedTuple):
    """How far a run has come."""

    step: int
    """Updates made, and the step to go on with."""
    tokens: int
    """Tokens that these updates read."""


def save(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, position: Position, *, writes: bool) -> None:
    """Puts `state.safetensors` into `folder`, replacing an older one in one rename.

    Called by every process (sharded tensors are gathered); only the one that `writes` touches the disk.

    Raises:
        UserError: the disk cannot hold it; the older state is kept.
    """
    tensors = {name: _whole(tensor) for name, tensor in _tensors(model, optimizer).items()}
    if not writes:
        return
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{STATE}.partial"
    header = {**position._asdict(), "checksum": _checksum(tensors)}
    try:
        save_file(tensors, partial, metadata={HEADER: json.dumps(header)})
        with partial.open("rb") as file:
            os.fsync(file.fileno())
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        needed = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        raise UserError(
            f"{folder / STATE}: cannot be written ({error}).\n"
            f"  It needs {needed:,} bytes, the disk has {shutil.disk_usage(folder).free:,} free."
            " Free some space and run again: it goes on from the state saved before."
        ) from error
    partial.replace(folder / STATE)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Position:
    """Reads a state file into a model and its optimizer and says where it stands.

    Raises:
        UserError: the file is corrupt, or belongs to another model.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            header = json.loads((file.metadata() or {})[HEADER])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        intact = header.pop("checksum") == _checksum(tensors)
        position = Position(**header)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _corrupt(path, str(error)) from error
    if not intact:
        raise _corrupt(path, "its bytes do not have the recorded checksum")
    _check_weights(path, tensors, model)
    with torch.no_grad():
        for name, tensor in _weights(model).items():
            tensor.copy_(_like(tensors[f"weights/{name}"], tensor))
    optimizer.state.clear()
    for name, parameter, group in _optimized(model, optimizer):
        moments = {key: tensors[key_name] for key, key_name in _moment_names(tensors, name)}
        if moments:
            optimizer.state[parameter] = {
                key: _moment(tensor, parameter, fused=bool(group.get("fused"))) for key, tensor in moments.items()
            }
    return position


def _tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    tensors = {f"weights/{name}": tensor.detach() for name, tensor in _weights(model).items()}
    for name, parameter, _ in _optimized(model, optimizer):
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"moments/{key}/{name}"] = value
    return tensors


def _weights(model: nn.Module) -> dict[str, Tensor]:
    """Trainable parameters, shared ones once, and the buffers that a checkpoint holds."""
    weights: dict[str, Tensor] = {name: p for name, p in model.named_parameters() if p.requires_grad}
    stored = model.state_dict().keys()
    weights.update({name: buffer for name, buffer in model.named_buffers() if name in stored})
    return weights


def _optimized(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[tuple[str, Tensor, dict]]:
    names = {parameter: name for name, parameter in model.named_parameters()}
    return [(names[p], p, group) for group in optimizer.param_groups for p in group["params"]]


def _moment_names(tensors: dict[str, Tensor], parameter_name: str) -> list[tuple[str, str]]:
    keys = sorted({name.split("/", 2)[1] for name in tensors if name.startswith("moments/")})
    return [(key, f"moments/{key}/{parameter_name}") for key in keys if f"moments/{key}/{parameter_name}" in tensors]


def _moment(tensor: Tensor, parameter: Tensor, *, fused: bool) -> Tensor:
    """On the parameter's device and sharded like it; step counters stay on the CPU unless a fused kernel reads them."""
    if tensor.ndim == 0:
        return tensor.to(parameter.device) if fused else tensor
    return _like(tensor, parameter)


def _like(tensor: Tensor, model_tensor: Tensor) -> Tensor:
    if isinstance(model_tensor, DTensor):
        return distribute_tensor(tensor.to(model_tensor.device), model_tensor.device_mesh, model_tensor.placements)
    return tensor.to(model_tensor.device)


def _whole(tensor: Tensor) -> Tensor:
    """A contiguous copy on the CPU; gathers a sharded tensor."""
    full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return full.detach().to("cpu").contiguous()


def _checksum(tensors: dict[str, Tensor]) -> str:
    checksum = 0
    for name in sorted(tensors):
        checksum = zlib.crc32(name.encode(), checksum)
        checksum = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, checksum)
    return f"{checksum:08x}"


def _check_weights(path: Path, tensors: dict[str, Tensor], model: nn.Module) -> None:
    expected = {f"weights/{name}": tuple(tensor.shape) for name, tensor in _weights(model).items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items() if name.startswith("weights/")}
    if expected != found:
        name = min(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
        raise UserError(
            f"{path}: state of another model: {name} has shape {found.get(name)}, the model {expected.get(name)}.\n"
            "  Remove the file to start anew, or go on from the model that it was saved with."
        )


def _corrupt(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path}: the resume state is corrupt ({reason}).\n  Remove it; the run then starts from its parent."
    )
