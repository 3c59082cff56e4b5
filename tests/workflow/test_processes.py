"""Two data-parallel processes (torchrun, gloo) train as one does: the same data order exactly, the same losses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from lineage.artifact import RUN
from tests.workflow.conftest import SMOKE, copy_built, run_snakemake

TOLERANCE = 1e-5
"""Relative, on losses and gradient norms: sums over two halves of a batch round otherwise; 1.2e-7 was seen in fp32."""


def test_two_processes_train_as_one(smoke: Path, tmp_path: Path) -> None:
    folder = copy_built(smoke, tmp_path / "two")
    (folder / "two.yaml").write_text(yaml.safe_dump({"execution": {"processes": 2}}))
    overlays = (SMOKE, "imported.yaml", "two.yaml")
    assert "Nothing to be done" in run_snakemake(folder, "-n", config=overlays).stdout, "processes make nothing stale"
    model = Path("results/smoke/models/base@24")
    done = run_snakemake(folder, str(model / "manifest.json"), "--force", config=overlays)
    assert done.returncode == 0, done.stdout
    assert json.loads((folder / model / RUN).read_text())["training"]["processes"] == 2
    assert (folder / model / "order.parquet").read_bytes() == (smoke / model / "order.parquet").read_bytes()
    two, one = (read_log(where / model / "training.jsonl") for where in (folder, smoke))
    assert [list(row) for row in two] == [list(row) for row in one]
    for ours, theirs in zip(two, one, strict=True):
        assert ours == pytest.approx(theirs, rel=TOLERANCE)


def read_log(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
