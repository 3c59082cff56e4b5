"""Two processes (torchrun, gloo) give the curve of one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lineage.training.state import STATE
from tests.training.test_loop import lines, unequal_masks
from tests.training.tiny import llama, run

ROOT = Path(__file__).parents[2]


def in_two_processes(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [*command, "-m", "tests.training.distributed", str(folder)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_two_processes_stop_resume_and_agree_with_one(tmp_path: Path):
    finished = in_two_processes(tmp_path / "two")
    assert finished.returncode == 0, finished.stderr
    for rank in range(2):
        assert (tmp_path / "two" / f"stopped-{rank}").read_text().startswith("stopped at step 1 of 8")
    run(llama(attention_dropout=0.0), tmp_path / "one", batches=unequal_masks)
    one, two = lines(tmp_path / "one"), lines(tmp_path / "two")
    assert [line["step"] for line in two] == list(range(8))
    for key in ("loss", "gradient_norm"):
        assert [line[key] for line in two] == pytest.approx([line[key] for line in one], rel=2e-5)
    assert [line["tokens"] for line in two] == [line["tokens"] for line in one]
    weights = [load_file(tmp_path / name / STATE) for name in ("one", "two")]
    torch.testing.assert_close(weights[1], weights[0], rtol=0, atol=2e-5)
