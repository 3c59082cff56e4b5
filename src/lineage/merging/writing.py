"""Safetensors files that are laid out first and filled in any order, by several threads."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from lineage.merging.reading import DTYPE_NAMES, INDEX, WHOLE

_ALIGNMENT_BYTES = 8


@dataclass(frozen=True)
class Outline:
    """A tensor that is going to be written."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    num_bytes: int


class WeightsWriter:
    """The weights of one folder: headers first, then the tensors piece by piece.

    The bytes are a function of outlines and contents alone, whatever the order and number of writes. Space is taken
    when the files are opened, so that a full disk is met
    before any work.
    """

    def __init__(self, folder: Path, outlines: Sequence[Outline], *, shard_bytes: int):
        shards = _shards(outlines, shard_bytes)
        self._place: dict[str, tuple[int, int]] = {}
        """{name: (file descriptor, first byte)}"""
        self._descriptors: list[int] = []
        try:
            for number, shard in enumerate(shards, 1):
                name = WHOLE if len(shards) == 1 else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
                self._open(folder / name, shard)
        except BaseException:
            self.close()
            raise
        if len(shards) > 1:
            _write_index(folder / INDEX, shards)

    def _open(self, path: Path, shard: Sequence[Outline]) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        self._descriptors.append(descriptor)
        header = _header(shard)
        position = len(header)
        for one in shard:
            self._place[one.name] = (descriptor, position)
            position += one.num_bytes
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, position)
        else:  # macOS
            os.truncate(descriptor, position)
        _write_all(descriptor, memoryview(header), 0)

    def write(self, name: str, first_byte: int, data: torch.Tensor) -> None:
        """Writes `data` (contiguous, in the tensor's own type) from byte `first_byte` of tensor `name`."""
        descriptor, start = self._place[name]
        if data.numel():
            content = data.reshape(-1).view(torch.uint8).numpy()
            _write_all(descriptor, content.data, start + first_byte)

    def close(self) -> None:
        """Closes the files."""
        while self._descriptors:
            os.close(self._descriptors.pop())


def _shards(outlines: Sequence[Outline], shard_bytes: int) -> list[list[Outline]]:
    """Outlines in their order, cut before each one that would make its file larger than `shard_bytes`."""
    shards: list[list[Outline]] = [[]]
    filled = 0
    for one in outlines:
        if shards[-1] and filled + one.num_bytes > shard_bytes:
            shards.append([])
            filled = 0
        shards[-1].append(one)
        filled += one.num_bytes
    return shards


def _header(shard: Sequence[Outline]) -> bytes:
    fields: dict[str, object] = {"__metadata__": {"format": "pt"}}
    position = 0
    for one in shard:
        offsets = [position, position + one.num_bytes]
        fields[one.name] = {"dtype": DTYPE_NAMES[one.dtype], "shape": list(one.shape), "data_offsets": offsets}
        position += one.num_bytes
    text = json.dumps(fields, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT_BYTES)
    return len(text).to_bytes(8, "little") + text


def _write_index(path: Path, shards: Sequence[Sequence[Outline]]) -> None:
    places = {
        one.name: f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        for number, shard in enumerate(shards, 1)
        for one in shard
    }
    total = sum(one.num_bytes for shard in shards for one in shard)
    fields = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
    path.write_text(json.dumps(fields, indent=2) + "\n")


def _write_all(descriptor: int, content: memoryview, position: int) -> None:
    while len(content):
        written = os.pwrite(descriptor, content, position)
        content, position = content[written:], position + written
