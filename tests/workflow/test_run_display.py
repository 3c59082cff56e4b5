"""`make run` shows bars on a terminal, and plain lines elsewhere."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Stands for an installed environment; its snakemake says how it was called."""
    folder = tmp_path / "environment"
    (folder / "bin").mkdir(parents=True)
    for name, text in (("python", "exit 1"), ("snakemake", 'echo "called: $*"; exit 3')):
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / "bin" / name).chmod(0o755)
    (folder / "installed-cpu").touch()
    return folder


def make_run(environment: Path, *, stderr: int) -> subprocess.CompletedProcess[str]:
    targets = "TARGETS=models --configfile a.yaml"
    command = ["make", "--no-print-directory", "run", f"VENV={environment}", "ENV=cpu", targets]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False)


def test_a_pipe_gets_plain_lines(environment: Path):
    done = make_run(environment, stderr=subprocess.PIPE)
    assert done.stdout == "called: models --configfile a.yaml\n"
    assert done.returncode == 2, "make says that its command failed"


def test_a_terminal_gets_bars_named_behind_the_targets(environment: Path):
    ours, theirs = pty.openpty()
    try:
        done = make_run(environment, stderr=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.stdout == "called: models --configfile a.yaml --logger rich\n"


@pytest.mark.slow
def test_the_bars_can_be_asked_for():
    snakemake = Path(sys.executable).with_name("snakemake")
    command = [snakemake, "-n", "data", "--configfile", "workflow/presets/smoke.yaml", "--logger", "rich"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Job stats" in done.stderr or "Nothing to be done" in done.stderr
    assert "\x1b[" not in done.stderr, "rich leaves colours out where there is no terminal"
