"""`lineage runs`, and how any command finds the experiment."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lineage.cli.display import plain_table, show_table
from lineage.cli.inventory import natural
from tests.cli.building import Workspace
from tests.cli.conftest import ask, call


def test_artifacts_stand_parents_first_with_what_they_were_made_from(built: Workspace):
    rows = {row["artifact"]: row for row in ask("runs")}
    names = list(rows)
    assert names == list(built.plan)
    assert {row["state"] for row in rows.values()} == {"whole"}
    model = rows["models/base@4"]
    assert (model["kind"], model["stage"]) == ("model", "pretrain")
    assert model["parents"]["start"] == ["models/base@2"]
    assert model["parents"]["tokens"] == ["data/tokens/main"]
    assert model["seconds"] == 1.25
    assert model["figures"] == {"parameters": 1200}
    assert rows["data/corpora/main"]["parents"] == {"documents": ["data/world", "data/documents/notes"]}


def test_parameters_are_those_that_are_not_the_default(built: Workspace):
    rows = {row["artifact"]: row["parameters"] for row in ask("runs")}
    assert rows["data/world"] == {}
    assert rows["data/documents/notes"] == {"reader": "text"}
    assert rows["tokenizers/main"] == {"vocab_size": 300}
    model = rows["models/base@4"]
    assert model["first_step"] == 2
    assert model["optimization.batch_tokens"] == 8
    assert "optimization.peak_learning_rate" not in model
    assert "first_step" not in rows["models/base@2"]


def test_scores_show_their_metrics(built: Workspace):
    rows = {row["artifact"]: row for row in ask("runs")}
    figures = rows["scores/base@4/language"]["figures"]
    assert next(iter(figures)) == "held_out.bits_per_byte.value"
    assert "held_out.bits_per_byte=2.506" in call("runs").stdout


def test_states_tell_stale_partial_and_dropped_artifacts(built: Workspace):
    built.write_config(lambda config: (config["models"]["base"].update(steps=5), config.pop("scores")))
    (built.root / "data" / "world" / "facts.parquet").unlink()
    (built.root / "models" / "other@1.partial").mkdir()
    states = {row["artifact"]: row["state"] for row in ask("runs")}
    assert states["models/base@2"] == "stale"
    assert states["data/world"] == "partial"
    assert states["models/other@1"] == "partial"
    assert states["scores/base@2/language"] == "unreferenced"
    assert states["data/documents/notes"] == "whole"


def test_an_unreadable_manifest_does_not_hide_the_rest(built: Workspace):
    (built.root / "tokenizers" / "main" / "manifest.json").write_text("{")
    rows = {row["artifact"]: row for row in ask("runs")}
    assert rows["tokenizers/main"]["state"] == "partial"
    assert "not a manifest" in rows["tokenizers/main"]["problem"]
    assert len(rows) == len(built.plan)
    assert call("runs").exit_code == 0


def test_a_side_file_that_is_no_json_is_named(built: Workspace):
    (built.root / "models" / "base@2" / "run.json").write_text("{")
    result = call("runs")
    assert result.exit_code == 2
    assert "results/tiny/models/base@2/run.json: not valid JSON" in result.stderr


def test_without_a_config_the_only_experiment_is_shown_and_nothing_is_called_stale(built: Workspace):
    (built.folder / "config.yaml").unlink()
    rows = ask("runs")
    assert {row["state"] for row in rows} == {"whole"}
    names = [row["artifact"] for row in rows]
    for row in rows:
        for parents in row["parents"].values():
            assert all(parent is None or names.index(parent) < names.index(row["artifact"]) for parent in parents)


def test_without_a_config_several_experiments_need_a_choice(built: Workspace):
    shutil.copytree(built.root, built.folder / "results" / "second")
    (built.folder / "config.yaml").unlink()
    result = call("runs")
    assert result.exit_code == 2
    assert "second, tiny" in result.stderr
    assert len(ask("runs", "--experiment", "second")) == len(ask("runs", "--experiment", "tiny")) > 0


def test_unknown_experiment_is_named_with_the_nearest(built: Workspace):
    result = call("runs", "--experiment", "tinny")
    assert result.exit_code == 2
    assert "Did you mean 'tiny'?" in result.stderr


def test_nothing_built_says_how_to_build(workspace: Workspace):
    assert ask("runs") == []
    assert "nothing is built yet" in call("runs").stdout


def test_results_folder_comes_from_the_option_then_from_pathvars(built: Workspace):
    (built.folder / "results").rename(built.folder / "elsewhere")
    assert ask("runs") == []
    assert len(ask("runs", "--results", "elsewhere")) == len(built.plan)
    built.write_config(lambda config: config.update(pathvars={"results": "elsewhere"}))
    assert len(ask("runs")) == len(built.plan)


def test_overlays_come_after_config_yaml_and_settings_after_overlays(built: Workspace):
    (built.folder / "more.yaml").write_text("models: {base: {steps: 6}}")
    whole = {row["artifact"]: row["state"] for row in ask("runs")}
    changed = {row["artifact"]: row["state"] for row in ask("runs", "--configfile", "more.yaml")}
    assert (whole["models/base@2"], changed["models/base@2"]) == ("whole", "stale")
    back = call("config", "check", "--configfile", "more.yaml", "--config", "experiment=other")
    assert "Experiment 'other'" in back.stdout


def test_mistake_in_the_config_is_a_message_and_exit_code_2(workspace: Workspace):
    workspace.write_config(lambda config: config["models"]["base"].update(stepps=3))
    result = call("runs")
    assert result.exit_code == 2
    assert "models.base.stepps is no known key. Did you mean 'steps'?" in result.stderr
    assert "Traceback" not in result.stderr


def test_plain_table_keeps_every_character():
    long = "x" * 300
    assert plain_table(["a", "n#"], [[long, "1"]]).splitlines()[1] == f"{long}  1"


def test_checkpoints_sort_by_number():
    assert sorted(["base@1000", "base@300", "base@20"], key=natural) == ["base@20", "base@300", "base@1000"]


def test_a_terminal_gets_a_rich_table(
    built: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    show_table(["artifact", "seconds#"], [["models/base@2", "1.2"]], title="[results]")
    shown = capsys.readouterr().out
    assert "models/base@2" in shown
    assert "[results]" in shown
    assert "─" in shown or "━" in shown


def test_start_up_imports_nothing_heavy(built: Workspace):
    """`lineage runs` must answer at once: neither torch nor transformers nor pandas may be loaded for it."""
    script = (
        "import json, sys\n"
        "from lineage.cli.main import app\n"
        "try:\n    app(['runs', '--json'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'transformers', 'pandas', 'pyarrow', 'datasets'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert json.loads(done.stderr.splitlines()[-1]) == []
