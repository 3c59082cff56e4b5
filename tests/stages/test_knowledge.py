"""From artifacts of simulated runs to statistics, verdicts and figures."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lineage.artifact import Artifact
from lineage.claims.knowledge import CLAIMS
from lineage.errors import UserError
from lineage.stages.knowledge import knowledge
from tests.analysis.simulation import Run
from tests.claims.building import DIGEST
from tests.stages.building import run_stage
from tests.stages.study import CALIBRATION, acquisition_of, exposures_of, plan_of, scores_of, world

Inputs = dict[str, Artifact | list[Artifact] | None]


@dataclass(frozen=True)
class Slice:
    """Inputs of the stage, and what it made of them."""

    inputs: Inputs
    spec: dict[str, Any]
    made: Artifact


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Slice:
    folder = tmp_path_factory.mktemp("study")
    runs = {
        "late": Run(steps=120, probes=1, seed=1),
        "early": Run(steps=120, probes=1, seed=2),
        "calibration": Run(arms=CALIBRATION, steps=120, probes=1, seed=3),
    }
    plans = {name: plan_of(folder, name, run) for name, run in runs.items()}
    measured = {name: acquisition_of(folder, plans[name], run) for name, run in runs.items()}
    known = world(folder)
    seen = exposures_of(folder, "base@600", known)
    forecast = run_stage(
        "forecast",
        folder / "forecasts" / "calibration",
        inputs={
            "calibration": measured["calibration"],
            "plan": plans["calibration"],
            "injections": [plans["late"]],
            "exposures": [seen],
            "world": known,
        },
    )
    scores = scores_of(folder, "base@600", known, {0: 0.1, 1: 0.2, 4: 0.5, 16: 0.8})
    inputs: Inputs = {
        "acquisition": [measured["late"], measured["early"]],
        "injections": list(plans.values()),
        "forecast": forecast,
        "scores": [scores],
        "world": known,
    }
    spec = {
        "reference": "late",
        "stages": ["early", "late"],
        "long_tail": "base@600",
        "design_digest": DIGEST,
        "seed": 3,
        "bootstrap_samples": 100,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lineage.stages.knowledge.charts", no_charts)
        return Slice(inputs, spec, run_stage("knowledge", folder / "analysis" / "knowledge", spec, inputs=inputs))


def no_charts(study: object) -> dict[str, Any]:
    """Figures take longer than all the rest; the slow tests draw them."""
    return {}


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage without its figures."""
    monkeypatch.setattr("lineage.stages.knowledge.charts", no_charts)


def table(artifact: Artifact, name: str) -> list[dict[str, str]]:
    with artifact.path(name).open(newline="") as file:
        return list(csv.DictReader(file))


def verdicts(artifact: Artifact) -> dict[str, str]:
    return {row["claim"]: row["verdict"] for row in table(artifact, "claims.csv") if row["primary"] == "True"}


def test_every_row_of_every_claim_is_in_the_slice(study: Slice) -> None:
    rows = table(study.made, "statistics.csv")
    assert [(row["claim"], row["row"]) for row in rows] == [
        (claim.id, row.name) for claim in CLAIMS for row in claim.rows if row.measure is not None
    ]
    assert {tuple(row[name] for name in ("world", "seed", "data", "design", "design_digest")) for row in rows} == {
        ("full", "3", "generated", "default", DIGEST)
    }


def test_one_seed_concludes_nothing(study: Slice) -> None:
    assert verdicts(study.made) == {
        "K1": "one seed",
        "K2": "one seed",
        "K3a": "one seed",
        "K3b": "one seed",
        "K3c": "not testable here",
        "K4": verdicts(study.made)["K4"],
        "K5": "one seed",
        "K6": "not testable here",
        "K7": "not testable here",
        "K8": "one seed",
        "K9": "one seed",
    }
    assert verdicts(study.made)["K4"] in ("one seed", "not testable here")


def test_measured_effects_are_those_that_were_simulated(study: Slice) -> None:
    """Mean effectivity over depths is 2 nats, adjacent depths are 1 apart, stages are equal, the kernel explains."""
    rows = {(row["claim"], row["row"]): row for row in table(study.made, "statistics.csv")}
    assert float(rows["K1", "effectivity"]["value"]) == pytest.approx(2.0, abs=0.2)
    assert float(rows["K2", "memorization-semantic"]["value"]) == pytest.approx(1.0, abs=0.2)
    assert float(rows["K3a", "effectivity late / early"]["value"]) == pytest.approx(1.0, abs=0.1)
    assert float(rows["K8", "recall by exposure"]["value"]) > 0.3
    assert float(rows["K9", "gains of the arms"]["value"]) < 0.5


@pytest.mark.usefixtures("undrawn")
def test_committed_slices_make_verdicts(study: Slice, tmp_path: Path) -> None:
    """The same slice as seeds 0 to 3, and a null world that is as positive as the full one."""
    text = study.made.path("statistics.csv").read_text()
    for seed in (0, 1, 2):
        changed = text.replace(",full,3,", f",full,{seed},")
        (tmp_path / f"full_{seed}.csv").write_text(changed)
    (tmp_path / "no_injection_0.csv").write_text(text.replace(",full,3,", ",no_injection,0,"))
    made = run_with_slices(study, tmp_path)
    found = {row["claim"]: row for row in table(made, "claims.csv") if row["primary"] == "True"}
    assert found["K2"]["seeds"] == "4 of 5"
    assert found["K2"]["verdict"] == "supported"
    assert found["K1"]["null_result"] == "one seed; 1 of 1 seeds falsely supported"
    summary = json.loads(made.path("summary.json").read_text())
    cases = table(made, "null_cases.csv")
    assert [row["seed"] for row in cases if row["claim"] == "K1"] == ["0"]
    supported = sum(row["supported"] == "True" for row in cases)
    assert (summary["null_cases"], summary["false_supports"]) == (len(cases), supported)
    assert made.manifest.counts["false_support_rate"] == pytest.approx(supported / len(cases))


@pytest.mark.usefixtures("undrawn")
def test_the_own_slice_replaces_its_committed_copy(study: Slice, tmp_path: Path) -> None:
    (tmp_path / "full_3.csv").write_text(study.made.path("statistics.csv").read_text())
    made = run_with_slices(study, tmp_path)
    assert verdicts(made) == verdicts(study.made)


def test_a_slice_of_another_design_under_the_same_name_is_refused(study: Slice, tmp_path: Path) -> None:
    text = study.made.path("statistics.csv").read_text().replace(",full,3,", ",full,0,")
    (tmp_path / "full_0.csv").write_text(text.replace(DIGEST, "f" * 16))
    with pytest.raises(UserError, match=rf"{DIGEST}: this experiment\n  f{{16}}: full_0\.csv"):
        run_with_slices(study, tmp_path)


@pytest.mark.usefixtures("undrawn")
def test_the_own_design_is_judged_beside_one_with_more_seeds(study: Slice, tmp_path: Path) -> None:
    text = study.made.path("statistics.csv").read_text().replace(",default,", ",larger,").replace(DIGEST, "f" * 16)
    for seed in (0, 1, 2):
        (tmp_path / f"full_{seed}.csv").write_text(text.replace(",full,3,", f",full,{seed},"))
    made = run_with_slices(study, tmp_path)
    assert {row["design"] for row in table(made, "claims.csv")} == {"default"}
    assert verdicts(made) == verdicts(study.made)


def test_a_damaged_slice_is_named(study: Slice, tmp_path: Path) -> None:
    (tmp_path / "torn.csv").write_text(study.made.path("statistics.csv").read_text()[:-40])
    with pytest.raises(UserError, match=r"torn\.csv, line"):
        run_with_slices(study, tmp_path)


def run_with_slices(study: Slice, slices: Path) -> Artifact:
    """The stage, called as the workflow would, with a folder of committed slices."""
    from lineage.stage import Call, Execution, run

    folder = slices / "out" / "knowledge"
    call = Call(
        stage="knowledge",
        spec=study.spec,
        code={},
        inputs={
            name: [one.folder for one in (given if isinstance(given, list) else [given])]
            for name, given in study.inputs.items()
            if given is not None
        },
        external={"slices": slices},
        external_digests={},
        execution=Execution(),
        out=folder / "manifest.json",
        state=slices / "out" / "state",
    )
    made = run(call)
    assert made is not None
    return made


@pytest.mark.usefixtures("undrawn")
def test_a_null_world_is_carried_as_the_slices_world(study: Slice, tmp_path: Path) -> None:
    made = run_stage(
        "knowledge", tmp_path / "k", study.spec | {"null": "same_text", "data": "generated"}, inputs=study.inputs
    )
    assert {row["world"] for row in table(made, "statistics.csv")} == {"same_text"}
    assert set(verdicts(made).values()) == {"not testable here"}
    assert [row["claim"] for row in table(made, "null_cases.csv")] == ["K5"]


def test_tables_behind_figures_are_kept(study: Slice) -> None:
    tail = pq.read_table(study.made.path("long_tail.parquet")).to_pylist()
    assert [row["value"] for row in tail if row["model"] == "base@600, recall"] == pytest.approx([0.1, 0.2, 0.5, 0.8])
    beside = pq.read_table(study.made.path("forecasts.parquet")).to_pylist()
    assert {row["quantity"] for row in beside} == {"gain", "share", "probability"}


@pytest.mark.slow
def test_figures_are_drawn_and_equal_inputs_give_equal_bytes(study: Slice, tmp_path: Path) -> None:
    first, second = (run_stage("knowledge", tmp_path / name, study.spec, inputs=study.inputs) for name in ("a", "b"))
    assert first.manifest.files == second.manifest.files
    names = [name for name in first.manifest.files if name.startswith("figures/")]
    drawn = ("effectivity", "effectivity_by_encounter", "effectivity_by_stage", "forecasts", "long_tail")
    drawn += ("retainability", "retainability_by_stage", "trajectories", "trajectories_with_spill_over")
    files = ["index.html", *(f"{one}{ending}" for one in drawn for ending in (".svg", ".vl.json"))]
    assert sorted(names) == [f"figures/{name}" for name in sorted(files)]
    assert first.path("figures/trajectories.svg").read_text().startswith("<svg")
    apart = {name for name, entry in study.made.manifest.files.items() if first.manifest.files[name] != entry}
    assert apart == {"figures/index.html"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": "lat"}, "name the run 'lat', but nothing was measured of it"),
        ({"long_tail": "base@1"}, "name the model 'base@1', but nothing was measured of it"),
    ],
)
def test_a_name_that_nothing_measured_is_an_error(
    study: Slice, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run_stage("knowledge", tmp_path / "k", study.spec | change, inputs=study.inputs)


def test_another_kind_of_artifact_is_refused(study: Slice, tmp_path: Path) -> None:
    wrong = study.inputs | {"scores": study.inputs["acquisition"]}
    with pytest.raises(UserError, match="of kind 'acquisition', but 'scores' is needed"):
        run_stage("knowledge", tmp_path / "k", study.spec, inputs=wrong)


def test_it_imports_no_torch() -> None:
    assert knowledge.__module__ == "lineage.stages.knowledge"
    check = "import sys, lineage.stages.knowledge; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
