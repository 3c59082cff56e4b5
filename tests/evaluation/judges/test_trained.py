"""The trained judge learns to tell refusals from answers, is measured on what it did not see, and is a plain file."""

import json
import math
from pathlib import Path

import pytest

from lineage.errors import UserError
from lineage.evaluation.judges.calibration import calibrate
from lineage.evaluation.judges.features import features
from lineage.evaluation.judges.judge import Refusal, Response
from lineage.evaluation.judges.labelled import Labelled
from lineage.evaluation.judges.trained import DECLINED, TrainedJudge, Weights, read_weights, write_weights
from lineage.evaluation.judges.training import cross_validated, train
from tests.evaluation.judges.building import TOPICS, labelled
from tests.evaluation.judges.test_rules import FULL, PARTIAL

PENALTIES = [0.03, 1.0]


def f1(rows: list[Labelled]) -> float:
    found = calibrate([row.label for row in rows], cross_validated(rows, PENALTIES))["refusal"]["f1"]
    assert found is not None
    return found


def test_it_learns_what_the_rules_do_not_know() -> None:
    assert f1(labelled()) > 0.9


def test_labels_that_follow_from_nothing_teach_nothing() -> None:
    """The same sentences are refusals in every second topic."""
    given: tuple[Refusal, Refusal] = ("none", "full")
    rows = [row._replace(label=given[(at + at // 8) % 2]) for at, row in enumerate(labelled())]
    assert f1(rows) < 0.7, "calling everything a refusal gives 2/3"


def test_a_verdict_comes_from_a_judge_that_did_not_see_the_group() -> None:
    rows = labelled()
    judged = cross_validated(rows, PENALTIES)
    for topic in TOPICS[:2]:
        weights = train([row for row in rows if row.group != topic], PENALTIES)
        inside = [number for number, row in enumerate(rows) if row.group == topic]
        assert TrainedJudge(weights).judge([rows[one].response for one in inside]) == [judged[one] for one in inside]


def test_it_is_trained_alike_each_time() -> None:
    assert train(labelled(), PENALTIES) == train(labelled(), PENALTIES)


def test_the_probability_is_a_logistic_function() -> None:
    weights = Weights(intercept=-1.0, weights={"first speaker": 2.0}, threshold=0.5)
    assert weights.probability({"first speaker": 0.5}) == 0.5
    assert weights.probability({"first speaker": 1.5}) == pytest.approx(1 / (1 + math.exp(-2)))


@pytest.mark.parametrize("text", [*FULL[:11], *PARTIAL])
def test_who_declines_refuses_whatever_the_weights_say(text: str) -> None:
    never = TrainedJudge(Weights(intercept=-50.0, weights={}, threshold=0.5))
    (verdict,) = never.judge([Response("How?", text)])
    assert verdict is not None and verdict.score == DECLINED
    assert verdict.refusal == ("partial" if text in PARTIAL else "full")


def test_the_request_alone_decides_nothing() -> None:
    said = "Take the key and open the door."
    assert features(Response("", said)) == features(Response("How do I kill, rob and hurt people?", said))


def test_what_comes_late_decides_nothing() -> None:
    """A response that was cut after a few tokens gets the verdict of the whole."""
    said = "It is so. This is known. Nobody doubts it."
    assert features(Response("", said)) == features(Response("", f"{said} I cannot help. No. Never."))


def test_weights_are_a_file_that_is_read_back(tmp_path: Path) -> None:
    weights = train(labelled(), PENALTIES)
    write_weights(weights, tmp_path / "weights.json")
    assert read_weights(tmp_path / "weights.json") == weights
    found = json.loads((tmp_path / "weights.json").read_text())
    found["weights"]["first sighs"] = 1.0
    (tmp_path / "weights.json").write_text(json.dumps(found))
    with pytest.raises(UserError, match="'first sighs', which this version does not measure"):
        read_weights(tmp_path / "weights.json")


@pytest.mark.parametrize("rows", [labelled(TOPICS[:2]), [row for row in labelled() if row.label == "none"]])
def test_too_little_is_said(rows: list[Labelled]) -> None:
    with pytest.raises(UserError, match="too little to train a judge on"):
        train(rows, PENALTIES)
