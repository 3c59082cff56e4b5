"""`lineage merge`, as a user runs it."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from lineage.artifact import file_sha256
from lineage.cli.merge import unique_names
from tests.cli.conftest import call
from tests.merging.building import WORDS, llama, llava, rewrite, weights_of


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three Llamas, `base`, `a` and `b`, and a LLaVA `seeing`; names of this folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for seed, name in enumerate(("base", "a", "b")):
        llama(tmp_path / name, seed=seed)
    llava(tmp_path / "seeing", seed=3)
    return tmp_path


def refusal(*arguments: str) -> str:
    """The message of a call that ends with exit code 2 and leaves nothing."""
    result = call("merge", *arguments)
    assert result.exit_code == 2, result.output
    assert not Path("out").exists() and not Path("out.partial").exists()
    assert result.stderr.startswith("lineage: ")
    return result.stderr


def rows(*arguments: str) -> list[dict[str, Any]]:
    result = call("merge", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_two_language_models() -> None:
    result = call("merge", "a", "b", "--weights", "0.25,0.75", "--out", "out")
    assert result.exit_code == 0, result.output
    assert "like a; 30 tensors computed" in result.stdout
    assert "30/30" in result.stdout and "100%" in result.stdout
    assert "merging 30/30 tensors" in result.stderr
    found, first, second = (weights_of(Path(name)) for name in ("out", "a", "b"))
    assert all(torch.allclose(found[name], 0.25 * first[name] + 0.75 * second[name], atol=1e-6) for name in found)
    told = json.loads(Path("out/merge.json").read_text())
    assert told["parents"]["a"]["sha256"]["model.safetensors"] == file_sha256(Path("a/model.safetensors"))


def test_as_json() -> None:
    [row] = rows("b", "seeing", "--weights", "0.5,0.5", "--out", "out")
    assert row["like"] == "seeing"
    assert row["weights"] == {"b": 0.5, "seeing": 0.5}
    assert row["coverage"]["b"]["layout"] == "llama" and row["coverage"]["b"]["tensors_matched"] == 30
    assert row["rows"] == {"shared": 20, "kept": ["<image>", "<pad>"], "dropped": {"b": []}}
    assert row["summary"] == {"computed": 30, "copied": {"seeing": 43}}
    assert row["out"] == "out"


def test_what_a_person_is_told_about_rows() -> None:
    llama(Path("other"), seed=5, words=[*WORDS, "new"])
    told = call("merge", "seeing", "other", "--out", "out").stdout
    assert "20 tokens are in all models; 2 only in seeing, kept: <image>, <pad>" in told
    assert "1 only in other, dropped: new" in told
    assert "43 copied from seeing" in told


@pytest.mark.parametrize(
    "options",
    [
        ["--method", "slerp"],
        ["--method", "slerp_delta", "--base", "base"],
        ["--method", "task_arithmetic", "--base", "base", "--scale", "0.5"],
        ["--method", "ties", "--base", "base", "--density", "0.2", "--trim", "model"],
        [
            "--method",
            "dare",
            "--base",
            "base",
            "--density",
            "0.2",
            "--rescale",
            "l1",
            "--election",
            "ties",
            "--seed",
            "3",
        ],
        ["--method", "linear", "--base", "base", "--random-delta", "b"],
    ],
)
def test_every_method(options: list[str]) -> None:
    [row] = rows("a", "b", *options, "--threads", "1", "--out", "out")
    assert row["summary"]["computed"] == 30
    spec = json.loads(Path("out/merge.json").read_text())["spec"]
    assert spec["method"] == options[1] == row["method"]


def test_a_dry_run_writes_nothing(place: Path) -> None:
    before = sorted(place.iterdir())
    result = call("merge", "a", "seeing", "--dry-run")
    assert result.exit_code == 0
    assert "would write" in result.stdout and "like seeing" in result.stdout
    assert sorted(place.iterdir()) == before
    [row] = rows("a", "b", "--dry-run")
    assert row["out"] is None and row["summary"] is None


def test_a_sweep() -> None:
    told = rows("a", "b", "--sweep", "0,0.25,1", "--out", "sweep")
    assert [row["out"] for row in told] == ["sweep/0", "sweep/0.25", "sweep/1"]
    weights = {name: Path(name, "model.safetensors").read_bytes() for name in ("a", "b", "sweep/0", "sweep/1")}
    assert weights["sweep/0"] == weights["b"] and weights["sweep/1"] == weights["a"]
    assert told[1]["weights"] == {"a": 0.25, "b": 0.75}


def test_a_spec_file() -> None:
    """Weights by layer, and an option of the command line over one of the file."""
    per_layer = "{layers: [0, 1], embedding: 0, norm: 1, head: 0.5}"
    Path("merge.yaml").write_text(
        f"method: linear\nseed: 3\nmodels:\n- {{name: x, weight: {per_layer}}}\n- {{name: y, weight: 0.5}}\n"
    )
    [row] = rows("a", "b", "--spec", "merge.yaml", "--seed", "4", "--out", "out")
    assert row["weights"]["x"]["layers"] == [0.0, 1.0]
    spec = json.loads(Path("out/merge.json").read_text())["spec"]
    assert spec["seed"] == 4 and [one["name"] for one in spec["models"]] == ["x", "y"]
    found, second = weights_of(Path("out")), weights_of(Path("b"))
    assert torch.equal(found["model.embed_tokens.weight"], second["model.embed_tokens.weight"])


def test_names_of_folders() -> None:
    assert unique_names([Path("x/model"), Path("y/model"), Path("z"), Path("u/model")]) == [
        "model", "model-2", "z", "model-3",
    ]  # fmt: skip


def test_outside_of_an_experiment_and_with_paths_from_elsewhere(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    result = call("merge", str(place / "a"), str(place / "b"), "--out", str(place / "deep" / "out"))
    assert result.exit_code == 0, result.output
    assert (place / "deep" / "out" / "merge.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a", "b"], "--out is missing"),
        (["a", "nowhere", "--out", "out"], "nowhere: no config.json, so no Hugging Face model folder"),
        (["a", "b", "--method", "tise", "--out", "out"], "method is 'tise'. Did you mean 'ties'?"),
        (["a", "b", "--method", "ties", "--base", "base", "--out", "out"], "ties needs a `density`, such as 0.5"),
        (["a", "b", "--method", "ties", "--density", "0.5", "--out", "out"], "no base is given"),
        (["a", "b", "--density", "0.5", "--out", "out"], "`density` goes with ties and dare, not with linear"),
        (["a", "b", "--base", "base", "--out", "out"], "linear uses no base"),
        (["a", "b", "--weights", "0.5", "--out", "out"], "--weights is '0.5': 1 numbers for 2 models"),
        (["a", "b", "--weights", "0.5;0.5", "--out", "out"], "must be numbers with commas between them"),
        (["a", "b", "--weights", "1,-1", "--out", "out"], "the weights 1, -1 sum to 0: linear divides by the sum"),
        (["a", "b", "--method", "slerp", "--weights", "0.5,0.6", "--out", "out"], "sum to 1.1: slerp needs two"),
        (["a", "b", "base", "--method", "slerp", "--out", "out"], "slerp goes from one model to another: two, not 3"),
        (["a", "b", "--weights", "nan,1", "--out", "out"], "must be a finite number"),
        (["a", "b", "--sweep", "0,1", "--weights", "1,1", "--out", "out"], "--sweep gives the weights"),
        (
            ["a", "b", "base", "--sweep", "0,1", "--out", "out"],
            "--sweep goes from one model to another: give two, not 3",
        ),
        (["a", "b", "--random-delta", "c", "--out", "out"], "--random-delta: 'c' is none of the models"),
        (["a", "b", "--spec", "none.yaml", "--out", "out"], "none.yaml: cannot be read as YAML"),
        (["a", "b", "--dtype", "int8", "--out", "out"], "dtype is 'int8'"),
        (
            ["a", "b", "--projector", "a", "--out", "out"],
            "projector is 'a', which is none of the vision-language models",
        ),
    ],
)
def test_mistakes(arguments: list[str], told: str) -> None:
    assert told in refusal(*arguments)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "merge.yaml: must be a mapping"),
        ("method: [", "merge.yaml: cannot be read as YAML"),
        ("methd: ties", "methd is no known key. Did you mean 'method'?"),
        ("models: [{name: x}]", "--spec lists 1 models, but 2 folders are given"),
    ],
)
def test_mistakes_in_a_spec_file(text: str, told: str) -> None:
    Path("merge.yaml").write_text(text)
    assert told in refusal("a", "b", "--spec", "merge.yaml", "--out", "out")


def test_weights_stand_in_one_place() -> None:
    Path("merge.yaml").write_text("models: [{name: x}, {name: y}]")
    told = refusal("a", "b", "--spec", "merge.yaml", "--weights", "1,1", "--out", "out")
    assert "--spec lists `models`, so their weights stand there" in told


def test_an_existing_folder_is_refused(place: Path) -> None:
    (place / "there").mkdir()
    result = call("merge", "a", "b", "--out", "there")
    assert result.exit_code == 2
    assert "there: exists already, and nothing is ever overwritten" in result.stderr
    assert list((place / "there").iterdir()) == []


def test_a_coverage_below_all_is_refused_before_weights_are_read() -> None:
    rewrite(Path("b"), {"model.layers.1.mlp.up_proj.weight": None})
    told = refusal("a", "b", "--out", "out")
    assert "b (layout llama): 29 of 30 language tensors matched (96.7%)" in told
    assert "missing: lm.layers.1.mlp.up_proj.weight" in told


def test_nothing_is_left_where_a_value_is_bad() -> None:
    rewrite(Path("b"), {"model.norm.weight": torch.full((16,), float("nan"))})
    assert "model.norm.weight of b holds values that are not finite" in refusal("a", "b", "--out", "out")


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    told = refusal("a", "b", "--out", "out")
    assert "out: the disk is full" in told and "Nothing is left of the result" in told


KILLED = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored
from lineage.cli.main import app
from lineage.merging import writing

write = writing.WeightsWriter.write
def slowly(self, *arguments):
    print("writing", flush=True)
    time.sleep(0.2)
    write(self, *arguments)
writing.WeightsWriter.write = slowly
sys.argv = ["lineage", "merge", "a", "b", "--threads", "1", "--out", "out"]
app()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_killed_while_writing(place: Path, number: signal.Signals) -> None:
    """No `out`; told to end, it also cleans up; after a kill -9 the next run does."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    process = subprocess.Popen([sys.executable, "-c", KILLED], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "writing\n"
    time.sleep(0.3)
    process.send_signal(number)
    process.wait(timeout=30)
    process.stdout.close()
    assert process.returncode != 0
    assert not (place / "out").exists()
    assert (place / "out.partial").exists() == (number == signal.SIGKILL)
    assert call("merge", "a", "b", "--out", "out").exit_code == 0
    assert not (place / "out.partial").exists()


def test_help_has_examples_and_needs_no_torch() -> None:
    told = call("merge", "--help").stdout
    assert "lineage merge math code --base llama --method ties --density 0.2 --out merged" in " ".join(told.split())
    program = "import sys, lineage.cli.main; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_transformers_is_not_imported_for_parents_that_state_the_same() -> None:
    """It takes longer than many a merge."""
    program = (
        "import sys; from lineage.cli.main import app; sys.argv = ['lineage', 'merge', 'a', 'b', '--out', 'out']\n"
        "try: app()\nexcept SystemExit: print('transformers' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False", done.stdout
