"""The digest of a design: what slices that are judged together share, and nothing that they may differ in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lineage.config.load import overlay, validate
from lineage.plan import make_plan
from tests.config.test_study import ARMS, RUN, STUDY, of_run, study


def digest(raw: dict[str, Any]) -> str:
    """As the stage `knowledge` gets it."""
    found = json.loads(make_plan(validate(raw))["analysis/knowledge"].spec)["design_digest"]
    assert isinstance(found, str)
    return found


def renamed(value: Any, names: dict[str, str]) -> Any:
    """The same with other names, as keys and as references."""
    if isinstance(value, dict):
        return {names.get(key, key): renamed(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [renamed(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize(
    "changes",
    [
        {"execution": {"threads": 7, "minutes": 3, "device": "cpu"}},
        {"experiment": "other"},
        {"track_code": False},
        {"data_root": "/elsewhere"},
        {"seed": 3},
        {"world": {"seed": 3}},
        {"facts": {"people": {"seed": 3}}},
        {"corpora": {"main": {"seed": 3}}},
        {"models": {"base": {"optimization": {"seed": 3}}}},
        of_run(rotation=3),
        {"world": {"null": "equal_exposures"}},
        study(null="no_injection"),
        study(null="permuted_cues"),
        study(null="same_text"),
        study(slices="docs/study/knowledge"),
        study(design="mine"),
        {"models": {"other": {"stage": "import", "path": "x"}}, "scores": {"models": ["base", "other"]}},
    ],
)
def test_what_slices_may_differ_in_leaves_the_digest(changes: dict[str, Any]) -> None:
    assert digest(overlay(STUDY, changes)) == digest(STUDY)


@pytest.mark.parametrize(
    "changes",
    [
        of_run(steps=61),
        of_run(twin="decoys"),
        of_run(arms={"once": {"facts": 3}}),
        of_run(start="base@296"),
        study(acquisition={"lags": [5]}),
        study(compare={"long_tail": "base@120"}),
        study(forecast={"recall_depth": "memorization"}),
        study(runs={"calibration": {"steps": 61}}),
        study(runs={"early": RUN}),
        {"models": {"base": {"optimization": {"epsilon": 1e-7}}}},
        {"tokenizers": {"main": {"min_frequency": 3}}},
        {"corpora": {"main": {"near_duplicates": {"threshold": 0.7}}}},
        {"world": {"injection_people": 70}},
        {"scores": {"context_tokens": 128}},
    ],
)
def test_what_slices_must_share_changes_the_digest(changes: dict[str, Any]) -> None:
    assert digest(overlay(STUDY, changes)) != digest(STUDY)


def test_every_seed_and_null_world_of_a_design_has_one_digest() -> None:
    slices = [study(null=null) | {"seed": seed} for null in ("none", "no_injection") for seed in (0, 1)]
    assert len({digest(overlay(STUDY, one)) for one in slices}) == 1


def test_names_of_what_no_comparison_names_leave_the_digest() -> None:
    """`rest` is a token stream and `people` a set of facts; the name of a run is part of the comparisons."""
    assert digest(renamed(STUDY, {"rest": "unread", "people": "strangers"})) == digest(STUDY)
    assert digest(renamed(STUDY, {"late": "later"})) != digest(STUDY)


def test_an_arm_may_be_called_like_a_seed() -> None:
    """Its number of facts counts; taken for a seed, it would be left out."""
    arms = [ARMS | {"seed": {"facts": facts, "encounters": 2}} for facts in (2, 3)]
    one, other = (digest(overlay(STUDY, of_run(arms=found))) for found in arms)
    assert one != other
