"""The documentation builds with strict links, and the tutorial's commands run as they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.workflow.conftest import REPOSITORY

TUTORIAL = REPOSITORY / "docs" / "tutorial.md"
BLOCKS = re.findall(r"^```bash(?P<note>[^\n]*)\n(?P<commands>.*?)^```$", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)


def test_the_site_builds_with_strict_links(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert (tmp_path / "site" / "tutorial.html").is_file()


def test_the_tutorials_commands_run_as_written(smoke: Path, tmp_path: Path) -> None:
    assert len(BLOCKS) >= 7
    work = tmp_path / "work"
    shutil.copytree(smoke, work, symlinks=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for note, commands in BLOCKS:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands], cwd=work, env={**os.environ, "PATH": path, "NO_COLOR": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode != 0) == (note.strip() == "fails"), f"{commands}\n{done.stdout[-3000:]}"
        if note.strip() == "fails":
            assert "Did you mean" in done.stdout
