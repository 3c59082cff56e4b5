"""The stage `judged`: answers read again, each rate with the error of who judged."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.errors import UserError
from lineage.evaluation.examples import EXAMPLES, Example, write_examples
from lineage.evaluation.items import ITEMS, Item, read_items
from lineage.evaluation.judges.calibration import corrected_rate
from lineage.evaluation.judges.opening import read_confusion
from lineage.stage import Call, run
from tests.stages.building import in_many_runs, rows_of, run_stage
from tests.stages.conftest import Material
from tests.stages.test_judge import PROMPT, TABLE, XSTEST, completions_file, made
from tests.stages.test_outside_prompts import FIXTURE

OUTPUTS = ("Turn it off.", "I will not help with that.", "No, I won't.", "Take a gun.")
"""To a benign, a harmful, a benign and a harmful prompt."""


def example(item: Item, output: str, *, prompts: str = "mine") -> Example:
    known: dict[str, Any] = {one.name: getattr(item, one.name, None) for one in fields(Example)}
    known |= {"prompts": prompts, "pictures": 0, "prompt": item.asked, "output": output, "ended": True, "tokens": 3}
    known |= {"outcome": "answered", "refusal": "none", "judge": "nobody-0"}
    return Example(**known)


@pytest.fixture
def prompts(tmp_path: Path) -> Artifact:
    return run_stage("outside_prompts", tmp_path / "prompts" / "mine", {"source": "xstest"}, source=FIXTURE)


@pytest.fixture
def scores(prompts: Artifact, tmp_path: Path) -> Artifact:
    """What a model said to these prompts, and to another set that nobody judges."""
    items = read_items(prompts.path(ITEMS))
    said = [example(item, output) for item, output in zip(items, OUTPUTS, strict=True)]
    out = ArtifactWriter.create(tmp_path / "scores" / "safety", state=tmp_path / "scores.state")
    out.kind = "scores"
    write_examples([*said, example(items[0], "I refuse.", prompts="other")], out.path(EXAMPLES))
    return out.close(stage="score_safety", spec={}, code={}, inputs={})


def judge_again(
    folder: Path,
    spec: dict[str, Any],
    scores: Artifact,
    judge: Artifact,
    prompts: Artifact,
    minutes: float | None = None,
    **external: Path,
) -> Artifact:
    call = Call(
        stage="judged",
        spec={"prompts": ["mine"], "samples": 200} | spec,
        code={},
        inputs={"scores": [scores.folder], "judge": [judge.folder], "prompts": [prompts.folder]},
        external=external,
        external_digests={},
        execution=Execution(device="cpu", threads=1, minutes=minutes),
        out=folder / "judged" / "mine" / "manifest.json",
        state=folder / "judged.state",
    )
    artifact = run(call)
    assert artifact is not None
    return artifact


def test_rates_stand_with_the_judges_error(
    scores: Artifact,
    prompts: Artifact,
    tmp_path: Path,
) -> None:
    judge = made(tmp_path, {"by": "rules", "labelled": TABLE}, labelled=completions_file(tmp_path))
    artifact = judge_again(tmp_path, {}, scores, judge, prompts)
    told = json.loads(artifact.path("metrics.json").read_text())
    error = read_confusion(judge.folder, of="labelled")
    assert error is not None and told["labelled"] == error.row()
    assert told["judge"]["name"] == "rules"
    harmful, benign = (told["rates"]["mine"]["xstest"][harm] for harm in ("harmful", "benign"))
    assert [harmful["refused"][name] for name in ("numerator", "n")] == [1, 2]
    assert [benign["refused"][name] for name in ("numerator", "n")] == [1, 2]
    clusters = [item.cluster for item in read_items(prompts.path(ITEMS)) if item.harmful]
    assert harmful["refused_corrected"] == corrected_rate([True, False], clusters, error, samples=200, seed=0)
    assert harmful["harmful_responses"] is None, "rules say nothing of harm"
    assert [row["verdict"] for row in rows_of(artifact, EXAMPLES)] == ["none", "full", "full", "none"]


def test_a_judge_without_labels_has_no_corrected_rate(
    scores: Artifact,
    prompts: Artifact,
    tmp_path: Path,
) -> None:
    judge = made(tmp_path, {"by": "rules", "labelled": TABLE}, labelled=completions_file(tmp_path))
    told = json.loads(judge.path("calibration.json").read_text())
    judge.path("calibration.json").write_text(json.dumps({"judge": told["judge"], "world": told["labelled"]}))
    (tmp_path / "judges" / "mine" / "manifest.json").write_text(resealed(judge))
    artifact = judge_again(tmp_path, {}, scores, Artifact.open(judge.folder), prompts)
    told = json.loads(artifact.path("metrics.json").read_text())
    assert told["labelled"] is None
    assert told["rates"]["mine"]["xstest"]["harmful"]["refused_corrected"] is None


def resealed(artifact: Artifact) -> str:
    """The manifest with the size of a file that a test has changed."""
    manifest = json.loads((artifact.folder / "manifest.json").read_text())
    manifest["files"]["calibration.json"]["bytes"] = artifact.path("calibration.json").stat().st_size
    return json.dumps(manifest)


def test_a_generative_judge_reads_answers_and_is_the_one_that_was_measured(
    scores: Artifact,
    prompts: Artifact,
    material: Material,
    base: Artifact,
    tmp_path: Path,
) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text(PROMPT)
    asked = {"by": "generative", "max_new_tokens": 2}
    judge = made(
        tmp_path, {**asked, "labelled": XSTEST}, labelled=completions_file(tmp_path), model=base.folder, prompt=prompt
    )
    given: dict[str, Any] = {"model": base.folder, "prompt": prompt}
    artifact = judge_again(tmp_path, {"generative": asked}, scores, judge, prompts, **given)
    assert artifact.manifest.counts == {"examples": 4, "unparsed": 4}
    assert {row["verdict"] for row in rows_of(artifact, EXAMPLES)} == {None}
    prompt.write_text(f"Please. {PROMPT}")
    with pytest.raises(UserError, match="prompt or model have changed"):
        judge_again(tmp_path, {"generative": asked}, scores, judge, prompts, **given)


def test_a_generative_judge_that_is_stopped_reads_nothing_twice(
    scores: Artifact,
    prompts: Artifact,
    material: Material,
    base: Artifact,
    tmp_path: Path,
) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text(PROMPT)
    asked = {"by": "generative", "max_new_tokens": 2, "batch_rows": 1}
    given: dict[str, Any] = {"model": base.folder, "prompt": prompt}
    judge = made(tmp_path, {**asked, "labelled": XSTEST}, labelled=completions_file(tmp_path), **given)
    whole = judge_again(tmp_path / "whole", {"generative": asked}, scores, judge, prompts, **given)
    stopped, runs = in_many_runs(
        lambda minutes: judge_again(
            tmp_path / "stopped", {"generative": asked}, scores, judge, prompts, minutes, **given
        )
    )
    assert (stopped.digest, runs) == (whole.digest, len(OUTPUTS))
