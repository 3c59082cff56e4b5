"""Safetensors files, read and written without the library, against the library."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lineage.errors import UserError
from lineage.merging.reading import INDEX, Stored, open_weights
from lineage.merging.writing import Outline, WeightsWriter

TENSORS = {
    "b": torch.arange(6, dtype=torch.bfloat16).view(2, 3),
    "a": torch.tensor([1.5, -2.5]),
    "empty": torch.empty(0, 4),
    "scalar": torch.tensor(7.0, dtype=torch.float16),
    "numbers": torch.tensor([1, 2**40]),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_file(TENSORS, tmp_path / "model.safetensors", metadata={"format": "pt"})
    return tmp_path


def value(stored: Stored) -> torch.Tensor:
    return stored.flat().view(stored.shape)


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as error:
        open_weights(folder)
    return str(error.value)


def outlines(tensors: dict[str, torch.Tensor]) -> list[Outline]:
    return [Outline(name, one.dtype, tuple(one.shape), one.nbytes) for name, one in tensors.items()]


def test_reads_what_the_library_wrote(folder: Path) -> None:
    found = open_weights(folder)
    assert set(found) == set(TENSORS)
    for name, expected in TENSORS.items():
        assert found[name].dtype == expected.dtype
        assert torch.equal(value(found[name]), expected)
        assert found[name].raw().numpy().tobytes() == expected.view(-1).view(torch.uint8).numpy().tobytes()


def test_reads_shards(tmp_path: Path) -> None:
    save_file({"a": TENSORS["a"]}, tmp_path / "model-00001-of-00002.safetensors")
    save_file({"b": TENSORS["b"], "stray": TENSORS["a"]}, tmp_path / "model-00002-of-00002.safetensors")
    places = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": places}))
    found = open_weights(tmp_path)
    assert set(found) == {"a", "b"}, "only what the index lists"
    assert torch.equal(value(found["b"]), TENSORS["b"])
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": places | {"c": places["a"]}}))
    assert "lists tensors that its shards lack: c" in refusal(tmp_path)
    (tmp_path / places["b"]).unlink()
    assert f"{tmp_path / places['b']}: is in {INDEX}, but not in the folder" in refusal(tmp_path)


def test_a_shard_outside_of_the_folder(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / INDEX).write_text(json.dumps({"weight_map": {"a": "../model.safetensors"}}))
    assert "not in the folder" in refusal(folder / "inner")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"weight_map": 3}'])
def test_a_damaged_index(tmp_path: Path, text: str) -> None:
    (tmp_path / INDEX).write_text(text)
    assert f"{tmp_path / INDEX}: not an index of shards" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "consolidated.00.pth", "last.ckpt"])
def test_pickled_weights_only(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"never read")
    told = refusal(tmp_path)
    assert f"{tmp_path}: only pickled weights ({name}), which can run code when opened" in told
    assert "save_pretrained(new)" in told


def test_an_adapter_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    assert "an adapter, not a whole model" in refusal(tmp_path)
    assert "merge_and_unload()" in refusal(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    assert "so no model weights" in refusal(tmp_path)


def test_a_cut_file(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for length in (0, 5, 8, 40):
        path.write_bytes(whole[:length])
        assert "not a whole safetensors file" in refusal(folder)
    path.write_bytes(whole[:-1])
    assert "is cut or damaged" in refusal(folder)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]},
        {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]},
        {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": 2, "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2]},
        [],
    ],
)
def test_a_header_that_lies(tmp_path: Path, entry: object) -> None:
    header = json.dumps({"a": entry}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    assert str(tmp_path / "model.safetensors") in refusal(tmp_path)


def test_the_library_reads_what_is_written(tmp_path: Path) -> None:
    """In any order, piece by piece."""
    writer = WeightsWriter(tmp_path, outlines(TENSORS), shard_bytes=10**9)
    writer.write("scalar", 0, TENSORS["scalar"])
    writer.write("b", 6, TENSORS["b"][1])
    writer.write("numbers", 0, TENSORS["numbers"])
    writer.write("b", 0, TENSORS["b"][0])
    writer.write("a", 0, TENSORS["a"])
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    found = load_file(tmp_path / "model.safetensors")
    assert set(found) == set(TENSORS)
    assert all(torch.equal(found[name], one) and found[name].dtype == one.dtype for name, one in TENSORS.items())
    with safe_open(tmp_path / "model.safetensors", "pt") as opened:
        assert opened.metadata() == {"format": "pt"}


def test_shards_are_cut_before_they_grow_too_large(tmp_path: Path) -> None:
    tensors = {
        name: torch.full((size,), size, dtype=torch.uint8) for name, size in zip("abcd", (6, 4, 5, 20), strict=True)
    }
    writer = WeightsWriter(tmp_path, outlines(tensors), shard_bytes=10)
    for name, one in tensors.items():
        writer.write(name, 0, one)
    writer.close()
    index = json.loads((tmp_path / INDEX).read_text())
    shards = [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]
    assert index == {
        "metadata": {"total_size": 35},
        "weight_map": {"a": shards[0], "b": shards[0], "c": shards[1], "d": shards[2]},
    }
    found = open_weights(tmp_path)
    assert all(torch.equal(value(found[name]), one) for name, one in tensors.items())


def test_a_full_disk_is_met_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="No space left"):
        WeightsWriter(tmp_path, outlines(TENSORS), shard_bytes=100)
    assert len(list(Path("/proc/self/fd").iterdir())) == before, "the file is closed"


def test_the_kernel_may_write_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, content, place: pwrite(file, content[:5], place))
    writer = WeightsWriter(tmp_path, outlines(TENSORS), shard_bytes=10**9)
    for name, one in TENSORS.items():
        writer.write(name, 0, one)
    writer.close()
    assert torch.equal(load_file(tmp_path / "model.safetensors")["numbers"], TENSORS["numbers"])
