"""`lineage why`: the reasons, and that fingerprints of resume state are those of `lineage.stage`."""

import json
from pathlib import Path

import pytest

from lineage import stage
from lineage.artifact import Artifact, ArtifactWriter
from lineage.cli import staleness
from lineage.cli.project import open_project
from lineage.config.corpus import Corpus
from lineage.config.documents import Documents
from lineage.external import digest
from tests.cli.building import Workspace, build_one, code_of
from tests.cli.conftest import ask, call


def texts(*arguments: str) -> dict[str, list[str]]:
    """Reasons in words by artifact."""
    answer = ask("why", *arguments)
    return {one["artifact"]: [reason["text"] for reason in one["reasons"]] for one in answer["artifacts"]}


def test_a_fresh_lineage_has_nothing_to_do(built: Workspace):
    answer = ask("why", "--all")
    assert answer["rebuilt"] == []
    assert call("why", "base").stdout == "Nothing to do for models/base@4.\n"


def test_a_changed_key_is_named_with_both_values_and_reaches_the_descendants(built: Workspace):
    built.write_config(lambda config: config["models"]["base"]["optimization"].update(peak_learning_rate=0.002))
    reasons = texts("scores/base@4/language")
    assert reasons["models/base@2"] == ["spec optimization.peak_learning_rate 0.001 -> 0.002"]
    assert reasons["models/base@4"][1] == "input start: models/base@2 is stale"
    assert "input model: models/base@4 is stale" in reasons["scores/base@4/language"]
    assert reasons["data/tokens/main"] == []
    assert ask("why", "base@2")["rebuilt"] == ["models/base@2"]
    shown = call("why", "base@2").stdout.splitlines()
    assert shown == ["models/base@2 is stale: spec optimization.peak_learning_rate 0.001 -> 0.002", "1 to build."]


def test_parents_stand_before_children_and_only_ancestors_are_told(built: Workspace):
    names = [one["artifact"] for one in ask("why", "tokens/main")["artifacts"]]
    assert names == ["data/world", "data/documents/notes", "data/corpora/main", "tokenizers/main", "data/tokens/main"]


def test_changed_code_packages_and_word_lists_are_told_apart(built: Workspace, monkeypatch: pytest.MonkeyPatch):
    def edited(name: str) -> dict[str, str]:
        code = {
            **code_of(name),
            "torch": "2.14",
            "python": "3.12",
            f"lineage.stages.{name}": "bbbb",
            "lineage.new": "dddd",
        }
        return {key: value for key, value in code.items() if key != "lineage/words/names.txt"}

    monkeypatch.setattr(staleness, "code_of_stage", edited)
    assert texts("data/world")["data/world"] == [
        "code lineage.new is new",
        "code lineage.stages.world changed",
        "package data lineage/words/names.txt is no longer used",
        "python 3.11 -> 3.12",
        "package torch 2.13 -> 2.14",
    ]


def test_switching_code_tracking_off_is_one_reason(built: Workspace):
    built.write_config(lambda config: config.update(track_code=False))
    assert texts("data/world")["data/world"] == ["code was tracked and now is not tracked"]


def test_external_files_count_by_content_not_by_place(built: Workspace):
    (built.folder / "notes").rename(built.folder / "moved")
    built.write_config(lambda config: config["documents"]["notes"].update(path="moved"))
    assert ask("why", "--all")["rebuilt"] == []
    (built.folder / "moved" / "a.txt").write_text("another note")
    assert texts("documents/notes")["data/documents/notes"] == ["external source: the content of moved changed"]
    built.write_config()
    (reason,) = texts("documents/notes")["data/documents/notes"]
    assert "external source: notes: no such file or folder" in reason


def test_missing_and_damaged_artifacts_are_said(built: Workspace):
    (built.root / "tokenizers" / "main" / "manifest.json").unlink()
    (built.root / "data" / "world" / "facts.parquet").write_bytes(b"short")
    answer = {one["artifact"]: one for one in ask("why", "tokens/main")["artifacts"]}
    assert answer["tokenizers/main"]["state"] == "missing"
    assert answer["data/world"]["state"] == "partial"
    assert "facts.parquet" in answer["data/world"]["reasons"][0]["text"]
    assert "input tokenizer: tokenizers/main is missing" in texts("tokens/main")["data/tokens/main"]
    assert "tokenizers/main is not built yet" in call("why", "tokens/main").stdout


def test_an_input_that_was_rebuilt_with_other_content_is_a_reason(built: Workspace):
    manifest = built.root / "data" / "corpora" / "main" / "manifest.json"
    fields = json.loads(manifest.read_text())
    fields["counts"]["documents"] = 99
    manifest.write_text(json.dumps(fields))
    reasons = texts("tokens/main")
    assert reasons["data/corpora/main"] == []
    assert reasons["tokenizers/main"] == ["input corpus: data/corpora/main has other content than at that time"]


def test_inputs_that_come_go_or_change_places_are_reasons(built: Workspace):
    built.write_config(lambda config: config["corpora"]["main"].update(of=["notes", "world"]))
    assert texts("corpora/main")["data/corpora/main"] == ["input documents: another set or order of artifacts (2 -> 2)"]
    built.write_config(lambda config: config["corpora"]["main"].update(of=["notes"]))
    assert texts("corpora/main")["data/corpora/main"] == ["input documents: another set or order of artifacts (2 -> 1)"]
    assert "input world is no longer read" in texts("tokenizers/main")["tokenizers/main"]


def test_a_target_or_all_is_needed_and_typos_are_met_with_the_nearest_name(built: Workspace):
    assert call("why").exit_code == 2
    result = call("why", "bas")
    assert result.exit_code == 2
    assert "Did you mean 'base'?" in result.stderr
    ambiguous = call("why", "main")
    assert ambiguous.exit_code == 2
    assert "data/corpora/main, tokenizers/main, data/tokens/main" in ambiguous.stderr


@pytest.mark.parametrize(
    "target", ["base@2", "models/base@2", "results/tiny/models/base@2", "results/tiny/models/base@2/manifest.json"]
)
def test_every_way_to_write_a_target(built: Workspace, target: str):
    assert ask("why", target)["targets"] == ["models/base@2"]


def test_without_the_config_of_these_results_there_is_no_answer(built: Workspace):
    (built.folder / "config.yaml").unlink()
    result = call("why", "base@2")
    assert result.exit_code == 2
    assert "no config here describes these results" in result.stderr


def test_fingerprints_of_resume_state_are_those_of_the_stage_entry(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    """Runs jobs through `lineage.stage.run` and compares the folder that each was given for its state."""
    given: dict[str, str] = {}

    def documents(config: Documents, *, source: Path, out: ArtifactWriter) -> None:
        out.kind, given["data/documents/notes"] = "documents", out.state.name

    def corpus(config: Corpus, *, documents: list[Artifact], out: ArtifactWriter) -> None:
        out.kind, given[f"data/corpora/{out.target.name}"] = "corpus", out.state.name

    monkeypatch.setattr(stage, "stage_function", {"documents": documents, "corpus": corpus}.__getitem__)
    workspace.write_config(lambda config: config["corpora"].update(small={"of": ["notes"]}))
    build_one(workspace.plan["data/world"], workspace.root)
    for name in ("data/documents/notes", "data/corpora/main", "data/corpora/small"):
        job = workspace.plan[name]
        manifests = {
            role: [workspace.root / one / "manifest.json" for one in made] for role, made in job.inputs.items()
        }
        stage.run(
            stage.Call(
                stage=job.stage,
                spec=json.loads(job.spec),
                code=code_of(job.stage),
                inputs=manifests,
                external=job.external,
                external_digests={role: digest(path) for role, path in job.external.items()},
                execution=stage.Execution(),
                out=workspace.root / name / "manifest.json",
                state=workspace.root / "state" / name,
            )
        )
    project = open_project(None, None, None, None)
    verdicts = staleness.judge(project)
    expected = {name: staleness.fingerprint(project, project.plan[name], verdicts) for name in given}
    assert given == expected
    assert len(set(given.values())) == 3
    assert verdicts["data/corpora/main"].state == "whole"
