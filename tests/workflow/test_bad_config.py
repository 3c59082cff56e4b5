"""What a user who made a mistake in the config sees from `snakemake` itself: place, value, remedy, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflow.conftest import SMOKE, copy_workflow, run_snakemake

MISTAKES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "misspelt key": ({"world": {"peple": 3}}, ["mistake.yaml: world.peple", "Did you mean 'people'?", "allowed: "]),
    "unknown parent": (
        {"models": {"late": {"start": "bsae@8"}}},
        ["mistake.yaml: models.late.start", "'bsae", "Did you mean 'base'?", "models: base, late"],
    ),
    "cycle": (
        {"models": {"base": {"architecture": None, "start": "late"}, "late": {"start": "base"}}},
        ["mistake.yaml: models.base.start", "cycle", "base -> late -> base"],
    ),
    "undeclared checkpoint": (
        {"models": {"late": {"start": "base@9"}}},
        ["mistake.yaml: models.late.start", "'base@9'", "add 9 to models.base.checkpoints", "base@8, base@24"],
    ),
    "missing data file": (
        {"documents": {"notes": {"path": "notes/nowhere"}}},
        ["documents.notes", "notes/nowhere: no such file or folder", "data_root"],
    ),
    "not a number": ({"models": {"base": {"steps": "lots"}}}, ["mistake.yaml: models.base.steps", "'lots'", "number"]),
}
"""Overlay with the mistake, what the message must hold."""

SNAKEMAKES_OWN = ("Using workflow specific profile ", "Config file config.yaml is extended by ")
"""Lines that Snakemake writes before it reads the Snakefile."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_workflow(tmp_path_factory.mktemp("bad_config") / "clone")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_message_and_builds_nothing(clone: Path, name: str) -> None:
    mistake, expected = MISTAKES[name]
    (clone / "mistake.yaml").write_text(yaml.safe_dump(mistake))
    done = run_snakemake(clone, config=(SMOKE, "mistake.yaml"))
    assert done.returncode != 0
    assert [part for part in expected if part not in done.stdout] == [], done.stdout
    assert_reads_well(done.stdout)
    assert not any((clone / built).exists() for built in ("results", "logs", "benchmarks"))


def assert_reads_well(output: str) -> None:
    """Nothing of the machinery: no traceback, no exception name, no line of a Snakefile, no message twice."""
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith(SNAKEMAKES_OWN)]
    assert lines[0].startswith("lineage: "), output
    assert not re.search(r"Traceback|Error\b|Exception|\.smk|File \"|Snakefile", "\n".join(lines)), output
    assert len(set(lines)) == len(lines), output
    assert len(lines) <= 6, output


def test_the_target_of_a_study_that_is_left_out_is_one_clear_message(clone: Path) -> None:
    (clone / "mistake.yaml").write_text(yaml.safe_dump({"knowledge": None}))
    done = run_snakemake(clone, "knowledge", config=(SMOKE, "mistake.yaml"))
    assert done.returncode != 0
    assert "lineage: analysis/knowledge is no part of this experiment, because `knowledge` is null" in done.stdout
    assert "Nothing was built." in done.stdout
    assert not re.search(r"Traceback|Error\b|Exception|\.smk", done.stdout), done.stdout
    assert not any((clone / built).exists() for built in ("results", "logs", "benchmarks"))
    assert run_snakemake(clone, "-n", config=(SMOKE, "mistake.yaml")).returncode == 0, "and all the rest is built"


def test_two_mistakes_are_told_at_once(clone: Path) -> None:
    (clone / "mistake.yaml").write_text(yaml.safe_dump({"world": {"peple": 3}, "models": {"base": {"steps": "lots"}}}))
    done = run_snakemake(clone, "-n", config=(SMOKE, "mistake.yaml"))
    assert done.returncode != 0
    assert "world.peple" in done.stdout and "models.base.steps" in done.stdout, done.stdout


def test_a_mistake_in_config_yaml_itself_names_that_file(clone: Path) -> None:
    before = (clone / "config.yaml").read_text()
    (clone / "config.yaml").write_text(before + "\nsed: 3\n")
    try:
        done = run_snakemake(clone, "-n", config=(SMOKE,))
    finally:
        (clone / "config.yaml").write_text(before)
    assert done.returncode != 0
    assert "config.yaml: sed" in done.stdout, done.stdout
    assert_reads_well(done.stdout)
