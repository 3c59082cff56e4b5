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


def within(value: float | None, half: float) -> Row:
    return {
        name: None if value is None else value + add for name, add in (("value", 0), ("low", -half), ("high", half))
    }


def calibration_by_hand(folder: Path, *, a_star: float | None = 0.5, effect: float = 2.0, **schedules: Row) -> Artifact:
    """An acquisition artifact with just the figures that are read, in one depth; E within 1, a* within .1."""
    key = {"arm": "once", "depth": "semantic", "estimator": "split_half"}
    effects = [key | {"encounter": -1} | within(effect, 1.0), key | {"encounter": 0} | within(99.0, 1.0)]
    decays = [
        key | {"fit": fit, "quantity": quantity} | within(value, 0.1)
        for fit, quantity, value in (
            ("uniform_log_t", "a_star", a_star),
            ("uniform_t", "a_star", 0.1),
            ("uniform_log_t", "a", 0.9),
        )
    ]
    once = {"once": {"encounters": 1, "injected": True}, "never": {"encounters": 4, "injected": False}}
    tables = {"effectivity": pa.Table.from_pylist(effects), "decay": pa.Table.from_pylist(decays)}
    metrics = json.dumps({"schedules": once | schedules, "signal": "gain"})
    return write(folder / "acquisition" / "calibration", "acquisition", tables, texts={"metrics.json": metrics})


def calibrated(folder: Path, **by_hand: Any) -> dict[str, Artifact | list[Artifact]]:
    """What was measured in the calibration run, and its plan."""
    return {
        "calibration": calibration_by_hand(folder, **by_hand),
        "plan": plan_of(folder, "calibration", Run(arms=CALIBRATION)),
    }


def predicted(made: Artifact, **equal: Any) -> list[Row]:
    rows = rows_of(made, "forecast.parquet")
    return [row for row in rows if all(row[name] == value for name, value in equal.items())]


def test_superposition_recovers_the_gains_of_arms_that_it_never_saw(tmp_path: Path) -> None:
    """Kernel measured through noise and drift in a run of facts met once; forecast of three encounters elsewhere.

    The truth is the simulated gain. 0.15 is 5 % of the largest effectivity; the naive forecasts miss by far more.
    """
    calibration = Run(arms=CALIBRATION, steps=400, seed=1)
    own = plan_of(tmp_path, "calibration", calibration)
    known = acquisition_of(tmp_path, own, calibration)
    run = Run(seed=2)
    inputs: dict[str, Artifact | list[Artifact]] = {"calibration": known, "plan": own}
    inputs["injections"] = [plan_of(tmp_path, "late", run)]
    made = run_stage("forecast", tmp_path / "forecast", inputs=inputs)
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
    inputs = {**calibrated(tmp_path), "injections": [plan_of(tmp_path, "late", run)]}
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
        {"effectivity": 2, "effectivity_low": 1, "effectivity_high": 3, "tau_steps": 100}
        | {"a_star": 0.5, "a_star_low": 0.4, "a_star_high": 0.6}
    )
    assert {row["signal"] for row in rows_of(made, "forecast.parquet")} == {"gain"}


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
    growing = {row["at"]: row for row in recall_rows(facts, ages, Kernel(0.5, -0.5))}
    assert growing[2]["naive_last_only"] == pytest.approx(math.exp(0.5) / 4), "of the newest, not of the largest"


def test_recall_of_each_model_from_its_exposures(tmp_path: Path) -> None:
    """Ages are 10, 20, ... steps; a model that was shown nothing guesses among 20 values."""
    known = world(tmp_path)
    shown, ignorant = exposures_of(tmp_path, "base@600", known), exposures_of(tmp_path, "bare@600", known, ages={})
    inputs = {**calibrated(tmp_path, effect=0.5), "exposures": [shown, ignorant], "world": known}
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
    inputs = {**calibrated(tmp_path, a_star=None), "injections": [plan_of(tmp_path, "l", Run())]}
    assert rows_of(run_stage("forecast", tmp_path / "forecast", inputs=inputs), "forecast.parquet") == []


def test_without_forgetting_nothing_is_ever_lost(tmp_path: Path) -> None:
    inputs = {**calibrated(tmp_path, a_star=0.0), "injections": [plan_of(tmp_path, "l", Run())]}
    made = run_stage("forecast", tmp_path / "forecast", inputs=inputs)
    last = predicted(made, target="gain", arm="duplicate", depth="semantic")[-1]
    assert last["value"] == last["naive_no_forgetting"] == pytest.approx(6)
    assert predicted(made, target="kernel", quantity="tau_steps")[0]["value"] == math.inf


def test_a_kernel_that_grows_is_forecast_as_it_is_and_counted(tmp_path: Path) -> None:
    """E = 2, a* = -.1, one encounter: G(10) = 2 (1 + .1), never cut to what no forgetting leaves."""
    run = Run(arms={"once": (3, 1), "never": (3, 0)})
    inputs = {**calibrated(tmp_path, a_star=-0.1), "injections": [plan_of(tmp_path, "l", run)]}
    made = run_stage("forecast", tmp_path / "forecast", inputs=inputs)
    [gain] = predicted(made, target="gain", at=10.0)
    assert (gain["value"], gain["naive_no_forgetting"]) == pytest.approx((2.2, 2.0))
    kernel = {row["quantity"]: row["value"] for row in predicted(made, target="kernel")}
    assert (kernel["a_star"], kernel["a_star_low"], kernel["tau_steps"]) == pytest.approx((-0.1, -0.2, math.inf))
    assert made.manifest.counts["depths"] == made.manifest.counts["growing_depths"] == ["semantic"]


def test_the_run_that_calibrates_and_its_facts_are_not_predicted(tmp_path: Path) -> None:
    """Whatever the run that has them is called."""
    known = calibrated(tmp_path)
    twice = plan_of(tmp_path, "twice", Run(arms={"once": (3, 1), "never": (3, 0)}), facts="calibration")
    for again in (known["plan"], twice):
        assert isinstance(again, Artifact)
        with pytest.raises(UserError, match=rf"run {again.folder.name} holds \d+ facts that the calibration run"):
            run_stage("forecast", tmp_path / "forecast", inputs={**known, "injections": [again]})


def test_a_calibration_run_meets_facts_once_only(tmp_path: Path) -> None:
    known = calibrated(tmp_path, duplicate={"encounters": 3, "injected": True})
    with pytest.raises(UserError, match="meets facts several times in duplicate"):
        run_stage("forecast", tmp_path / "forecast", inputs=known)
    without = calibrated(tmp_path / "other")
    with pytest.raises(UserError, match="has no arm 'single'"):
        run_stage("forecast", tmp_path / "forecast", {"once": "single"}, inputs=without)


def test_another_kind_of_artifact_is_refused(tmp_path: Path) -> None:
    known = calibrated(tmp_path)
    with pytest.raises(UserError, match="of kind 'acquisition', but 'injections' is needed"):
        run_stage("forecast", tmp_path / "forecast", inputs={**known, "plan": known["calibration"]})


def test_it_takes_no_outcome_and_imports_no_torch() -> None:
    taken = set(inspect.signature(forecast).parameters) - {"config", "out"}
    assert taken == {"calibration", "plan", "injections", "exposures", "world"}
    check = "import sys, lineage.stages.forecast; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
