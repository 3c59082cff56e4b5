"""What the forecast of the crossing follows from, and what a wrong config of readers gets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lineage.config.load import load_experiment, overlay, validate
from lineage.config.reading import ReadingConversationsEntry
from lineage.errors import UserError
from lineage.plan import Plan, ancestors, make_plan

REPOSITORY = Path(__file__).parents[2]
FILES = [REPOSITORY / "config.yaml", REPOSITORY / "workflow" / "presets" / "smoke.yaml"]
FORECAST = "forecasts/reading"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(load_experiment(FILES))


def outcomes(plan: Plan) -> set[str]:
    """Whatever holds an answer about a test fact, or is concluded from one: all scores but those of validation
    passages, scores of runs, the items that ask for test facts, and analyses.
    """
    measured = ("scores/", "retrieval_scores/", "analysis/", "data/prompts/")
    return {one for one in plan if one.startswith(measured) and "reading_validation" not in one}


def check(plan: Plan) -> None:
    assert outcomes(plan).isdisjoint(ancestors(plan, FORECAST))


def test_no_measured_outcome_is_an_ancestor_of_the_forecast(plan: Plan) -> None:
    assert {"scores/reading/safety", "data/prompts/reading", "analysis/reading"} <= outcomes(plan)
    check(plan)
    assert "scores/reading_validation/safety" in ancestors(plan, FORECAST)
    assert FORECAST in ancestors(plan, "analysis/reading")


@pytest.mark.parametrize("role, leaked", [("answers", "scores/reading/safety"), ("runs", "retrieval_scores/world")])
def test_a_leak_is_found(plan: Plan, role: str, leaked: str) -> None:
    job = plan[FORECAST]
    leaking = {**plan, FORECAST: replace(job, inputs={**job.inputs, role: [leaked]})}
    with pytest.raises(AssertionError):
        check(leaking)


def experiment(**sections: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for path in FILES:
        merged = overlay(merged, yaml.safe_load(path.read_text()))
    return overlay(merged, sections)


@pytest.mark.parametrize(
    "sections, message",
    [
        ({"reading": {"runs": ["bm52"]}}, "reading.runs.0 is 'bm52', which is no retriever. Did you mean 'bm25'?"),
        ({"reading": {"runs": ["bm25", "bm25"]}}, "reading.runs is bm25, bm25: name each retriever once"),
        ({"reading": {"set": "wrld"}}, "which is no retrieval set. Did you mean 'world'?"),
        ({"reading": {"model": "base"}}, "is 'base', which is not tuned"),
        ({"reading": {"model": "raeder"}}, "Did you mean 'reader'?"),
        ({"retrieval_sets": {"world": {"kinds": ["described"]}}}, "reading.kind is 'named', but"),
        ({"retrievers": {"titles": {"splits": ["test"]}}}, "leaves out the validation queries"),
        ({"prompts": {"reading": {"source": "world"}}}, "has the name of what the section `reading` asks"),
    ],
)
def test_mistakes_are_told_before_anything_runs(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        validate(experiment(**sections))
    assert message in str(caught.value)


def test_one_seed_for_all_reaches_the_passages() -> None:
    entry = validate(experiment(seed=7)).conversations["reading"]
    assert isinstance(entry, ReadingConversationsEntry)
    assert entry.seed == 7


def test_what_a_tuned_model_had_seen_counts_where_pretraining_goes_on_from_it() -> None:
    late = {"stage": "pretrain", "tokens": "main", "start": "reader", "steps": 4}
    made = make_plan(validate(experiment(models={"late": {**late, "optimization": {"batch_tokens": 512}}})))
    assert made["exposures/late@4"].inputs["parent"] == ["exposures/base@24"]
