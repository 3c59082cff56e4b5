"""What is wrong with a judge is said before any job exists."""

from typing import Any

import pytest

from lineage.config.load import validate
from lineage.errors import UserError
from lineage.plan import make_plan

XSTEST = {"form": "xstest", "path": "x.csv"}
TABLE = {"form": "table", "columns": {"label": "l"}, "labels": {}}
WORLD: dict[str, Any] = {"world": {}, "safety_data": {}}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"by": "rules"}, "judges.mine is measured on nothing"),
        (
            {"by": "rules", "labelled": {"form": "xstest"}},
            "judges.mine.labelled: says nowhere what to read: give `path`",
        ),
        ({"by": "rules", "labelled": TABLE}, "says nowhere what to read: give `path` or `name`"),
        ({"by": "generative", "labelled": XSTEST, "prompt_path": "p"}, "says nowhere which model judges"),
        ({"by": "generative", "labelled": XSTEST, "path": "m"}, "has no `prompt_path`"),
        ({"by": "generative", "labelled": XSTEST, "name": "a/b", "prompt_path": "p"}, "needs a `revision`"),
        ({"by": "trained"}, "labelled"),
    ],
)
def test_mistakes(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        validate({"judges": {"mine": entry}})
    assert message in str(error.value)


def test_paths_are_inputs_and_no_part_of_the_spec() -> None:
    entry = {"by": "generative", "labelled": XSTEST, "path": "m", "prompt_path": "p"}
    job = make_plan(validate({**WORLD, "judges": {"mine": entry}}))["judges/mine"]
    assert set(job.external) == {"labelled", "model", "prompt"}
    assert job.inputs == {"safety_data": ["data/safety"]}
    assert "x.csv" not in job.spec and '"m"' not in job.spec and "_path" not in job.spec


def test_without_a_world_a_judge_reads_labels_only() -> None:
    job = make_plan(validate({"judges": {"mine": {"by": "trained", "labelled": XSTEST}}}))["judges/mine"]
    assert job.inputs == {}
