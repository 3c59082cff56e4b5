"""Safetensors files, mapped into memory: headers are checked, values are read only where they are touched."""

from __future__ import annotations

import json
import math
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lineage.errors import UserError

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
"""Types of the format by the names in its header."""
DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}
MERGEABLE = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
"""Types whose values are numbers as they stand; quantized weights are not."""

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
ADAPTER = "adapter_config.json"

_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 100_000_000


@dataclass(frozen=True)
class Stored:
    """One tensor in a file. Nothing is read before `flat` is indexed."""

    name: str
    """As the file calls it."""
    path: Path
    mapped: mmap.mmap
    start: int
    """First byte in the file."""
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def num_elements(self) -> int:
        """Elements of the tensor; 1 for a scalar."""
        return math.prod(self.shape)

    @property
    def num_bytes(self) -> int:
        """Bytes of the tensor in the file."""
        return self.num_elements * self.dtype.itemsize

    def flat(self) -> torch.Tensor:
        """All elements in one dimension: a view of the file, never to be written to."""
        if self.num_elements == 0:
            return torch.empty(0, dtype=self.dtype)
        return torch.frombuffer(self.mapped, dtype=self.dtype, count=self.num_elements, offset=self.start)

    def raw(self) -> torch.Tensor:
        """All bytes: a view of the file, never to be written to."""
        if self.num_bytes == 0:
            return torch.empty(0, dtype=torch.uint8)
        return torch.frombuffer(self.mapped, dtype=torch.uint8, count=self.num_bytes, offset=self.start)


def open_weights(folder: Path) -> dict[str, Stored]:
    """{name in the file: tensor} of a Hugging Face folder, in one file or in shards.

    Raises:
        UserError: no safetensors (with how to convert pickled weights), an adapter, damaged files, a wrong index.
    """
    if (folder / WHOLE).is_file():
        return _open_file(folder / WHOLE)
    if (folder / INDEX).is_file():
        return _open_shards(folder)
    if (folder / ADAPTER).is_file():
        raise UserError(
            f"{folder}: an adapter, not a whole model. Fold it in first:\n"
            "  PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(new)"
        )
    pickled = sorted(path.name for pattern in PICKLED for path in folder.glob(pattern))
    if pickled:
        raise UserError(
            f"{folder}: only pickled weights ({', '.join(pickled[:3])}), which can run code when opened.\n"
            "  Convert them where you trust them: AutoModelForCausalLM.from_pretrained(old).save_pretrained(new), or"
            " AutoModelForImageTextToText for a vision-language model"
        )
    raise UserError(f"{folder}: no {WHOLE} and no {INDEX}, so no model weights.")


def _open_shards(folder: Path) -> dict[str, Stored]:
    index = folder / INDEX
    try:
        places: dict[str, str] = dict(json.loads(index.read_bytes())["weight_map"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{index}: not an index of shards ({error}). Download or save the folder again.") from error
    tensors: dict[str, Stored] = {}
    for shard in sorted(set(places.values())):
        path = folder / shard
        if path.parent != folder or not path.is_file():
            raise UserError(f"{path}: is in {INDEX}, but not in the folder. Download or copy it too.")
        tensors |= {name: one for name, one in _open_file(path).items() if places.get(name) == shard}
    absent = sorted(set(places) - set(tensors))
    if absent:
        raise UserError(f"{index}: lists tensors that its shards lack: {', '.join(absent[:5])}. Copy the folder again.")
    return tensors


def _open_file(path: Path) -> dict[str, Stored]:
    with path.open("rb") as file:
        size = path.stat().st_size
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if size < _LENGTH_BYTES or not 0 < length <= min(_MAX_HEADER_BYTES, size - _LENGTH_BYTES):
            raise UserError(f"{path}: not a whole safetensors file ({size:,} bytes). Download or copy it again.")
        header = file.read(length)
        # A private mapping counts as writable, which torch asks for; its pages stay those of the file.
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    try:
        entries: dict[str, dict[str, Any]] = json.loads(header)
        entries.pop("__metadata__", None)
        data = _LENGTH_BYTES + length
        tensors = {
            name: Stored(
                name, path, mapped, data + one["data_offsets"][0], DTYPES[one["dtype"]], tuple(map(int, one["shape"]))
            )
            for name, one in entries.items()
        }
        stops = {name: data + int(one["data_offsets"][1]) for name, one in entries.items()}
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise UserError(f"{path}: its header cannot be read ({type(error).__name__}: {error}).") from error
    for name, one in tensors.items():
        if not data <= one.start <= stops[name] <= size or stops[name] - one.start != one.num_bytes:
            raise UserError(
                f"{path}: {name} should fill bytes {one.start:,} to {one.start + one.num_bytes:,} of a file of"
                f" {size:,}: it is cut or damaged. Download or copy it again."
            )
    return tensors
