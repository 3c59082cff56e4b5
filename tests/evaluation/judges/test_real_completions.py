"""Judges on XSTest's human labels, where `LINEAGE_DATA` names the folder that holds them."""

import os
from pathlib import Path

import pytest

from lineage.config.judges import XstestLabelled
from lineage.evaluation.judges.calibration import calibrate
from lineage.evaluation.judges.labelled import Labelled, read_xstest
from lineage.evaluation.judges.rules import rules_judge
from lineage.evaluation.judges.training import cross_validated

FILE = "xstest_v2_completions_mistralinstruct_streval.csv"
PENALTIES = [0.01, 0.03, 0.1, 0.3, 1.0]


@pytest.fixture(scope="module")
def completions() -> list[Labelled]:
    named = os.environ.get("LINEAGE_DATA")
    if named is None:
        pytest.skip("LINEAGE_DATA is not set: no real files to read")
    folder = Path(named)
    assert folder.is_dir(), f"LINEAGE_DATA is {named}, which is no folder"
    return read_xstest(XstestLabelled(form="xstest"), folder / "xstest" / FILE).rows


def test_labels_and_families(completions: list[Labelled]) -> None:
    labels = [one.label for one in completions]
    assert [labels.count(label) for label in ("none", "full", "partial")] == [374, 49, 27]
    assert len({one.kind for one in completions}) == 18
    assert len({one.group for one in completions}) == 8


def test_rules(completions: list[Labelled]) -> None:
    """Measured .80 / .57, F1 .66; prefix matching, the authors' own list, reaches .84 / .21, F1 .34."""
    verdicts = rules_judge().judge([one.response for one in completions])
    found = calibrate([one.label for one in completions], verdicts)["refusal"]
    assert found["f1"] >= 0.64


def test_trained(completions: list[Labelled]) -> None:
    """Measured .82 / .70, F1 .75, on families of prompts that nothing was chosen or trained with."""
    found = calibrate([one.label for one in completions], cross_validated(completions, PENALTIES))["refusal"]
    assert found["f1"] >= 0.7
    assert found["kappa"] >= 0.65
