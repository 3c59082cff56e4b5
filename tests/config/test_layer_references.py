"""What the sections `weights` and `layers` may name, and the jobs that they become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lineage.config.load import load_experiment, overlay, read_yaml, validate
from lineage.errors import UserError
from lineage.plan import make_plan

REPOSITORY = Path(__file__).parents[2]
SMOKE, SAFETY = (REPOSITORY / "workflow" / "presets" / f"{name}.yaml" for name in ("smoke", "safety"))


def smoke(change: dict[str, Any] | None = None) -> dict[str, Any]:
    return overlay(overlay(read_yaml(REPOSITORY / "config.yaml"), read_yaml(SMOKE)), change or {})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layers": {"default": {"base": "tower"}}}, "layers.default.base is 'tower', a vision tower"),
        ({"layers": {"default": {"prompts": "word"}}}, "Did you mean 'world'"),
        ({"layers": {"default": {"models": ["seeing", "chat"]}}}, "leave out the base"),
        ({"layers": {"default": {"restoring": {"into": "merged_chat"}}}}, "which is none of `models`"),
        ({"layers": {"default": {"models": ["seeing@3", "seeing"]}}}, "a checkpoint that is not declared"),
        ({"layers": {"default": {"range": [1, 1]}}}, "first before stop"),
        ({"weights": {"default": {"base": "seeing"}}}, "the base itself"),
        ({"weights": {"default": {"vectors": {"see": {"end": "seing"}}}}}, "Did you mean 'seeing'"),
        ({"weights": {"default": {"vectors": {"see": {"start": "seeing"}}}}}, "nothing lies between them"),
        ({"weights": {"default": {"losses": {"visual": {"conversations": "instruction"}}}}}, "'instructions'"),
    ],
)
def test_names_that_mean_nothing(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words.replace("(", r"\(")):
        validate(smoke(change))


def test_specs_name_artifacts_and_inputs_are_all_that_is_compared() -> None:
    plan = make_plan(
        validate(smoke({"weights": {"default": {"vectors": {"own": {"end": "merged_chat", "start": "aligned"}}}}}))
    )
    weights, layers = plan["analysis/weights/default"], plan["analysis/layers/default"]
    vectors = json.loads(weights.spec)["vectors"]
    assert vectors["safe"] == {"end": "tuned_dpo", "start": "seeing@4"}
    assert vectors["own"] == {"end": "merged_chat", "start": None}, "a start that is the base"
    named = {name for one in vectors.values() for name in one.values() if name}
    assert {f"models/{name}" for name in named} == set(weights.inputs["models"])
    assert weights.inputs["base"] == ["models/aligned"]
    spec = json.loads(layers.spec)
    assert spec["models"] == ["seeing@2", "seeing@4"] and spec["restoring"]["into"] == "seeing@4"
    assert layers.inputs["models"] == ["models/seeing@2", "models/seeing@4"]
    assert plan["analysis/layer_figures"].inputs == {
        "weights": ["analysis/weights/default"], "layers": ["analysis/layers/default"],
    }  # fmt: skip


def test_without_an_analysis_nothing_is_drawn() -> None:
    plan = make_plan(validate(smoke({"weights": None, "layers": None, "safety_study": None})))
    assert not [folder for folder in plan if folder.startswith(("analysis/layer", "analysis/weights"))]


def test_the_narrow_lineage_has_windows_to_rank() -> None:
    """S5 needs 8 to 12 layers, and the same checkpoints as the wide one."""
    experiment = load_experiment([REPOSITORY / "config.yaml", SAFETY])
    narrow = experiment.models["base_narrow"].architecture.settings  # pyright: ignore[reportAttributeAccessIssue]
    assert 8 <= narrow["num_hidden_layers"] <= 12 and narrow["hidden_size"] == 96
    job = make_plan(experiment)["analysis/layers/narrow"]
    assert job.inputs["base"] == ["models/chat_narrow@200"]
    kept = [f"models/seeing_narrow@{step}" for step in experiment.models["seeing"].kept_steps]
    assert job.inputs["models"][: len(kept)] == kept
