"""What is wrong with prompt sets and the models that are asked is said before any job exists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lineage.config.load import validate
from lineage.errors import UserError
from lineage.plan import make_plan
from tests.config.building import EXPERIMENT

TOWER = {"stage": "tower", "tokenizer": "main", "shares": {"captions": 1}, "steps": 1}
STUDY: dict[str, Any] = {
    **EXPERIMENT,
    "safety_data": {},
    "conversations": {"captions": {"source": "world", "table": "captions"}},
    "models": {**EXPERIMENT["models"], "tower": TOWER},
    "prompts": {"world": {"source": "world"}, "few": {"source": "world", "tasks": ["fact"]}},
}


def study(**safety: Any) -> dict[str, Any]:
    return {**STUDY, "safety": {"models": ["base"], "prompts": ["world"], **safety}}


@pytest.mark.parametrize(
    ("safety", "message"),
    [
        ({"models": ["bas"]}, "safety.models.0.model is 'bas', which is no model. Did you mean 'base'?"),
        ({"models": ["base@7"]}, "safety.models.0.model is 'base@7', a checkpoint that is not declared"),
        ({"models": ["tower"]}, "safety.models.0.model is 'tower', a vision tower"),
        ({"models": ["base", "base@296"]}, "safety.models.1.model is 'base@296', whose scores safety.models.0 makes"),
        ({"models": [{"model": "base", "name": "tower"}]}, "safety.models.0.name is 'tower', the name of a model"),
        ({"models": [{"model": "base", "template": "mine"}]}, "safety.models.0.template is 'mine'"),
        ({"models": [{"model": "base", "prompts": ["all"]}]}, "safety.models.0.prompts.0 is 'all', which is no prompt"),
        ({"prompts": ["wrld"]}, "safety.prompts.0 is 'wrld', which is no prompt set. Did you mean 'world'?"),
        ({"prompts": ["world", "world"]}, "safety.prompts.1 is 'world', which is named before"),
        ({"models": []}, "safety.models"),
        ({"decoding": {"temperature": -1}}, "safety.decoding.temperature"),
        ({"decodings": {}}, "safety.decodings"),
    ],
)
def test_mistakes(safety: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        validate(study(**safety))
    assert message in str(error.value)


def test_a_prompt_set_of_the_world_needs_its_data() -> None:
    with pytest.raises(UserError, match=r"prompts\.world\.source is 'world', but the experiment has no `safety_data`"):
        validate({**EXPERIMENT, "prompts": {"world": {"source": "world"}}})


def test_a_task_that_is_none_is_told() -> None:
    with pytest.raises(UserError, match=r"prompts\.few\.tasks\.0"):
        validate({**STUDY, "prompts": {"few": {"source": "world", "tasks": ["facts"]}}})


def test_each_measured_model_is_a_job_that_reads_its_prompts() -> None:
    models = ["base@40", {"model": "base", "name": "base_v1", "template": "vicuna_v1", "prompts": ["few", "world"]}]
    plan = make_plan(validate(study(models=models, decoding={"max_new_tokens": 9})))
    plain, other = plan["scores/base@40/safety"], plan["scores/base_v1/safety"]
    assert plain.inputs == {"model": ["models/base@40"], "prompts": ["data/prompts/world"]}
    assert other.inputs == {"model": ["models/base@296"], "prompts": ["data/prompts/few", "data/prompts/world"]}
    spec = json.loads(other.spec)
    assert (spec["template"], spec["prompts"]) == ("vicuna_v1", ["few", "world"])
    assert spec["decoding"] == {"max_new_tokens": 9, "temperature": 0.0, "seed": 0}
    assert json.loads(plain.spec)["template"] == "kept"


def test_prompts_come_before_the_models_that_are_asked() -> None:
    folders = list(make_plan(validate(study())))
    assert folders.index("data/prompts/world") < folders.index("models/base@40")
