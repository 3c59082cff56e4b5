"""Towers and models that see, taken from outside into a lineage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lineage.artifact import Artifact
from lineage.errors import UserError
from tests.stages.building import run_stage
from tests.tuning import building
from tests.tuning.conftest import Family

MARKS = ("manifest.json", "run.json", "state.safetensors", "training.jsonl", "order.parquet")


def outside(artifact: Artifact, folder: Path) -> Path:
    """The model of an artifact as somebody else would give it."""
    shutil.copytree(artifact.folder, folder, ignore=shutil.ignore_patterns(*MARKS))
    return folder


def test_an_imported_tower_is_aligned_like_our_own(family: Family, tmp_path: Path) -> None:
    taken = run_stage("import_model", tmp_path / "models" / "clip", {}, source=outside(family.tower, tmp_path / "clip"))
    assert taken.manifest.counts["model_type"] == "clip_vision_model"
    spec = {"shares": {"captions": 1}, "feature_layer": -1, "steps": 20, "optimization": building.OPTIMIZATION}
    inputs: dict[str, Artifact | list[Artifact] | None] = {
        "start": family.base,
        "tower": taken,
        "conversations": [family.captions],
    }
    made = run_stage("align", tmp_path / "models" / "aligned", spec, inputs=inputs)
    assert made.path("model.safetensors").read_bytes() == family.aligned.path("model.safetensors").read_bytes()


def test_a_model_that_sees_is_imported(family: Family, tmp_path: Path) -> None:
    folder = outside(family.aligned, tmp_path / "llava")
    taken = run_stage("import_model", tmp_path / "models" / "llava", {}, source=folder)
    assert taken.manifest.counts["model_type"] == "llava"
    assert taken.path("model.safetensors").read_bytes() == family.aligned.path("model.safetensors").read_bytes()


@pytest.mark.parametrize("which", ["tower", "aligned"])
def test_without_saying_how_pictures_are_read_it_is_refused(which: str, family: Family, tmp_path: Path) -> None:
    folder = outside(getattr(family, which), tmp_path / "outside")
    for name in ("preprocessor_config.json", "processor_config.json"):
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(UserError, match="no image processor"):
        run_stage("import_model", tmp_path / "models" / "mine", {}, source=folder)
