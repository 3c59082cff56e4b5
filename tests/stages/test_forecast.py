"""Forecasts from facts met once: right where the truth is known, by hand, and from nothing that was measured."""

from __future__ import annotations

import inspect
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lineage.analysis.superposition import predicted_gain
from lineage.artifact import Artifact
from lineage.errors import UserError
from lineage.stages.forecast import AskedFact, Kernel, forecast, recall_rows
from tests.analysis.simulation import DECAY, Run
from tests.stages.building import rows_of, run_stage, write
from tests.stages.study import CALIBRATION, acquisition_of, exposures_of, plan_of, world

Row = dict[str, Any]


def calibration_by_hand(folder: Path, *, a_star: float | None = 0.5, effect: float = 2.0, **schedules: Row) -> Artifact:
    """An acquisition artifact with just the figures that are read, in one depth."""
    key = {"arm": "once", "depth": "semantic", "estimator": "split_half"}
    effects = [key | {"encounter": -1, "value": effect}, key | {"encounter": 0, "value": 99.0}]
    decays = [
        key | {"fit": fit, "quantity": quantity, "value": value}
        for fit, quantity, value in (
            ("uniform_log_t", "a_star", a_star),
            ("uniform_t", "a_star", 0.1),
            ("uniform_log_t", "a", 0.9),
        )
    ]
    once = {"once": {"encounters": 1, "injected": True}, "never": {"encounters": 4, "injected": False}}
    tables = {"effectivity": pa.Table.from_pylist(effects), "decay": pa.Table.from_pylist(decays)}
    metrics = json.dumps({"schedules": once | schedules})
    return write(folder / "acquisition" / "calibration", "acquisition", tables, texts={"metrics.json": metrics})


def predicted(made: Artifact, **equal: Any) -> list[Row]:
    rows = rows_of(made, "forecast.parquet")
    return [row for row in rows if all(row[name] == value for name, value in equal.items())]


def test_superposition_recovers_the_gains_of_arms_that_it_never_saw(tmp_path: Path) -> None:
    """Kernel measured through noise and drift in a run of facts met once; forecast of three encounters elsewhere.

    The truth is the simulated gain. 0.15 is 5 % of the largest effectivity; the naive forecasts miss by far more.
    """
    calibration = Run(arms=CALIBRATION, steps=400, seed=1)
    known = acquisition_of(tmp_path, plan_of(tmp_path, "calibration", calibration), calibration)
    run = Run(seed=2)
    plan = plan_of(tmp_path, "late", run)
    made = run_stage("forecast", tmp_path / "forecast", inputs={"calibration": known, "injections": [plan]})
    for depth, gain in run.gains.items():
        [decay] = predicted(made, target="kernel", depth=depth, quantity="a_star")
        assert decay["value"] == pytest.approx(DECAY, abs=0.02)
        rows = [row for row in predicted(made, target="gain", arm="duplicate", depth=depth) if row["at"] > 0]
        times = [row["at"] for row in rows]
        truth = predicted_gain(times, [0, 12, 24], [gain] * 3, DECAY)
        error, no_forgetting, last_only = (
            float(np.sqrt(np.mean((np.asarray([row[name] for row in rows]) - truth) ** 2)))
            for name in ("value", "naive_no_forgetting", "naive_last_only")
        )
        assert error < 0.05 * gain
        assert min(no_forgetting, last_only) > 0.2 * gain
    assert {row["arm"] for row in predicted(made, target="gain")} == {"duplicate", "paraphrase", "once"}


def test_gains_and_accumulation_by_hand(tmp_path: Path) -> None:
    """E = 2, a* = .5, encounters at 0 and 12: G(12) = 2 (1 - .5 log10 12), and 2 more just after."""
    run = Run(arms={"duplicate": (3, 2), "never": (3, 0)})
    inputs = {"calibration": calibration_by_hand(tmp_path), "injections": [plan_of(tmp_path, "late", run)]}
    made = run_stage("forecast", tmp_path / "forecast", inputs=inputs)
    gains = {row["at"]: row for row in predicted(made, target="gain", run="late", depth="semantic")}
    left = 1 - 0.5 * math.log10(12)
    assert gains[0]["value"] == 0
    assert gains[1]["value"] == pytest.approx(2)
    assert gains[12]["value"] == pytest.approx(2 * left)
    assert gains[13]["value"] == pytest.approx(2 * (1 - 0.5 * math.log10(13)) + 2)
    assert (gains[13]["naive_no_forgetting"], gains[13]["naive_last_only"]) == pytest.approx((4, 2))
    [share] = predicted(made, target="accumulation", arm="duplicate")
    assert (share["at"], share["value"], share["quantity"]) == (1, pytest.approx(left), "share")
    assert {row["quantity"]: row["value"] for row in predicted(made, target="kernel")} == pytest.approx(
        {"effectivity": 2, "a_star": 0.5, "tau_steps": 100}
    )


def test_recall_by_hand() -> None:
    """Chance 1/4. One exposure 10 steps back leaves 2 (1 - .5) = 1 nat: e / 4; two leave more than certainty."""
    facts = {"none": AskedFact(0, 4), "one": AskedFact(1, 4), "two": AskedFact(2, 4)}
    ages = {"none": np.zeros(0), "one": np.asarray([10.0]), "two": np.asarray([10.0, 1.0])}
    rows = {row["at"]: row for row in recall_rows(facts, ages, Kernel(2.0, 0.5))}
    assert rows[0]["value"] == pytest.approx(0.25)
    assert rows[1]["value"] == pytest.approx(math.e / 4)
    assert rows[2]["value"] == pytest.approx(1.0)
    assert rows[1]["naive_no_forgetting"] == pytest.approx(1.0)
    assert rows[1]["naive_last_only"] == pytest.approx(math.e / 4)
    assert rows[-1]["value"] == pytest.approx((0.25 + math.e / 4 + 1) / 3)


def test_recall_of_each_model_from_its_exposures(tmp_path: Path) -> None:
    """Ages are 10, 20, ... steps; a model that was shown nothing guesses among 20 values."""
    known = world(tmp_path)
    shown, ignorant = exposures_of(tmp_path, "base@600", known), exposures_of(tmp_path, "bare@600", known, ages={})
    inputs = {"calibration": calibration_by_hand(tmp_path, effect=0.5), "exposures": [shown, ignorant], "world": known}
    made = run_stage("forecast", tmp_path / "forecast", inputs=inputs)
    of_base = {row["at"]: row["value"] for row in predicted(made, target="recall", run="base@600")}
    assert list(of_base) == [0, 1, 4, 16, -1]
    assert of_base[0] == pytest.approx(1 / 20)
    assert of_base[1] == pytest.approx(math.exp(0.5 * 0.5) / 20)
    four = sum(1 - 0.5 * math.log10(age) for age in (10, 20, 30, 40))
    assert of_base[4] == pytest.approx(math.exp(0.5 * four) / 20)
    assert of_base[-1] == pytest.approx(sum(of_base[level] for level in (0, 1, 4, 16)) / 4)
    of_bare = [row["value"] for row in predicted(made, target="recall", run="bare@600")]
    assert of_bare == pytest.approx([1 / 20] * 5)


def test_a_depth_without_a_decay_constant_predicts_nothing(tmp_path: Path) -> None:
    inputs = {"calibration": calibration_by_hand(tmp_path, a_star=None), "injections": [plan_of(tmp_path, "l", Run())]}
    assert rows_of(run_stage("forecast", tmp_path / "forecast", inputs=inputs), "forecast.parquet") == []


def test_without_forgetting_nothing_is_ever_lost(tmp_path: Path) -> None:
    inputs = {"calibration": calibration_by_hand(tmp_path, a_star=-0.1), "injections": [plan_of(tmp_path, "l", Run())]}
    made = run_stage("forecast", tmp_path / "forecast", inputs=inputs)
    last = predicted(made, target="gain", arm="duplicate", depth="semantic")[-1]
    assert last["value"] == last["naive_no_forgetting"] == pytest.approx(6)
    assert predicted(made, target="kernel", quantity="tau_steps")[0]["value"] == math.inf


def test_the_run_that_calibrates_is_not_predicted(tmp_path: Path) -> None:
    inputs = {"calibration": calibration_by_hand(tmp_path), "injections": [plan_of(tmp_path, "calibration", Run())]}
    with pytest.raises(UserError, match="calibration is the calibration run and is also predicted"):
        run_stage("forecast", tmp_path / "forecast", inputs=inputs)


def test_a_calibration_run_meets_facts_once_only(tmp_path: Path) -> None:
    known = calibration_by_hand(tmp_path, duplicate={"encounters": 3, "injected": True})
    with pytest.raises(UserError, match="meets facts several times in duplicate"):
        run_stage("forecast", tmp_path / "forecast", inputs={"calibration": known})
    without = calibration_by_hand(tmp_path / "other")
    with pytest.raises(UserError, match="has no arm 'single'"):
        run_stage("forecast", tmp_path / "forecast", {"once": "single"}, inputs={"calibration": without})


def test_another_kind_of_artifact_is_refused(tmp_path: Path) -> None:
    known = calibration_by_hand(tmp_path)
    with pytest.raises(UserError, match="of kind 'acquisition', but 'injections' is needed"):
        run_stage("forecast", tmp_path / "forecast", inputs={"calibration": known, "injections": [known]})


def test_it_takes_no_outcome_and_imports_no_torch() -> None:
    taken = set(inspect.signature(forecast).parameters) - {"config", "out"}
    assert taken == {"calibration", "injections", "exposures", "world"}
    check = "import sys, lineage.stages.forecast; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
