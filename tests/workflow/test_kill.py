"""kill -9 at any moment, of a worker or of Snakemake itself, loses at most what was not yet saved, and changes nothing.

A killed Snakemake leaves its lock and its worker behind: the rerun must say how to unlock, must not become a second
writer, and goes on when the worker has ended.
"""

from __future__ import annotations

import json
import random
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from lineage.artifact import MANIFEST, RUN
from tests.workflow.conftest import SMOKE, copy_built, copy_workflow, run_snakemake, snakemake_command

PATIENCE_SECONDS = 600
SECOND_WRITER = "is already writing it"
KILLS = 20
SEED = 8
"""One whose moments are of every kind: 10 stages; Snakemake, and its stage ended by hand 5 times, waited for 5."""

Moment = Callable[[Callable[[], bool]], None]
"""Waits for it, or until Snakemake has ended."""


def training_overlay(steps: int, checkpoints: list[int], save_seconds: float) -> dict[str, Any]:
    """One model that trains for a while and saves often."""
    return {
        "models": {
            "late": None,
            "base": {"steps": steps, "checkpoints": checkpoints, "held_out": {"every_steps": 100}},
        },
        "scores": {"models": ["base"]},
        "execution": {"save_minutes": save_seconds / 60},
    }


@dataclass
class Experiment:
    """A working folder in which Snakemake is killed and started again."""

    folder: Path
    targets: tuple[str, ...] = ()
    told: list[str] = field(default_factory=list)
    """What was killed, in which state."""
    refused: int = 0
    """Reruns that met a stage of the killed Snakemake and were told so."""

    @property
    def results(self) -> Path:
        return self.folder / "results" / "smoke"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_snakemake(self.folder, *self.targets, *arguments, config=(SMOKE, "kill.yaml"))

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """Snakemake in the background."""
        command = snakemake_command(*self.targets, config=(SMOKE, "kill.yaml"))
        with (self.folder / "output.txt").open("wb") as output:
            process = subprocess.Popen(command, cwd=self.folder, stdout=output, stderr=subprocess.STDOUT)
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()

    @property
    def output(self) -> str:
        return (self.folder / "output.txt").read_text()

    def tell(self, killed: str) -> None:
        states = ", ".join(sorted({path.parts[-3] for path in self.results.glob("state/models/*/*/*.safetensors")}))
        self.told.append(f"{killed}; resume state: {states or 'none'}, {self.saved_bytes()} bytes")

    def workers(self) -> list[psutil.Process]:
        """Stages that run in this folder."""
        return [process for process in psutil.process_iter() if "lineage.stage" in _command(process, self.folder)]

    def starting(self) -> bool:
        """Whether a shell has been told to run a stage, and has not done so yet."""
        running = [(process, _command(process, self.folder)) for process in psutil.process_iter()]
        return any(
            "lineage.stage " in command[-1] and not _children(process) for process, command in running if command
        )

    def lock_holders(self) -> set[int]:
        texts = [_text(path).split() for path in (self.results / "state").rglob("*.lock")]
        return {int(words[0]) for words in texts if words}

    def saved_bytes(self) -> int:
        """Grows with every step that a training stage has logged, and jumps with its first state."""
        files = [path for path in (self.results / "state").rglob("*") if path.suffix in (".safetensors", ".jsonl")]
        return sum(_size(path) for path in files)

    def manifests(self) -> Mapping[str, str]:
        return {str(path.relative_to(self.results)): path.read_text() for path in self.results.rglob(MANIFEST)}

    def resumed_steps(self) -> list[int]:
        """Steps within a segment at which the process that finished it had begun."""
        runs = {path.parent: json.loads(path.read_text()) for path in self.results.glob(f"models/base@*/{RUN}")}
        first = {folder: json.loads((folder / MANIFEST).read_text())["spec"]["first_step"] for folder in runs}
        return [run["training"]["resumed_at"] - first[folder] for folder, run in runs.items()]

    def left_over(self) -> list[Path]:
        states = [path for path in (self.results / "state").rglob("*") if path.is_file()]
        return [*states, *self.results.rglob("*.partial")]


def _command(process: psutil.Process, folder: Path) -> list[str]:
    """The command line of a process that runs in the folder; empty for others."""
    try:
        return process.cmdline() if Path(process.cwd()) == folder else []
    except psutil.Error:
        return []


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.NoSuchProcess:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def until(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s for {what}"
        time.sleep(0.05)


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(process: psutil.Process) -> bool:
    """kill -9, and waits for the end; False if it had ended by itself."""
    if not alive(process):
        return False
    process.kill()
    until(lambda: not alive(process), "the end of a killed stage")
    return True


def kill_worker(experiment: Experiment, moment: Moment) -> bool:
    """Kills the stage that runs at this moment; Snakemake then ends by itself. False if it came too late."""
    with experiment.started() as snakemake:
        moment(lambda: snakemake.poll() is not None)
        while snakemake.poll() is None and not sum(kill(worker) for worker in experiment.workers()):
            time.sleep(0.02)
        experiment.tell("stage")
        snakemake.wait()
        return snakemake.returncode != 0


def kill_snakemake(experiment: Experiment, moment: Moment, *, wait: bool) -> bool:
    """Kills Snakemake and leaves its workers alive; then the reruns until these have ended. False if it came too late.

    Args:
        wait: until the workers have ended by themselves; otherwise they are held (so that the rerun surely meets them)
            and then killed, as the message says.
    """
    with experiment.started() as snakemake:
        moment(lambda: snakemake.poll() is not None)
        if snakemake.poll() is not None:
            assert snakemake.returncode == 0, experiment.output
            return False
        snakemake.kill()
        snakemake.wait()
    until(lambda: not experiment.starting(), "a stage that was being started")
    workers = experiment.workers()
    experiment.tell(f"snakemake, {len(workers)} stages live on{' to their end' if wait else ''}")
    if not wait:
        until(lambda: experiment.lock_holders() >= {worker.pid for worker in workers if alive(worker)}, "the locks")
        for worker in filter(alive, workers):
            worker.suspend()
    locked = experiment.run()
    if locked.returncode != 0:  # 0: it was killed when all was built
        assert "--unlock" in locked.stdout, locked.stdout
        assert experiment.run("--unlock").returncode == 0
    if any(map(alive, workers)):
        refused = experiment.run()
        met = [worker for worker in workers if alive(worker)]
        if met:
            assert refused.returncode != 0 and SECOND_WRITER in refused.stdout, refused.stdout
            assert any(f"process {worker.pid} " in refused.stdout for worker in met), refused.stdout
            experiment.refused += 1
    for worker in workers:
        if wait:
            until(lambda worker=worker: not alive(worker), "the end of a stage that lives on")
        else:
            kill(worker)
    return True


def finish(experiment: Experiment) -> None:
    done = experiment.run()
    assert done.returncode == 0, done.stdout
    assert experiment.left_over() == []


def after_a_save(experiment: Experiment, seconds: float) -> Moment:
    """A moment: some time after a training stage has logged or saved something new in this attempt."""

    def wait(ended: Callable[[], bool]) -> None:
        before = experiment.saved_bytes()
        until(lambda: ended() or experiment.saved_bytes() > before, "a training stage")
        until_ended(ended, seconds)

    return wait


def after_a_start(experiment: Experiment, seconds: float) -> Moment:
    """A moment: some time after a stage has started in this attempt."""

    def wait(ended: Callable[[], bool]) -> None:
        until(lambda: ended() or experiment.workers(), "a stage")
        until_ended(ended, seconds)

    return wait


def until_ended(ended: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ended() and time.monotonic() < deadline:
        time.sleep(0.02)


def lay_out(folder: Path, overlay: dict[str, Any]) -> Path:
    (folder / "kill.yaml").write_text(yaml.safe_dump(overlay))
    return folder


def test_two_kills_change_nothing(smoke: Path, tmp_path: Path) -> None:
    overlay = training_overlay(steps=300, checkpoints=[300], save_seconds=0.5)
    targets = ("results/smoke/models/base@300/manifest.json",)
    whole = Experiment(lay_out(copy_built(smoke, tmp_path / "whole"), overlay), targets)
    killed = Experiment(lay_out(copy_built(smoke, tmp_path / "killed"), overlay), targets)
    with whole.started() as uninterrupted:
        assert kill_worker(killed, after_a_save(killed, seconds=1.0))
        assert kill_snakemake(killed, after_a_save(killed, seconds=0.5), wait=False)
        finish(killed)
        uninterrupted.wait()
        assert uninterrupted.returncode == 0, whole.output
    print("", *killed.told, sep="\n")
    assert killed.manifests() == whole.manifests()
    assert killed.refused == 1
    assert max(killed.resumed_steps()) > 0, "no state was ever used"


@pytest.mark.parametrize("killed", [False, True])
def test_a_stage_keeps_its_state_only_if_it_outlives_its_snakemake(tmp_path: Path, killed: bool) -> None:
    """The next Snakemake takes what such a stage finished for incomplete; with the state that costs seconds only."""
    state, built = tmp_path / "state" / "world", tmp_path / "world" / MANIFEST
    (state / "other_fingerprint").mkdir(parents=True)
    stage = shlex.join([sys.executable, "-m", "lineage.stage", "world", "--state", str(state), "--out", str(built)])
    (tmp_path / "snakemake").write_text(f"import subprocess\nsubprocess.run(['bash', '-c', {stage + '; true'!r}])\n")
    pretended = subprocess.Popen([sys.executable, "snakemake"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    lock = state.with_name("world.lock")
    until(lock.exists, "the stage")
    if killed:
        pretended.kill()
    pretended.wait()
    until(lambda: built.exists() and not lock.exists(), "the artifact")
    assert state.exists() == killed


@pytest.mark.slow
def test_twenty_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    overlay = training_overlay(steps=3000, checkpoints=[200, 700, 1200, 1700, 2300, 3000], save_seconds=2)
    whole = Experiment(lay_out(copy_workflow(tmp_path / "whole"), overlay))
    finish(whole)
    moments = random.Random(SEED)
    kills, finished = 0, list[Experiment]()
    while kills < KILLS:
        experiment = Experiment(lay_out(copy_workflow(tmp_path / f"killed{len(finished)}"), overlay))
        while kills < KILLS and kill_once(experiment, moments):
            kills += 1
        finish(experiment)
        finished.append(experiment)
        print(f"\n{kills} kills, {experiment.refused} second writers refused", *experiment.told, sep="\n  ")
    for experiment in finished:
        assert experiment.manifests() == whole.manifests()
    assert sum(experiment.refused for experiment in finished) > 0, "no rerun ever met a living worker"
    assert max(step for experiment in finished for step in experiment.resumed_steps()) > 0, "no state was ever used"


def kill_once(experiment: Experiment, moments: random.Random) -> bool:
    """Kills something at a random moment; False if everything was built before that moment came."""
    after = moments.choice([after_a_start, after_a_save, after_a_save])
    moment = after(experiment, seconds=moments.uniform(0, 4))
    if moments.random() < 0.5:
        return kill_worker(experiment, moment)
    return kill_snakemake(experiment, moment, wait=moments.random() < 0.4)
