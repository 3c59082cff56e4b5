"""Leasing GPUs among the jobs of one machine: Snakemake counts devices but never says which one a job has."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from lineage.errors import UserError

MANAGED_BY_CLUSTER = ("SLURM_JOB_ID", "KUBERNETES_SERVICE_HOST")


def lease_gpus(count: int, stack: ExitStack) -> list[int]:
    """Locks `count` free GPUs until `stack` closes and shows only them to CUDA; must run before torch is imported.

    Where the user or a cluster has already set `CUDA_VISIBLE_DEVICES`, or runs the job in a SLURM or Kubernetes
    allocation, nothing is leased and an empty list is returned.

    Raises:
        UserError: fewer than `count` GPUs are free.
    """
    if count == 0:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        return []
    if "CUDA_VISIBLE_DEVICES" in os.environ or any(name in os.environ for name in MANAGED_BY_CLUSTER):
        return []
    present = _present_gpus()
    leased: list[int] = []
    for index in present:
        if len(leased) < count and _try_lock(_lock_path(index), stack) is not None:
            leased.append(index)
    if len(leased) < count:
        raise UserError(
            f"execution.device: {count} GPU(s) needed, {len(leased)} of {len(present)} on this machine are free.\n"
            "  Lower `--resources gpu=N` to the number of GPUs that this machine has, or set `execution.device: cpu`."
        )
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, leased))
    return leased


def _present_gpus() -> list[int]:
    """Indices that nvidia-smi lists; none where the tool is missing."""
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True, check=True
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
    return [int(line) for line in listed.stdout.splitlines() if line.strip().isdigit()]


def _lock_path(index: int) -> Path:
    return Path(tempfile.gettempdir()) / f"lineage-gpu-{index}.lock"


def _try_lock(path: Path, stack: ExitStack) -> IO[str] | None:
    if not path.exists():
        path.touch()
    file = path.open()  # for reading, which the lock files of other users allow
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return stack.enter_context(file)
