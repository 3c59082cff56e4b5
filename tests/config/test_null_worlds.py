"""Null worlds of the world: every study of one experiment can be planned in each, and names its slice by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from lineage.config.load import overlay, validate
from lineage.config.world import NullWorld
from lineage.plan import make_plan

DEFAULT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())


@pytest.mark.parametrize("null", get_args(NullWorld))
def test_studies_that_share_a_world_name_their_slice_by_it(null: str) -> None:
    plan = make_plan(validate(overlay(DEFAULT, {"world": {"null": null}})))
    named = {folder: json.loads(plan[folder].spec)["null"] for folder in ("analysis/safety", "analysis/retrieval")}
    assert named == dict.fromkeys(named, null)
