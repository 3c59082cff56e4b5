"""A workspace with a built experiment, and a way to call the command line in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lineage.cli import staleness
from lineage.cli.main import app
from tests.cli.building import Workspace, code_of


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """config.yaml and a data folder; nothing is built yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(staleness, "code_of_stage", code_of)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("a note")
    workspace = Workspace(tmp_path)
    workspace.write_config()
    return workspace


@pytest.fixture
def built(workspace: Workspace) -> Workspace:
    """The same with every artifact built and nothing stale."""
    workspace.build()
    return workspace


def call(*arguments: str, stdin: str | None = None) -> Result:
    """Runs `lineage ARGUMENTS`; a defect (any exception but an exit) is raised."""
    result = CliRunner().invoke(app, list(arguments), input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def ask(*arguments: str) -> Any:
    """What `lineage ARGUMENTS --json` prints."""
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)
