"""`lineage show-batch`: a step's rows, with document ids and text."""

import pytest

from tests.cli.building import Workspace
from tests.cli.conftest import ask, call


def test_rows_name_their_documents(built: Workspace):
    answer = ask("show-batch", "base", "3")
    assert (answer["model"], answer["tokens"]) == ("models/base@4", "data/tokens/main")
    assert answer["segments"] == [
        {"row": 0, "column": 0, "document": "two", "start": 1, "stop": 4},
        {"row": 1, "column": 1, "document": "one", "start": 0, "stop": 3},
    ]


@pytest.mark.parametrize(("step", "checkpoint"), [(0, "models/base@2"), (1, "models/base@2"), (2, "models/base@4")])
def test_the_checkpoint_whose_segment_holds_the_step_answers(built: Workspace, step: int, checkpoint: str):
    assert ask("show-batch", "base@4", str(step))["model"] == checkpoint


def test_text_is_decoded_token_by_token(built: Workspace):
    segments = ask("show-batch", "base", "0", "--text")["segments"]
    assert [one["text"] for one in segments] == ["lake near town", "red boat <|end|>"]
    assert "'red boat <|end|>'" in call("show-batch", "base", "0", "--text", "--row", "1").stdout


def test_a_step_or_row_that_is_not_there_says_which_are(built: Workspace):
    result = call("show-batch", "base", "4")
    assert result.exit_code == 2
    assert "models/base@2 holds steps 0 to 1; models/base@4 holds steps 2 to 3" in result.stderr
    assert "has rows 0 to 1" in call("show-batch", "base", "0", "--row", "2").stderr


def test_tokens_that_were_rebuilt_are_not_taken_for_those_of_the_run(built: Workspace):
    manifest = built.root / "data" / "tokens" / "main" / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    result = call("show-batch", "base", "0")
    assert result.exit_code == 2
    assert "made from as `tokens` is not under" in result.stderr
