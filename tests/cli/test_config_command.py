"""`lineage config`: check, schema, docs."""

import json

from lineage.config.reference import config_markdown, config_schema
from tests.cli.building import Workspace
from tests.cli.conftest import ask, call


def test_check_shows_the_tree_of_models(workspace: Workspace):
    more = {"stage": "pretrain", "tokens": "main", "start": "base@2", "steps": 3}
    workspace.write_config(lambda config: config["models"].update(more=more))
    assert call("config", "check").stdout.splitlines()[1:] == [
        "base (pretrain): @2 @4",
        "  more (pretrain from base@2): @3",
    ]
    answer = ask("config", "check")
    assert answer["artifacts"] == len(workspace.plan)
    assert answer["models"][1] == {"name": "more", "stage": "pretrain", "parent": "base@2", "checkpoints": [3]}


def test_check_reports_mistakes_with_file_and_key(workspace: Workspace):
    (workspace.folder / "wrong.yaml").write_text("models: {base: {tokens: mian}}")
    result = call("config", "check", "--configfile", "wrong.yaml")
    assert result.exit_code == 2
    assert "wrong.yaml: models.base.tokens is 'mian', which is no token stream. Did you mean 'main'?" in result.stderr


def test_check_without_any_config_says_what_to_do(workspace: Workspace):
    (workspace.folder / "config.yaml").unlink()
    result = call("config", "check")
    assert result.exit_code == 2
    assert "no config.yaml in this folder" in result.stderr


def test_settings_that_are_no_pair_are_refused(workspace: Workspace):
    result = call("config", "check", "--config", "data_root")
    assert result.exit_code == 2
    assert "write KEY=VALUE" in result.stderr


def test_schema_and_docs_print_the_generated_texts(workspace: Workspace):
    assert call("config", "schema").stdout == config_schema()
    assert json.loads(call("config", "schema").stdout)["additionalProperties"] is False
    assert call("config", "docs").stdout == config_markdown()
