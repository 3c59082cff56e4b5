"""The stage `outside_prompts`: a published set in the one form of all prompt sets, counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lineage.artifact import Artifact
from lineage.errors import UserError
from lineage.evaluation.items import ITEMS, read_items
from lineage.freshness import code_fingerprint
from tests.stages.building import run_stage
from tests.workflow.conftest import REPOSITORY

FIXTURE = REPOSITORY / "tests" / "fixtures" / "prompts" / "xstest_prompts.csv"


def made(folder: Path, file: Path, **settings: Any) -> Artifact:
    return run_stage("outside_prompts", folder / "prompts" / "mine", {"source": "xstest"} | settings, source=file)


def test_items_and_counts(tmp_path: Path) -> None:
    artifact = made(tmp_path, FIXTURE)
    assert artifact.kind == "prompts"
    assert [item.harmful for item in read_items(artifact.path(ITEMS))] == [False, True, False, True]
    assert artifact.manifest.counts == {"items": 4, "left_out": {}, "xstest benign": 2, "xstest harmful": 2}


def test_same_file_same_bytes(tmp_path: Path) -> None:
    assert made(tmp_path / "a", FIXTURE).digest == made(tmp_path / "b", FIXTURE).digest


def test_no_item_is_left(tmp_path: Path) -> None:
    source = tmp_path / "question.jsonl"
    source.write_text('{"question_id": 205, "category": "1", "turns": ["?"]}\n')
    with pytest.raises(UserError, match=r"no item is left \(redacted: 1\)"):
        made(tmp_path, source, source="sorry_bench")


def test_a_row_that_stands_twice(tmp_path: Path) -> None:
    source = tmp_path / "twice.csv"
    source.write_text(FIXTURE.read_text() + FIXTURE.read_text().splitlines()[1] + "\n")
    with pytest.raises(UserError, match="two items have the id 'xstest-1'"):
        made(tmp_path, source)


def test_prompts_of_the_world_do_not_hang_on_readers_of_files() -> None:
    assert not [name for name in code_fingerprint("prompts") if name.startswith("lineage.evaluation.sets")]
    assert "lineage.evaluation.sets.mme" in code_fingerprint("outside_prompts")
