"""The stage from end to end on a simulated run: tables, metrics, equal bytes, no tensors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lineage.analysis.schemas import SCHEMAS
from lineage.artifact import Artifact
from lineage.config.acquisition import Acquisition
from lineage.errors import UserError
from tests.analysis.simulation import Run
from tests.stages.building import rows_of, run_stage, write

RUN = Run(arms={"duplicate": (4, 3), "paraphrase": (4, 3), "once": (4, 1), "never": (4, 0)}, probes=1)
SPEC = {"bootstrap_samples": 100, "lags": [5, 20]}
TABLES = [*(f"{name}.parquet" for name in SCHEMAS), "metrics.json"]


def inputs(folder: Path, *, tables: dict[str, pa.Table] | None = None) -> dict[str, Artifact | list[Artifact] | None]:
    """Plan, trajectory and twin as the stages before would leave them."""
    made = tables or RUN.tables()
    plan = {name: made[name] for name in ("facts", "probes", "injections")}
    return {
        "injections": write(
            folder / "injections", "injections", plan, window_steps=RUN.window, batch_tokens=4096, steps=RUN.steps
        ),
        "trajectory": write(folder / "run", "trajectory", {"steps": made["steps"]}),
        "twin": write(folder / "twin", "trajectory", {"steps": made["twin"]}),
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("acquisition")
    return run_stage("acquisition", folder / "made", SPEC, inputs=inputs(folder))


def test_writes_every_table_and_the_metrics(found: Artifact) -> None:
    assert found.kind == "acquisition"
    assert sorted(found.manifest.files) == sorted(TABLES)
    for name, schema in SCHEMAS.items():
        assert pq.read_schema(found.path(f"{name}.parquet")).equals(schema)
        assert rows_of(found, f"{name}.parquet"), name
    metrics = json.loads(found.path("metrics.json").read_text())
    assert metrics["signal"] == found.manifest.counts["signal"] == "gain"
    assert metrics["twin_exact"] == 0.0
    assert metrics["plan"]["batch_tokens"] == 4096


def test_a_jump_at_each_encounter_stands_out_of_the_placebo(found: Artifact) -> None:
    rows = rows_of(found, "effectivity.parquet")
    halves = [row for row in rows if row["estimator"] == "split_half" and row["depth"] == "all"]
    assert all(row["low"] > 1 for row in halves if row["arm"] != "never")
    assert all(abs(row["value"]) < 0.1 for row in halves if row["arm"] == "never")


def test_the_same_inputs_give_the_same_bytes(found: Artifact, tmp_path: Path) -> None:
    again = run_stage("acquisition", tmp_path / "made", SPEC, inputs=inputs(tmp_path))
    assert again.manifest.files == found.manifest.files


def test_a_run_without_a_twin(tmp_path: Path) -> None:
    made = run_stage("acquisition", tmp_path / "made", SPEC, inputs={**inputs(tmp_path), "twin": None})
    assert made.manifest.counts["signal"] == "drift"
    assert made.manifest.counts["twin_exact"] is None


def test_a_trajectory_with_a_gap_leaves_no_artifact(tmp_path: Path) -> None:
    tables = RUN.tables()
    keep = [row for row in tables["steps"].to_pylist() if (row["step"], row["probe"]) != (3, 0)]
    broken = tables | {"steps": pa.Table.from_pylist(keep, schema=tables["steps"].schema)}
    given = inputs(tmp_path, tables=broken) | {"twin": None}
    with pytest.raises(UserError, match=r"not measured at step 3, in the window of 10 steps behind encounter 0"):
        run_stage("acquisition", tmp_path / "made", SPEC, inputs=given)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"bootstrap_samples": 10}, "bootstrap_samples"),
        ({"splits": 5}, "splits"),
        ({"iqr_factors": [1.5, 1.5]}, "holds a number twice"),
        ({"lags": [0]}, "lags"),
    ],
)
def test_bad_settings_are_refused(tmp_path: Path, spec: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        run_stage("acquisition", tmp_path / "made", spec, inputs=inputs(tmp_path))


def test_defaults() -> None:
    config = Acquisition()
    assert (config.bootstrap_samples, config.splits, config.iqr_factors) == (500, 25, (1.5, 2.0))


def test_imports_no_tensor_library() -> None:
    program = (
        "import sys, lineage.stages.acquisition;"
        "print(sorted(set(sys.modules) & {'torch', 'transformers', 'scipy.stats', 'pandas'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
