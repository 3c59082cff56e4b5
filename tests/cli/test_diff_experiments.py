"""`lineage diff` of two folders of results."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.building import Workspace
from tests.cli.conftest import ask, call


@pytest.fixture
def second(built: Workspace) -> Path:
    """A copy of the experiment beside it."""
    return Path(shutil.copytree(built.root, built.folder / "results" / "second"))


def edit(folder: Path, **fields: object) -> None:
    """Changes what a manifest says, as another run would have written it."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def with_claims(root: Path, verdict: str, effect: str) -> None:
    folder = root / "analysis" / "knowledge"
    shutil.copytree(root / "scores" / "base@4" / "language", folder, dirs_exist_ok=True)
    edit(folder, kind="study", stage="knowledge", spec={}, code={})
    columns = {"claim": "K1", "row": "effect", "data": "generated", "verdict": verdict, "effect": effect}
    columns |= {"low": "", "high": "", "seeds": "1 of 5"}
    (folder / "claims.csv").write_text(f"{','.join(columns)}\n{','.join(columns.values())}\n")


def test_equal_experiments_are_told_to_be_equal(built: Workspace, second: Path):
    assert "have the same artifacts" in call("diff", "results/tiny", "results/second").stdout
    answer = ask("diff", "results/tiny", "results/second")
    assert (answer["equal"], answer["spec"], answer["code"]) == (True, {}, {})


def test_what_differs_is_told_by_section(built: Workspace, second: Path):
    shutil.rmtree(second / "models" / "base@4")
    edit(second / "models" / "base@2", spec={"first_step": 0, "last_step": 3}, code={"torch": "2.14"})
    path = second / "scores" / "base@2" / "language" / "metrics.json"
    path.write_text(path.read_text().replace("2.506", "2.406"))
    with_claims(built.root, "supported", "0.5")
    with_claims(second, "contradicted", "-0.5")
    answer = ask("diff", "results/tiny", "results/second")
    assert answer["artifacts"] == {"models/base@4": ["built", "(none)"]}
    assert answer["spec"]["models/base@2: last_step"] == [2, 3]
    assert answer["code"]["torch"] == ["2.13", "2.13, 2.14"]
    assert answer["metrics"] == {"scores/base@2/language: held_out.bits_per_byte.value": [2.506, 2.406]}
    assert answer["claims"] == {
        "K1, effect, generated.effect": [0.5, -0.5],
        "K1, effect, generated.verdict": ["supported", "contradicted"],
    }
    lines = call("diff", "results/tiny", "results/second").stdout.splitlines()
    (line,) = [one for one in lines if "bits_per_byte" in one]
    assert line.split()[-3:] == ["2.506", "2.406", "-0.1"]


def test_an_experiment_is_not_compared_with_an_artifact(built: Workspace):
    result = call("diff", "results/tiny", "base@2")
    assert result.exit_code == 2
    assert "base@2: no folder of an experiment, while the other side is one." in result.stderr
