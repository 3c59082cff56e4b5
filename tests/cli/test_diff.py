"""`lineage diff`: what sets two artifacts apart."""

import shutil

from tests.cli.building import Workspace
from tests.cli.conftest import ask, call


def test_checkpoints_differ_in_their_segment(built: Workspace):
    answer = ask("diff", "base@2", "base")
    assert (answer["a"], answer["b"], answer["equal"]) == ("models/base@2", "models/base@4", False)
    assert answer["spec"] == {"first_step": [0, 2], "last_step": [2, 4]}
    assert answer["inputs"]["start"][0] == "(none)"
    assert answer["inputs"]["start"][1].startswith("models/base@2 ")
    assert answer["code"] == {}
    assert list(answer["files"]) == ["order.parquet"]


def test_scores_differ_in_metrics_with_the_change(built: Workspace):
    path = built.root / "scores" / "base@4" / "language" / "metrics.json"
    path.write_text(path.read_text().replace("2.506", "2.406"))
    answer = ask("diff", "scores/base@2/language", "scores/base@4/language")
    assert answer["metrics"] == {"held_out.bits_per_byte.value": [2.506, 2.406]}
    lines = call("diff", "scores/base@2/language", "scores/base@4/language").stdout.splitlines()
    (line,) = [one for one in lines if one.startswith("metrics")]
    assert line.split() == ["metrics", "held_out.bits_per_byte.value", "2.506", "2.406", "-0.1"]


def test_artifacts_of_another_experiment_are_given_by_path(built: Workspace):
    shutil.copytree(built.root, built.folder / "results" / "second")
    same = call("diff", "base@2", "results/second/models/base@2")
    assert "have the same manifest" in same.stdout
    assert ask("diff", "results/second/models/base@4", "base@4")["equal"] is True


def test_kinds_may_differ(built: Workspace):
    assert ask("diff", "tokens/main", "base@2")["spec"]["stage"] == ["tokens", "pretrain"]


def test_an_artifact_that_is_not_built_is_an_error(workspace: Workspace):
    result = call("diff", "base@2", "base@4")
    assert result.exit_code == 2
    assert "is not built.\n  Build it: snakemake results/tiny/models/base@2/manifest.json" in result.stderr
