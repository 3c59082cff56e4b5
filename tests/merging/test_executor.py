"""How a merge is carried out: threads, pieces, shards, memory, and what is left when it fails."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lineage.errors import UserError
from lineage.merging import chunks
from lineage.merging.folder import new_folder
from tests.merging.building import WORDS, llama, llava, merged, rewrite, weights_of
from tests.merging.test_merge import METHODS, options, same

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def parents(tmp_path: Path) -> tuple[Path, Path, Path]:
    """base, a, b; the rows of b stand in another order."""
    base, first = (llama(tmp_path / name, seed=seed) for name, seed in (("base", 0), ("a", 1)))
    return base, first, llama(tmp_path / "b", seed=2, words=[*reversed(WORDS)])


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("label", METHODS)
def test_threads_and_repetition_change_no_byte(tmp_path: Path, parents: tuple[Path, ...], label: str) -> None:
    """Of no file: merge.json too."""
    base, *models = parents
    made = [
        files(merged(tmp_path / f"out{number}", models, threads=threads, **options(label, base)))
        for number, threads in enumerate([1, 4, 4])
    ]
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("label", METHODS)
def test_shards_change_no_byte(tmp_path: Path, parents: tuple[Path, ...], label: str) -> None:
    """Neither the parents' nor the result's."""
    base, *models = parents
    whole = merged(tmp_path / "whole", models, **options(label, base))
    for one in parents:
        shard(one, 3)
    assert not (models[0] / "model.safetensors").exists()
    again = merged(tmp_path / "again", models, **options(label, base))
    assert (again / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    parts = merged(tmp_path / "parts", models, shard_bytes=4000, **options(label, base))
    assert len(list(parts.glob("model-*.safetensors"))) > 2
    assert same(weights_of(parts), weights_of(whole))
    index = json.loads((parts / "model.safetensors.index.json").read_text())["weight_map"]
    assert set(index) == set(weights_of(whole))


def shard(folder: Path, count: int) -> None:
    """Deals the tensors of a folder out to `count` files."""
    weights = weights_of(folder)
    (folder / "model.safetensors").unlink()
    places = {name: f"model-{index % count}.safetensors" for index, name in enumerate(sorted(weights))}
    for place in set(places.values()):
        save_file({name: one for name, one in weights.items() if places[name] == place}, folder / place)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


@pytest.mark.parametrize("label", METHODS)
def test_pieces_change_no_value(
    tmp_path: Path, parents: tuple[Path, ...], label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the last bits of sums over a tensor. Tiny pieces: thresholds, masks and ties cross their borders."""
    base, *models = parents
    whole = weights_of(merged(tmp_path / "whole", models, **options(label, base)))
    monkeypatch.setattr(chunks, "CHUNK_ELEMENTS", 37)
    pieces = weights_of(merged(tmp_path / "pieces", models, **options(label, base)))
    exact = "slerp" not in label and "election" not in label
    for name, tensor in whole.items():
        assert torch.equal(pieces[name], tensor) if exact else torch.allclose(pieces[name], tensor, atol=1e-6), name


def test_random_choices_depend_on_names_not_on_company(tmp_path: Path) -> None:
    """A third model, and another order, leave the masks of the first two as they were."""
    base = llama(tmp_path / "base", seed=0)
    a, b, c = (llama(tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 2), ("c", 3)))
    given: dict[str, Any] = {"method": "dare", "density": 0.5, "base": base}
    two = weights_of(merged(tmp_path / "two", [a, b], weights=[1.0, 1.0], **given))
    three = weights_of(merged(tmp_path / "three", [c, b, a], weights=[0.0, 1.0, 1.0], **given))
    assert all(torch.allclose(two[name], three[name], atol=1e-5) for name in two)
    other = weights_of(merged(tmp_path / "other", [a, b], weights=[1.0, 1.0], seed=1, **given))
    assert not same(two, other)


PROGRAM = """
import sys, threading, time
from pathlib import Path
from lineage.config.merging import Merge
from lineage.merging.folder import write_merge
from lineage.merging.plan import make_plan

def anonymous():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon"))

folder, method = Path(sys.argv[1]), sys.argv[2]
fields = {"density": 0.5} if method == "ties" else {}
config = Merge.model_validate({"method": method, "models": [{"name": "a"}, {"name": "b"}], "rows": "id", **fields})
plan = make_plan(config, [folder / "a", folder / "b"], folder / "base" if method == "ties" else None)
before, peak, done = anonymous(), 0, threading.Event()

def look():
    global peak
    while not done.is_set():
        peak = max(peak, anonymous())
        time.sleep(0.001)

watch = threading.Thread(target=look)
watch.start()
(folder / f"out_{method}").mkdir()
write_merge(plan, folder / f"out_{method}", threads=2, digest=lambda path: "")
done.set()
watch.join()
print(peak - before)
"""


@pytest.mark.parametrize("method", ["linear", "ties"])
def test_peak_memory_does_not_grow_with_the_number_of_tensors(tmp_path: Path, method: str) -> None:
    """Anonymous memory over that of the plan, with 3 and with 12 layers; one model of those has 90 MB in float32."""
    peaks = []
    for layers in (3, 12):
        folder = tmp_path / str(layers)
        for seed, name in enumerate(("base", "a", "b")):
            sizes = {"hidden_size": 512, "intermediate_size": 512, "num_hidden_layers": layers}
            llama(folder / name, seed=seed, dtype=torch.bfloat16, **sizes)
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
        command = [sys.executable, "-c", PROGRAM, str(folder), method]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) * 1024)
    assert peaks[1] < peaks[0] + 12e6, peaks
    assert peaks[1] < 50e6, peaks


# --- failures


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path / "deep" / "out") as folder:
        (folder / "x").write_text("x")
        assert leftovers(tmp_path / "deep") == ["out.partial"]
    assert leftovers(tmp_path / "deep") == ["out"]
    assert (tmp_path / "deep" / "out" / "x").read_text() == "x"


@pytest.mark.parametrize(
    "error", [UserError("bad"), KeyboardInterrupt(), SystemExit(143), OSError(errno.ENOSPC, "full")]
)
def test_nothing_is_left_after_an_error(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), new_folder(tmp_path / "out") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "x").write_text("x")
        raise error
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("kind", ["folder", "file", "dead link"])
def test_what_exists_is_never_overwritten(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    if kind == "folder":
        out.mkdir()
    elif kind == "file":
        out.write_text("mine")
    else:
        out.symlink_to("nowhere")
    with pytest.raises(UserError, match=f"{out}: exists already"), new_folder(out):
        raise AssertionError
    with pytest.raises(UserError, match="exists already"), new_folder(tmp_path / "late"):
        (tmp_path / "late").mkdir()
    assert leftovers(tmp_path) == ["late", "out"]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "out.partial" / "inner").mkdir(parents=True)
    (tmp_path / "out.partial" / "model.safetensors").write_bytes(b"half")
    with new_folder(tmp_path / "out") as folder:
        assert leftovers(folder) == []
    assert leftovers(tmp_path / "out") == []


def test_two_writers(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as folder:
        (folder / "x").write_text("x")
        with pytest.raises(UserError, match="another process is writing it"), new_folder(tmp_path / "out"):
            raise AssertionError
        assert leftovers(folder) == ["x"], "the first is not disturbed"
    assert leftovers(tmp_path) == ["out"]


def test_a_disk_that_fills_up_while_writing(
    tmp_path: Path, parents: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error comes through, all threads end, and files are closed."""
    pwrite, written = os.pwrite, [0]

    def until_full(file: int, content: memoryview, place: int) -> int:
        written[0] += len(content)
        if written[0] > 8000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(file, content, place)

    monkeypatch.setattr(os, "pwrite", until_full)
    threads, open_files = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="No space left"), new_folder(tmp_path / "out") as folder:
        merged(folder / "inner", [parents[1], parents[2]])
    assert threading.active_count() == threads
    assert len(list(Path("/proc/self/fd").iterdir())) <= open_files + len(parents)  # mapped parents are let go later
    assert "out" not in leftovers(tmp_path) and "out.partial" not in leftovers(tmp_path)


def test_threads_of_torch_are_left_as_they_were(tmp_path: Path, parents: tuple[Path, ...]) -> None:
    before = torch.get_num_threads()
    merged(tmp_path / "out", list(parents[1:]), threads=3)
    assert torch.get_num_threads() == before


def test_a_bad_value_stops_the_other_threads(tmp_path: Path, parents: tuple[Path, ...]) -> None:
    rewrite(parents[2], {"model.norm.weight": torch.full((16,), float("nan"))})
    with pytest.raises(UserError, match="not finite"):
        merged(tmp_path / "out", list(parents[1:]), threads=4)
    assert threading.active_count() < 10


def test_many_parents_of_mixed_kinds(tmp_path: Path) -> None:
    """Two that see, one that does not, in three layouts and two types; equal weights."""
    folders = [
        llava(tmp_path / "x", seed=1, layout="llava_original", dtype=torch.bfloat16),
        llama(tmp_path / "y", seed=2),
        llava(tmp_path / "z", seed=3, layout="llava_memory", dtype=torch.bfloat16),
    ]
    out = merged(tmp_path / "out", folders)
    found = weights_of(out)["language_model.model.norm.weight"]
    names = ("model.norm.weight", "model.norm.weight", "model.language_model.norm.weight")
    values = [weights_of(folder)[name].float() for folder, name in zip(folders, names, strict=True)]
    assert found.dtype == torch.bfloat16
    assert torch.allclose(found.float(), sum(values) / 3, rtol=2**-8)
