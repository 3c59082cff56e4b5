"""Leases of GPUs, with a nvidia-smi that lists as many as a test wants."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from lineage import devices
from lineage.devices import lease_gpus
from lineage.errors import UserError


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """(count) -> a machine with so many GPUs, all free, on which nothing has chosen devices."""
    for name in (*devices.MANAGED_BY_CLUSTER, "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")  # so that what a test sets is undone
        monkeypatch.delenv(name)
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))

    def present(count: int) -> None:
        tool = tmp_path / "bin" / "nvidia-smi"
        tool.parent.mkdir(exist_ok=True)
        tool.write_text("#!/bin/sh\n" + "".join(f"echo {index}\n" for index in range(count)))
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")

    return present


def visible() -> str | None:
    """What CUDA would see; forgotten, as another process would."""
    return os.environ.pop("CUDA_VISIBLE_DEVICES", None)


def test_jobs_get_different_gpus_and_give_them_back(machine: Callable[[int], None]) -> None:
    machine(3)
    with ExitStack() as first:
        assert lease_gpus(1, first) == [0]
        assert visible() == "0"
        with ExitStack() as second:
            assert lease_gpus(2, second) == [1, 2]
            assert visible() == "1,2"
        with ExitStack() as third:
            assert lease_gpus(1, third) == [1]
            assert visible() == "1"
    with ExitStack() as again:
        assert lease_gpus(3, again) == [0, 1, 2]


def test_too_few_are_free(machine: Callable[[int], None]) -> None:
    machine(2)
    with ExitStack() as first, ExitStack() as second:
        lease_gpus(1, first)
        visible()
        with pytest.raises(UserError) as error:
            lease_gpus(2, second)
        told = str(error.value)
        assert told.startswith("execution.device: 2 GPU(s) needed, 1 of 2 on this machine are free.")
        assert "`--resources gpu=N`" in told and "`execution.device: cpu`" in told
        assert visible() is None


@pytest.mark.parametrize("listed", ["", "No devices were found"])
def test_a_machine_without_gpus(machine: Callable[[int], None], tmp_path: Path, listed: str) -> None:
    machine(0)
    (tmp_path / "bin" / "nvidia-smi").write_text(f"#!/bin/sh\necho '{listed}'\n")
    with ExitStack() as stack, pytest.raises(UserError, match=r"1 GPU\(s\) needed, 0 of 0 on this machine"):
        lease_gpus(1, stack)


def test_a_machine_without_the_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with ExitStack() as stack, pytest.raises(UserError, match="0 of 0"):
        lease_gpus(1, stack)


def test_no_gpu_wanted_hides_all() -> None:
    with ExitStack() as stack:
        assert lease_gpus(0, stack) == []
    assert visible() == ""


@pytest.mark.parametrize("name", ["CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID", "KUBERNETES_SERVICE_HOST"])
def test_what_a_user_or_cluster_has_chosen_stays(
    machine: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    machine(1)
    monkeypatch.setenv(name, "5")
    with ExitStack() as stack:
        assert lease_gpus(1, stack) == []
    assert os.environ[name] == "5"


def test_another_process_holds_one_until_it_dies(machine: Callable[[int], None], tmp_path: Path) -> None:
    machine(2)
    program = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX);"
        "print('held', flush=True); time.sleep(60)"
    )
    lock = tmp_path / "lineage-gpu-0.lock"
    other = subprocess.Popen([sys.executable, "-c", program, str(lock)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with ExitStack() as stack:
        assert lease_gpus(1, stack) == [1]
    visible()
    other.kill()
    other.wait()
    other.stdout.close()
    with ExitStack() as stack:
        assert lease_gpus(2, stack) == [0, 1]


def test_the_lock_file_of_another_user_may_only_be_read(machine: Callable[[int], None], tmp_path: Path) -> None:
    machine(1)
    lock = tmp_path / "lineage-gpu-0.lock"
    lock.touch(mode=0o444)
    with ExitStack() as stack:
        assert lease_gpus(1, stack) == [0]
