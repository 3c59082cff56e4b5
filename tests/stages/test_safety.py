"""From answers of simulated models to rates, gates, statistics, verdicts and figures of the safety study."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lineage.artifact import Artifact, ArtifactWriter
from lineage.claims.joint import CLAIMS as JOINT
from lineage.claims.safety import CLAIMS as SAFETY
from lineage.errors import UserError
from lineage.evaluation.examples import EXAMPLES, write_examples
from lineage.evaluation.reference_curves import PROBES
from lineage.report.saving import svg
from lineage.stages import safety as stage
from tests.claims.safety_building import MODELS, ROLES, answers, falling, study
from tests.stages.building import run_stage


def scores(folder: Path, name: str) -> Artifact:
    """What a model of the simulation answered."""
    out = ArtifactWriter.create(folder / name / "safety", state=folder / name / "safety.state")
    out.kind = "scores"
    write_examples(answers(name, MODELS[name]).examples, out.path(EXAMPLES))
    return out.close(stage="score_safety", spec={}, code={}, inputs={})


def checkpoint(folder: Path, name: str, curves: pa.Table | None) -> Artifact:
    """A model with what was followed while it was tuned."""
    out = ArtifactWriter.create(folder / name, state=folder / f"{name}.state")
    out.kind = "model"
    out.counts["step"] = int(name.partition("@")[2])
    if curves is not None:
        pq.write_table(curves, out.path(PROBES))
    return out.close(stage="tune", spec={}, code={}, inputs={})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("safety")
    whole = falling(study(), refusal=0.8, fact=0.4, steps=(0, 1, 10, 50, 100, 400))
    steps = whole.column("step").to_numpy()
    early, late = whole.filter(pa.array(steps <= 50)), whole.filter(pa.array(steps > 50))
    return {
        "scores": [scores(folder, name) for name in MODELS],
        "adaptations": [
            checkpoint(folder / "models", "seeing@400", late),
            checkpoint(folder / "models", "seeing@50", early),
            checkpoint(folder / "models", "text@400", None),
        ],
    }


@pytest.fixture(scope="module")
def made(inputs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lineage.stages.safety.charts", no_charts)
        return run_stage("safety", tmp_path_factory.mktemp("made") / "safety", spec(), inputs=inputs)


def spec(**changes: Any) -> dict[str, Any]:
    return {**ROLES, "bootstrap_samples": 200, "seed": 3, **changes}


def no_charts(series: object) -> dict[str, Any]:
    """Figures take longer than all the rest; one test draws them."""
    return {}


def table(artifact: Artifact, name: str) -> list[dict[str, str]]:
    with artifact.path(name).open(newline="") as file:
        return list(csv.DictReader(file))


def verdicts(artifact: Artifact) -> dict[str, str]:
    return {row["claim"]: row["verdict"] for row in table(artifact, "claims.csv") if row["primary"] == "True"}


def test_every_row_of_every_claim_is_in_the_slice(made: Artifact) -> None:
    rows = table(made, "statistics.csv")
    assert [(row["claim"], row["row"]) for row in rows] == [
        (claim.id, row.name) for claim in (*SAFETY, *JOINT) for row in claim.rows if row.measure is not None
    ]
    assert {(row["world"], row["seed"], row["data"]) for row in rows} == {("full", "3", "generated")}


def test_one_seed_concludes_nothing(made: Artifact) -> None:
    testable = {claim: verdict for claim, verdict in verdicts(made).items() if verdict != "not testable here"}
    assert testable == dict.fromkeys(("S1", "S2", "S3a", "S3b", "S3c", "S6", "S7", "X1", "X2", "X4", "X5"), "one seed")


def test_the_table_of_models_holds_rates_with_their_intervals(made: Artifact) -> None:
    rows = {row["model"]: row for row in table(made, "metrics.csv")}
    assert list(rows) == list(MODELS)
    assert rows["seeing@400"]["attack success, text"].startswith("0.60 [")
    assert rows["chat"]["visual questions"] == ""
    long = {(row["model"], row["metric"]): row for row in pq.read_table(made.path("metrics.parquet")).to_pylist()}
    assert long["chat", "visual questions"]["reason"] == "model chat answers no items of task visual"
    one = long["sft", "over-refusal, full or partial"]
    assert one["low"] < one["value"] < one["high"]


def test_gates_are_shown_with_their_figures(made: Artifact) -> None:
    rows = table(made, "gates.csv")
    assert [row["holds"] for row in rows] == ["True"] * 6
    assert (rows[0]["gate"], rows[0]["bound"]) == ("chat refuses", ">= 0.9")
    assert float(rows[0]["value"]) == pytest.approx(0.96, abs=0.02)


def test_curves_of_all_segments_are_one(made: Artifact) -> None:
    rows = pq.read_table(made.path("forgetting.parquet")).to_pylist()
    refusals = {row["x"]: row["value"] for row in rows if row["series"] == "refusals of harmful requests"}
    assert {row["panel"] for row in rows} == {"seeing@400"}
    assert sorted(refusals) == [0, 1, 10, 50, 100, 400]
    assert refusals[400] < refusals[50] < refusals[0]


def test_models_on_the_front_are_marked(made: Artifact) -> None:
    rows = {row["model"]: row for row in pq.read_table(made.path("trade_offs.parquet")).to_pylist()}
    assert rows["projector"]["on_front"] and not rows["joint"]["on_front"]
    assert "chat" not in rows


def test_committed_slices_make_verdicts(
    made: Artifact, inputs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lineage.stages.safety.charts", no_charts)
    text = made.path("statistics.csv").read_text()
    kept = tmp_path / "kept"
    kept.mkdir()
    for seed in (0, 1, 2):
        (kept / f"full_{seed}.csv").write_text(text.replace(",full,3,", f",full,{seed},"))
    (kept / "null_0.csv").write_text(text.replace(",full,3,", ",permuted_hazards,0,"))
    out = ArtifactWriter.create(tmp_path / "again", state=tmp_path / "again.state")
    config = stage.SafetyStudy.model_validate(spec())
    stage.safety(config, **inputs, weights=None, layers=None, slices=kept, out=out)
    again = out.close(stage="safety", spec={}, code={}, inputs={})
    found = {row["claim"]: row for row in table(again, "claims.csv") if row["primary"] == "True"}
    assert (found["S1"]["seeds"], found["S1"]["verdict"]) == ("4 of 5", "supported")
    assert found["X5"]["null_result"] == "one seed; 1 of 1 seeds falsely supported"


def test_a_model_that_was_not_measured_is_named(inputs: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'nobody' plays a part in the claims, but its answers were not measured"):
        run_stage("safety", tmp_path / "safety", spec(noise="nobody"), inputs=inputs)


def test_figures_are_drawn_from_the_tables(made: Artifact) -> None:
    series = {name: pq.read_table(made.path(f"{name}.parquet")) for name in stage.SERIES}
    for name, chart in stage.charts(series).items():
        assert "<svg" in svg(chart), name
    empty = {name: one.slice(0, 0) for name, one in series.items()}
    for name, chart in stage.charts(empty).items():
        assert "Nothing to draw" in svg(chart), name


def test_the_same_answers_give_the_same_bytes(made: Artifact, inputs: dict[str, Any], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lineage.stages.safety.charts", no_charts)
        again = run_stage("safety", tmp_path / "safety", spec(), inputs=inputs)
    assert again.manifest.files == made.manifest.files


def test_it_starts_without_torch() -> None:
    check = "import sys, lineage.stages.safety; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
