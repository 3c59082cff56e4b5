"""The stage `judge`: what each judge leaves behind, and that it is measured on what it was not trained on."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lineage.artifact import Artifact
from lineage.config.execution import Execution
from lineage.errors import UserError
from lineage.evaluation.judges.calibration import Confusion
from lineage.evaluation.judges.judge import Response
from lineage.evaluation.judges.opening import open_judge, read_confusion
from lineage.evaluation.judges.rules import rules_judge
from lineage.freshness import code_fingerprint
from lineage.stage import Call, run
from tests.evaluation.judges.building import labelled
from tests.stages.building import in_many_runs, names_in, rows_of, run_stage
from tests.stages.conftest import Material
from tests.world.worlds import SAFETY_SIZES, SMALL, SMALL_SAFETY

LABELS = {"none": "1_full_compliance", "full": "2_full_refusal", "partial": "3_partial_refusal"}
XSTEST = {"form": "xstest"}
TABLE = {
    "form": "table",
    "columns": {"request": "prompt", "response": "completion", "label": "final_label", "group": "type"},
    "labels": {label: ours for ours, label in LABELS.items()},
}
PROMPT = "Read this. {request}\n---\n{response}\nNow answer:"


def made(
    folder: Path,
    spec: Mapping[str, Any],
    *,
    inputs: Mapping[str, Artifact] | None = None,
    minutes: float | None = None,
    **external: Path,
) -> Artifact:
    call = Call(
        stage="judge",
        spec=dict(spec),
        code={},
        inputs={name: [one.folder] for name, one in (inputs or {}).items()},
        external=external,
        external_digests={},
        execution=Execution(device="cpu", threads=1, minutes=minutes),
        out=folder / "judges" / "mine" / "manifest.json",
        state=folder / "state",
    )
    artifact = run(call)
    assert artifact is not None
    return artifact


@pytest.fixture(scope="module")
def safety(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("made")
    world = run_stage("world", folder / "world", {**SMALL, **SAFETY_SIZES})
    return run_stage("safety_data", folder / "safety", SMALL_SAFETY, inputs={"world": world})


@pytest.fixture
def completions(tmp_path: Path) -> Path:
    return completions_file(tmp_path)


def completions_file(folder: Path) -> Path:
    """A file in the exact form of XSTest's completions; topics are types."""
    path = folder / "completions.csv"
    columns = ["id", "type", "prompt", "completion", "annotation_1", "annotation_2", "agreement", "final_label"]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "strmatch_label"])
        for one in labelled():
            label = LABELS[one.label]
            writer.writerow([f"v2-{one.id}", one.kind, *one.response, label, label, "True", label, ""])
    return path


def calibration(artifact: Artifact) -> dict[str, Any]:
    return json.loads(artifact.path("calibration.json").read_text())


def test_a_trained_judge_is_measured_on_groups_that_it_did_not_see(completions: Path, tmp_path: Path) -> None:
    artifact = made(tmp_path, {"by": "trained", "labelled": XSTEST, "penalties": [0.1, 1.0]}, labelled=completions)
    assert artifact.kind == "judge"
    files = ["calibration.json", "examples.parquet", "judge.json", "manifest.json", "run.json", "weights.json"]
    assert names_in(artifact.folder) == files
    found = calibration(artifact)["labelled"]
    assert found["refusal"]["n"] == len(labelled()) == sum(kind["n"] for kind in found["kinds"].values())
    assert found["refusal"]["f1"] > 0.9
    judge = open_judge(artifact.folder)
    assert judge.digest == calibration(artifact)["judge"]["digest"]
    inside = [judge.judge([one.response])[0] for one in labelled()]
    held_out = rows_of(artifact, "examples.parquet")
    assert [row["label"] for row in held_out] == [one.label for one in labelled()]
    scores = [row["score"] for row in held_out]
    assert scores != [one.score for one in inside if one], "the same judge would have seen what it is measured on"


def test_same_spec_same_bytes(completions: Path, tmp_path: Path) -> None:
    spec = {"by": "trained", "labelled": XSTEST, "penalties": [0.1]}
    one, other = (made(tmp_path / name, spec, labelled=completions) for name in ("a", "b"))
    assert one.digest == other.digest


def test_no_text_is_kept(completions: Path, tmp_path: Path) -> None:
    artifact = made(tmp_path, {"by": "rules", "labelled": XSTEST}, labelled=completions)
    assert "mushrooms" not in artifact.path("calibration.json").read_text().replace('"mushrooms"', "")
    assert set(rows_of(artifact, "examples.parquet")[0]) == {"set", "id", "group", "kind", "label", "verdict", "score"}


def test_rules_on_a_table_of_ones_own(completions: Path, tmp_path: Path) -> None:
    artifact = made(tmp_path, {"by": "rules", "labelled": TABLE}, labelled=completions)
    verdicts = rules_judge().judge([one.response for one in labelled()])
    assert [row["verdict"] for row in rows_of(artifact, "examples.parquet")] == [
        one and one.refusal for one in verdicts
    ]
    found = read_confusion(artifact.folder, of="labelled")
    assert isinstance(found, Confusion) and found.n == len(labelled())
    assert read_confusion(artifact.folder, of="world") is None
    assert open_judge(artifact.folder) is rules_judge()


def test_the_world_is_measured_too(tmp_path: Path, safety: Artifact) -> None:
    artifact = made(tmp_path, {"by": "rules", "world_requests": 3}, inputs={"safety_data": safety})
    kinds = calibration(artifact)["world"]["kinds"]
    flagged = {kind: one["flagged"] / one["n"] for kind, one in kinds.items()}
    assert flagged == {
        "refusal": 1.0,
        "paraphrase": 1.0,
        "half_answer": 1.0,
        "answer": 0.0,
        "wrong_tool": 0.0,
        "reason_alone": 0.0,
    }
    table = calibration(artifact)["world"]["table"]
    assert table["partial"] == {"none": 0, "partial": 3, "full": 0, "unparsed": 0}


def test_a_generative_judge_is_asked_and_what_cannot_be_read_is_counted(
    material: Material, base: Artifact, completions: Path, tmp_path: Path
) -> None:
    """A tiny random model babbles: no line can be read, nothing is guessed."""
    prompt = tmp_path / "prompt.txt"
    prompt.write_text(PROMPT)
    spec = {"by": "generative", "labelled": XSTEST, "max_new_tokens": 3, "batch_rows": 7}
    artifact = made(tmp_path, spec, labelled=completions, model=base.folder, prompt=prompt)
    found = calibration(artifact)["labelled"]
    assert found["unparsed"] == found["refusal"]["n"] == len(labelled())
    assert {row["verdict"] for row in rows_of(artifact, "examples.parquet")} == {None}
    with pytest.raises(UserError, match="a generative judge reads outputs in a stage of its own"):
        open_judge(artifact.folder)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"by": "rules"}, "give one"),
        ({"by": "rules", "labelled": XSTEST}, "needs `labelled.path`"),
        ({"by": "generative", "world_requests": 1, "labelled": None}, "give one"),
    ],
)
def test_nothing_to_measure_on(spec: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=text):
        made(tmp_path, spec)


def test_what_a_user_can_do_wrong(completions: Path, tmp_path: Path, base: Artifact) -> None:
    generative = {"by": "generative", "labelled": XSTEST}
    with pytest.raises(UserError, match="needs `prompt_path`"):
        made(tmp_path, generative, labelled=completions, model=base.folder)
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("{response} {request}")
    with pytest.raises(UserError, match=r"must hold {request} once and behind it {response} once"):
        made(tmp_path, generative, labelled=completions, model=base.folder, prompt=prompt)
    prompt.write_text(PROMPT)
    with pytest.raises(UserError, match=r"either `path` .* or `name`"):
        made(tmp_path, generative, labelled=completions, prompt=prompt)
    with pytest.raises(UserError, match=r"no config.json"):
        made(tmp_path, generative, labelled=completions, prompt=prompt, model=tmp_path)
    completions.write_text(completions.read_text().replace("final_label", "label"))
    with pytest.raises(UserError, match=r"no column 'final_label'.*\n  columns found: id, type, prompt"):
        made(tmp_path, {"by": "rules", "labelled": XSTEST}, labelled=completions)
    completions.write_text(completions.read_text().replace(",label", ",final_label").replace("2_full_refusal", "yes"))
    with pytest.raises(UserError, match="the label is 'yes'"):
        made(tmp_path, {"by": "rules", "labelled": XSTEST}, labelled=completions)


def test_a_judge_whose_weights_were_edited_is_refused(completions: Path, tmp_path: Path) -> None:
    artifact = made(tmp_path, {"by": "trained", "labelled": XSTEST, "penalties": [0.1]}, labelled=completions)
    weights = json.loads(artifact.path("weights.json").read_text())
    artifact.path("weights.json").write_text(json.dumps(weights | {"threshold": 0.99}))
    with pytest.raises(UserError, match="Make the judge again"):
        open_judge(artifact.folder)


def test_rules_start_without_torch_and_scikit_learn() -> None:
    code = "import lineage.stages.judge, sys; print({'torch', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_patterns_and_words_are_part_of_the_code() -> None:
    found = code_fingerprint("judge")
    assert {name for name in found if name.endswith(".toml")} == {
        f"lineage/evaluation/judges/patterns/{name}.toml" for name in ("refusals", "speech")
    }


def test_a_response_of_another_model(completions: Path, tmp_path: Path) -> None:
    """Trained on responses that never say so, it knows who declines."""
    artifact = made(tmp_path, {"by": "trained", "labelled": XSTEST, "penalties": [0.1]}, labelled=completions)
    said = [Response("How?", "I cannot help with that."), Response("How?", "Take the small key.")]
    assert [one and one.refusal for one in open_judge(artifact.folder).judge(said)] == ["full", "none"]


def test_a_generative_judge_that_is_stopped_asks_nothing_twice(
    completions: Path, material: Material, base: Artifact, tmp_path: Path
) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text(PROMPT)
    spec = {"by": "generative", "max_new_tokens": 2, "batch_rows": 16, "labelled": XSTEST}
    given: dict[str, Any] = {"labelled": completions, "model": base.folder, "prompt": prompt}
    whole = made(tmp_path / "whole", spec, **given)
    stopped, runs = in_many_runs(lambda minutes: made(tmp_path / "stopped", spec, minutes=minutes, **given))
    assert stopped.digest == whole.digest
    assert runs == math.ceil(len(labelled()) / 16) > 2
