"""`lineage verify`: every kind of damage is found, and nothing else."""

import json

from lineage.artifact import file_sha256
from tests.cli.building import Workspace
from tests.cli.conftest import ask, call


def test_whole_artifacts_pass(built: Workspace):
    answer = ask("verify")
    assert answer["artifacts"] == len(built.plan)
    assert answer["bytes"] > 0
    assert answer["damaged"] == []
    assert "All whole" in call("verify").stdout


def test_damage_is_listed_with_what_was_expected_and_found(built: Workspace):
    weights = built.root / "models" / "base@2" / "model.safetensors"
    expected = file_sha256(weights)
    weights.write_bytes(b"wEights")
    (built.root / "data" / "world" / "facts.parquet").write_bytes(b"")
    (built.root / "data" / "world" / "mentions.parquet").unlink()
    (built.root / "tokenizers" / "main" / "manifest.json").write_text("{}")
    result = call("verify", "--json")
    assert result.exit_code == 2
    damaged = {one["file"]: one for one in json.loads(result.stdout)["damaged"]}
    assert {name: one["problem"] for name, one in damaged.items()} == {
        "model.safetensors": "other content",
        "facts.parquet": "other size",
        "mentions.parquet": "missing",
        "manifest.json": "unreadable manifest",
    }
    assert damaged["model.safetensors"]["expected_sha256"] == expected
    assert damaged["model.safetensors"]["found_sha256"] == file_sha256(weights)
    assert damaged["facts.parquet"]["found_bytes"] == 0
    shown = call("verify")
    assert shown.exit_code == 2
    assert "4 damaged files" in shown.stdout
    assert expected in shown.stdout


def test_only_the_named_artifacts_are_read(built: Workspace):
    (built.root / "models" / "base@2" / "model.safetensors").write_bytes(b"wEights")
    assert ask("verify", "tokens/main", "base@4")["artifacts"] == 2
    assert call("verify", "base@2").exit_code == 2


def test_a_target_that_is_not_built_is_an_error(workspace: Workspace):
    result = call("verify", "base@2")
    assert result.exit_code == 2
    assert "models/base@2 is not built" in result.stderr
