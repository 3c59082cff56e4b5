"""`lineage claim` and `lineage power`."""

from pathlib import Path

import pytest

from lineage.claims.slices import COLUMNS
from tests.cli.building import Workspace
from tests.cli.conftest import ask, call
from tests.cli.test_diff_experiments import with_claims


@pytest.fixture
def concluded(built: Workspace) -> Workspace:
    """With a study that measured one row of K1 with three seeds."""
    with_claims(built.root, "undecided", "0.43")
    folder: Path = built.root / "analysis" / "knowledge"
    told = folder / "claims.csv"
    head, row = told.read_text().splitlines()
    told.write_text(f"{head},expected,gate\n{row},> 0,\n")
    lines = [",".join(COLUMNS)]
    for seed, value in enumerate((0.1, 0.5, 0.7)):
        figures = {
            "claim": "K1",
            "row": "effectivity",
            "value": value,
            "low": value - 0.2,
            "high": value + 0.2,
            "items": 40,
        }
        place = {"world": "full", "seed": seed, "data": "generated", "design": "default", "design_digest": "0" * 16}
        lines.append(",".join(str((figures | place).get(column, "")) for column in COLUMNS))
    (folder / "statistics.csv").write_text("\n".join(lines) + "\n")
    return built


def test_a_claim_is_shown_with_its_rows_and_slices(concluded: Workspace):
    answer = ask("claim", "K1")
    assert answer["text"].startswith("Each exposure raises")
    assert [row["verdict"] for row in answer["rows"]] == ["undecided"]
    assert [one["seed"] for one in answer["slices"]] == [0, 1, 2]
    text = call("claim", "K1").stdout
    assert text.startswith("K1: Each exposure") and "undecided" in text and "Slices" in text


def test_power_says_how_many_seeds_are_needed(concluded: Workspace):
    answer = ask("power", "K1")["effectivity"]
    assert answer["seeds_run"] == 3 and 4 <= answer["seeds"] <= 10
    assert answer["seeds_with_items"] <= answer["seeds"]
    lines = call("power", "K1").stdout.splitlines()
    [line] = [one for one in lines if one.startswith("effectivity ") and "nothing" not in one]
    assert line.split()[:2] == ["effectivity", "3"]
    assert any("nothing measured it" in one for one in lines)


def test_unknown_claims_and_claims_of_no_study_are_errors(concluded: Workspace):
    assert "'K11' is no claim. Did you mean 'K1'?" in call("claim", "K11").stderr
    result = call("power", "S6")
    assert result.exit_code == 2
    assert "no study here looked at S6.\n  studies that are built: analysis/knowledge" in result.stderr
