"""`lineage watch`: jobs that run, from their locks and logs."""

import fcntl
import io
import os
import platform
import time
from pathlib import Path

import pytest

from lineage.cli.watch import LINE
from lineage.progress import Progress
from tests.cli.building import Workspace
from tests.cli.conftest import ask, call

JOB = "models/base@4"
LOG = Path("logs/tiny/models/base@4.log")


def sign(workspace: Workspace, text: str, job: str = JOB) -> Path:
    """A lock that says who holds it."""
    lock = workspace.root / "state" / f"{job}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(text)
    return lock


def log(text: str) -> None:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    LOG.write_text(text)


@pytest.mark.parametrize(("total", "unit"), [(900, "steps"), (None, "queries"), (12_000, "clusters of tokens")])
@pytest.mark.parametrize("note", ["", "loss 3.210, 9,800 tokens/s"])
def test_every_line_of_progress_is_read(total: int | None, unit: str, note: str):
    progress = Progress("training a part", total=total, unit=unit, stream=io.StringIO())
    progress.advance(120, note=note)
    found = LINE.match(progress.line())
    assert found is not None
    assert (found["task"], found["done"], found["unit"]) == ("training a part", "120", unit)
    assert found["total"] == (f"{total:,}" if total else None)
    assert found["rest"].endswith(note)


def test_the_last_line_of_progress_is_shown_live(built: Workspace):
    sign(built, f"{os.getpid()} on {platform.node()}")
    log(
        "training 1/4 steps, 9.0 steps/s, 1 s left, loss 9.000, 1,000 tokens/s\n"
        "training 3/4 steps, 2.0 steps/s, 5 s left, loss 2.500, 1,234 tokens/s\na warning\n"
    )
    found = ask("watch")
    assert (found["whole"], found["planned"]) == (len(built.plan), len(built.plan))
    [job] = found["running"]
    assert {key: job[key] for key in ("artifact", "stage", "done", "rate", "left", "note")} == {
        "artifact": JOB,
        "stage": "pretrain",
        "done": "3/4 steps",
        "rate": "2.0 steps/s",
        "left": "5 s",
        "note": "loss 2.500, 1,234 tokens/s",
    }
    assert 0 <= job["seconds"] < 60
    shown = call("watch").stdout
    assert "loss 2.500" in shown and "9.000" not in shown and "\x1b" not in shown


def test_work_without_a_log_or_an_end_is_shown_too(built: Workspace):
    sign(built, f"{os.getpid()} on {platform.node()}")
    assert ask("watch")["running"][0]["done"] == ""
    log("searching 7 queries, 2.0 queries/s, 4 s\n")
    [job] = ask("watch")["running"]
    assert (job["done"], job["left"], job["note"]) == ("7 queries", "", "")


def test_dead_processes_and_torn_locks_do_not_run(built: Workspace):
    sign(built, f"{2**22 + 1} on {platform.node()}")
    sign(built, "", "data/world")
    assert ask("watch")["running"] == []


def test_a_later_process_of_the_same_number_is_another(built: Workspace):
    lock = sign(built, f"{os.getpid()} on {platform.node()}")
    long_ago = time.time() - 1e6
    os.utime(lock, (long_ago, long_ago))
    assert ask("watch")["running"] == []


def test_another_machine_counts_as_running(built: Workspace):
    sign(built, "1 on another-node")
    assert ask("watch")["running"][0]["process"] == "1 on another-node"


def test_watching_takes_no_lock(built: Workspace, monkeypatch: pytest.MonkeyPatch):
    """A stage that starts in that moment would find its lock taken, and fail."""
    sign(built, f"{os.getpid()} on {platform.node()}")
    taken = []
    monkeypatch.setattr(fcntl, "flock", lambda *given: taken.append(given))
    call("watch")
    assert taken == []


def test_an_artifact_that_is_missing_is_counted(built: Workspace):
    (built.root / JOB / "manifest.json").unlink()
    found = ask("watch")
    assert (found["whole"], found["planned"]) == (len(built.plan) - 1, len(built.plan))
    assert f"{len(built.plan) - 1} of {len(built.plan)} artifacts" in call("watch").stdout
