"""Layers that an adaptation leaves as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from lineage.config.tuning import TuningRun
from lineage.errors import UserError
from lineage.models.vision_language import open_vision_language
from tests.stages.building import run_stage
from tests.tuning import building
from tests.tuning.conftest import Family

SHORT = {
    "shares": {"questions": 1}, "template": "roles", "steps": 3, "last_step": 3, "optimization": building.OPTIMIZATION,
}  # fmt: skip


def test_frozen_layers_stay_bit_for_bit_and_the_others_move(family: Family, tmp_path: Path) -> None:
    inputs = {"start": family.aligned, "conversations": [family.questions]}
    made = run_stage("tune", tmp_path / "models" / "frozen", {**SHORT, "frozen_layers": [1, 2]}, inputs=inputs)
    before, after = (dict(open_vision_language(one.folder).named_parameters()) for one in (family.aligned, made))
    unchanged = {name for name, one in before.items() if torch.equal(one, after[name])}
    frozen = {name for name in before if ".language_model.layers.1." in name}
    assert len(frozen) == 9
    assert frozen <= unchanged
    assert all("vision_tower" in name for name in unchanged - frozen)


def test_layers_that_the_model_has_not(family: Family, tmp_path: Path) -> None:
    inputs = {"start": family.aligned, "conversations": [family.questions]}
    with pytest.raises(UserError, match="has 2 layers"):
        run_stage("tune", tmp_path / "models" / "frozen", {**SHORT, "frozen_layers": [1, 3]}, inputs=inputs)


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"frozen_layers": [2, 2]}, "first before stop"), ({"frozen_layers": [0, 1], "trainable": "lora"}, "full")],
)
def test_frozen_layers_that_mean_nothing(fields: dict, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TuningRun.model_validate({"shares": {"a": 1}, "steps": 1, **fields})
