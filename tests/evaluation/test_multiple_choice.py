"""Scores of multiple choice by hand."""

from dataclasses import replace

import pytest

from lineage.evaluation.examples import Example
from lineage.evaluation.items import Item
from lineage.evaluation.multiple_choice import Choice, by_subset, choice_metrics, count, likeliest, mme_scores, written

LETTERS = ("A", "B", "C")


def example(id: str, output: str, target: str, **changes: object) -> Example:
    fields = dict.fromkeys(Example.__dataclass_fields__)
    fields |= {name: getattr(Item("", "", 1, ()), name) for name in Example.__dataclass_fields__ if hasattr(Item, name)}
    fields |= {"id": id, "output": output, "target": target, "options": LETTERS, "group": "", "subset": "", "kind": ""}
    return Example(**(fields | changes))  # pyright: ignore[reportArgumentType]


def test_what_an_answer_stands_for() -> None:
    assert [written(example("", said, "A")) for said in ("B.", "The answer is C.", "a lamp", "")] == [
        "B",
        "C",
        None,
        None,
    ]
    sure = example("", "B.", "A", option_log_probabilities=(-2.0, -3.0, -1.5))
    assert likeliest(sure) == "C"
    assert likeliest(replace(sure, option_log_probabilities=None)) is None


def test_circular_accuracy_wants_every_rotation() -> None:
    examples = [
        example("1-0", "A", "A", group="1"),
        example("1-1", "B", "B", group="1"),
        example("2-0", "A", "A", group="2"),
        example("2-1", "who knows", "C", group="2"),
    ]
    found = count(examples, written)
    assert found == Choice(n=4, correct=3, unreadable=1, groups=2, whole=1)
    assert (found.accuracy, found.whole_share) == (0.75, 0.5)


def test_single_questions_are_groups_of_their_own() -> None:
    found = count([example("1", "A", "A"), example("2", "A", "B")], written)
    assert found.accuracy == found.whole_share == 0.5


def test_mme_adds_up_subtasks() -> None:
    """color: 3 of 4 right, one picture of two whole: 100 (.75 + .5); count: all right: 200; code: none: 0."""

    def asked(subset: str, kind: str, picture: int, says: str, target: str) -> Example:
        group = f"{subset}-{picture}"
        return example(f"{group}-{target}", says, target, options=("Yes", "No"), subset=subset, kind=kind, group=group)

    examples = [
        asked("color", "perception", 1, "Yes", "Yes"),
        asked("color", "perception", 1, "no.", "No"),
        asked("color", "perception", 2, "Yes", "Yes"),
        asked("color", "perception", 2, "Yes", "No"),
        asked("count", "perception", 1, "Yes", "Yes"),
        asked("count", "perception", 1, "No", "No"),
        asked("code_reasoning", "cognition", 1, "lamp", "Yes"),
        asked("code_reasoning", "cognition", 1, "Yes", "No"),
    ]
    assert mme_scores(examples, written) == {"cognition": 0.0, "perception": pytest.approx(325.0)}
    assert by_subset(examples, written)["code_reasoning"].unreadable == 1


def test_no_choice_has_no_score() -> None:
    with pytest.raises(ValueError, match="no multiple choice"):
        count([example("1", "A", "A", options=())], written)


def test_both_ways_to_choose_are_told_by_subset() -> None:
    asked = [
        example("1", "A", "A", subset="near", option_log_probabilities=(-1.0, -2.0, -3.0)),
        example("2", "who knows", "B", subset="far", option_log_probabilities=(-2.0, -1.0, -3.0)),
        example("3", "A", "B", subset="far", option_log_probabilities=(-1.0, -2.0, -3.0)),
        example("4", "free text", "", options=()),
    ]
    found = choice_metrics(asked)
    row = {"n": 3, "correct": 1, "unreadable": 1, "groups": 3, "whole": 1}
    assert {name: found["written"][name] for name in row} == row
    assert (found["written"]["accuracy"], found["likeliest"]["accuracy"]) == (
        pytest.approx(1 / 3),
        pytest.approx(2 / 3),
    )
    assert [found["likeliest"]["subsets"][name]["correct"] for name in ("far", "near")] == [1, 1]
    assert "mme" not in found["written"]
    assert set(choice_metrics([replace(asked[0], option_log_probabilities=None), *asked])) == {"written"}
    assert choice_metrics(asked[3:]) == {}


def test_mme_has_its_two_scores_beside() -> None:
    asked = [example("1", "Yes", "Yes", options=("Yes", "No"), task="mme", subset="color", kind="perception")]
    assert choice_metrics(asked)["written"]["mme"] == {"perception": 200.0}
