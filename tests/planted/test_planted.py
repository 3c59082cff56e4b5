"""Each planted bug makes its test fail: a copy of the package with one line changed stands first on the path."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.planted import (
    answers,
    conversations,
    decoding,
    generative,
    judging,
    knowledge,
    layers,
    merging,
    reading,
    report,
    retrieval,
    safety,
    table,
    tuning,
)
from tests.planted.bug import Bug

REPOSITORY = Path(__file__).parents[2]
MODULES = (
    table,
    answers,
    knowledge,
    conversations,
    merging,
    layers,
    report,
    retrieval,
    safety,
    decoding,
    generative,
    reading,
    tuning,
    judging,
)
BUGS = [bug for module in MODULES for bug in module.BUGS]
SOURCE = REPOSITORY / "src" / "lineage"
NO_TESTS_FAILED, SOME_TESTS_FAILED = 0, 1
"""Exit codes of pytest; the others mean that it could not run the test at all."""


def run_tests(source: Path, tests: list[str]) -> subprocess.CompletedProcess[str]:
    """pytest on these tests, with the package from `source`."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
    path = os.pathsep.join([str(source), str(REPOSITORY)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


def copy_of_package(folder: Path) -> Path:
    shutil.copytree(SOURCE, folder / "lineage", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name.replace(" ", "-") for bug in BUGS])
def test_every_bug_can_be_planted(bug: Bug) -> None:
    """Quick, so that whoever changes a line finds the table out of date at once."""
    assert (SOURCE / bug.file).read_text().count(bug.old) == 1, f"{bug.file} has changed: bring the table up to date"


@pytest.mark.slow
def test_the_tests_pass_without_a_bug(tmp_path: Path) -> None:
    finished = run_tests(copy_of_package(tmp_path), sorted({bug.test for bug in BUGS}))
    assert finished.returncode == NO_TESTS_FAILED, finished.stdout[-4000:]


@pytest.mark.slow
def test_the_copy_is_what_is_imported(tmp_path: Path) -> None:
    copy = copy_of_package(tmp_path)
    program = "import lineage; print(lineage.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS, ids=[bug.name.replace(" ", "-") for bug in BUGS])
def test_a_planted_bug_is_noticed(bug: Bug, tmp_path: Path) -> None:
    file = copy_of_package(tmp_path) / "lineage" / bug.file
    text = file.read_text()
    file.write_text(text.replace(bug.old, bug.new))
    if file.suffix == ".py":
        compile(file.read_text(), str(file), "exec")
    finished = run_tests(tmp_path, [bug.test])
    assert finished.returncode == SOME_TESTS_FAILED, f"{bug.test} does not notice it:\n{finished.stdout[-2000:]}"
    assert "error during collection" not in finished.stdout
    assert "ImportError" not in finished.stdout
