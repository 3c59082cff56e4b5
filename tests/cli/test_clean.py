"""`lineage clean`: what goes, what stays, and never what a live process writes."""

import fcntl
import json
from pathlib import Path

import pytest

from lineage.cli import staleness
from lineage.cli.leftovers import find_leftovers, remove
from lineage.cli.project import open_project
from tests.cli.building import Workspace
from tests.cli.conftest import ask, call


def leftovers(*arguments: str) -> dict[str, str]:
    """Reasons by path below the experiment."""
    found = ask("clean", *arguments)["leftovers"]
    return {str(Path(one["path"]).relative_to("results/tiny")): one["reason"] for one in found}


def current_fingerprint(name: str) -> str:
    project = open_project(None, None, None, None)
    fingerprint = staleness.fingerprint(project, project.plan[name], staleness.judge(project))
    assert fingerprint is not None
    return fingerprint


def write(path: Path, content: str = "12345") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_a_clean_tree_has_nothing_to_clean(built: Workspace):
    assert leftovers() == {}
    assert "nothing to clean" in call("clean").stdout


def test_half_written_folders_are_listed_and_go_only_with_yes(built: Workspace):
    half = write(built.root / "models" / "base@2.partial" / "model.safetensors")
    lost = write(built.root / "models" / "lost" / "deep" / "file.bin")
    answer = ask("clean")
    assert (answer["removed"], answer["bytes"]) == (False, 10)
    assert half.exists() and lost.exists()
    assert leftovers() == {
        "models/base@2.partial": "half-written: its job was stopped",
        "models/lost": "no manifest: never finished",
    }
    assert "Removed 2, freed 10 B." in call("clean", "--yes").stdout
    assert not half.exists() and not lost.exists()
    assert (built.root / "models" / "base@2" / "manifest.json").is_file()
    assert leftovers() == {}


def test_folders_of_the_user_beside_the_artifacts_are_not_looked_at(built: Workspace):
    notes = write(built.root / "my_notes" / "thoughts.txt")
    log = write(built.root / "trackers" / "base" / "events")
    call("clean", "--yes")
    assert notes.exists() and log.exists()


def test_state_stays_as_long_as_the_next_run_would_use_it(built: Workspace):
    state = built.root / "state" / "models" / "base@2"
    used = write(state / current_fingerprint("models/base@2") / "state.safetensors")
    outdated = write(state / ("0" * 16) / "state.safetensors")
    assert leftovers() == {f"state/models/base@2/{'0' * 16}": "resume state of another spec, code or input"}
    assert call("clean", "--yes").exit_code == 0
    assert used.exists() and not outdated.exists()
    built.write_config(lambda config: config["models"]["base"].update(steps=5))
    assert list(leftovers()) == [str(used.parent.relative_to(built.root))]


def test_state_stays_while_its_inputs_are_not_built(built: Workspace):
    state = write(built.root / "state" / "models" / "base@2" / ("0" * 16) / "state.safetensors")
    (built.root / "tokenizers" / "main" / "manifest.json").unlink()
    assert not any(path.startswith("state/") for path in leftovers())
    (built.folder / "config.yaml").unlink()
    assert not any(path.startswith("state/") for path in leftovers())
    assert state.exists()


def test_state_and_locks_of_dropped_artifacts_go(built: Workspace):
    write(built.root / "state" / "models" / "gone@5" / ("a" * 16) / "state.safetensors")
    write(built.root / "state" / "models" / "gone@5.lock", "1 on host")
    kept = write(built.root / "state" / "models" / "base@2.lock", "1 on host")
    assert set(leftovers()) == {f"state/models/gone@5/{'a' * 16}", "state/models/gone@5.lock"}
    call("clean", "--yes")
    assert not (built.root / "state" / "models" / "gone@5").exists()
    assert not (built.root / "state" / "models" / "gone@5.lock").exists()
    assert kept.exists()


def test_whole_artifacts_go_only_when_asked_for_and_only_dropped_ones(built: Workspace):
    built.write_config(lambda config: config.pop("scores"))
    assert leftovers() == {}
    assert set(leftovers("--unreferenced")) == {"scores/base@2/language", "scores/base@4/language"}
    call("clean", "--unreferenced", "--yes")
    assert not (built.root / "scores").exists()
    assert len(ask("runs")) == len(built.plan)


def test_unreferenced_needs_the_config(built: Workspace):
    (built.folder / "config.yaml").unlink()
    assert call("clean", "--unreferenced").exit_code == 2


@pytest.mark.parametrize("victim", ["models/base@2.partial", "state/models/base@2/0000000000000000", "models/base@2"])
def test_what_a_live_process_writes_is_never_touched(built: Workspace, victim: str):
    if victim == "models/base@2":
        (built.root / victim / "manifest.json").unlink()
    file = write(built.root / victim / "model.safetensors")
    lock = write(built.root / "state" / "models" / "base@2.lock", "77 on host")
    with lock.open("a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        answer = ask("clean", "--yes")
        assert [(one["held_by"], one["gone"]) for one in answer["leftovers"]] == [("77 on host", False)]
        assert answer["bytes"] == 0
        assert "process 77 on host writes it" in call("clean", "--yes").stdout
        assert file.exists()
    assert ask("clean", "--yes")["leftovers"][0]["gone"]
    assert not file.exists()


def test_a_writer_that_started_after_the_listing_is_noticed(built: Workspace):
    file = write(built.root / "models" / "base@2.partial" / "model.safetensors")
    project = open_project(None, None, None, None)
    (listed,) = find_leftovers(project, unreferenced=False)
    with write(built.root / "state" / "models" / "base@2.lock").open("a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not remove(project, listed)
    assert file.exists()


def test_a_folder_that_became_whole_after_the_listing_stays(built: Workspace):
    manifest = built.root / "models" / "base@2" / "manifest.json"
    content = manifest.read_text()
    manifest.unlink()
    project = open_project(None, None, None, None)
    (listed,) = find_leftovers(project, unreferenced=False)
    manifest.write_text(content)
    assert not remove(project, listed)
    assert manifest.exists()


def test_a_lock_further_down_protects_the_folders_above(built: Workspace):
    file = write(built.root / "scores" / "base@8" / "language" / "examples.parquet")
    lock = write(built.root / "state" / "scores" / "base@8" / "language.lock", "78 on host")
    with lock.open("a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held_by = {one["path"]: one["held_by"] for one in ask("clean", "--yes")["leftovers"]}
    assert held_by["results/tiny/scores/base@8"] == "78 on host"
    assert file.exists()


def test_json_says_what_was_done(built: Workspace):
    write(built.root / "models" / "base@2.partial" / "x")
    answer = json.loads(call("clean", "--yes", "--json").stdout)
    assert answer["removed"] is True
    assert answer["bytes"] == 5
    assert answer["leftovers"] == [
        {
            "path": "results/tiny/models/base@2.partial",
            "artifact": "models/base@2",
            "reason": "half-written: its job was stopped",
            "bytes": 5,
            "held_by": None,
            "gone": True,
        }
    ]
