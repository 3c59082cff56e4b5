"""What counts as a change of code, and what does not."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from lineage.freshness import PACKAGE_ROOT, canonical, code_fingerprint, module_fingerprint


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package that may be edited."""
    return Path(shutil.copytree(PACKAGE_ROOT, tmp_path / "lineage", ignore=shutil.ignore_patterns("__pycache__")))


def edit(path: Path, change) -> None:
    path.write_text(change(path.read_text()))


def test_canonical_is_one_string_whatever_the_order() -> None:
    assert canonical({"b": {"d": 1, "c": 2}, "a": [1, 2]}) == canonical({"a": [1, 2], "b": {"c": 2, "d": 1}})
    assert canonical({"lr": 1, "wd": 2}) != canonical({"lr": 2, "wd": 1})
    with pytest.raises(ValueError):
        canonical({"a": float("nan")})


def test_fingerprint_covers_the_import_closure_and_package_versions() -> None:
    found = code_fingerprint("pretrain")
    reached = ("stages.pretrain", "training.loop", "losses.next_token", "config.training")
    assert {f"lineage.{name}" for name in reached} <= set(found)
    assert not any(name.startswith("lineage.world") for name in found)
    assert found["torch"].count(".") == 1 and "+" not in found["torch"]
    assert "torch" not in code_fingerprint("tokens")
    assert not {"lineage.artifact", "lineage.errors", "lineage.progress", "lineage.stage"} & set(found)


def test_words_and_other_package_data_count() -> None:
    assert any(name.endswith(".txt") for name in code_fingerprint("world"))


def test_layout_comments_and_docstrings_do_not_count(copy: Path) -> None:
    before = code_fingerprint("pretrain", copy)
    module = copy / "training" / "schedule.py"
    edit(module, lambda text: re.sub(r'"""Learning rate as a pure .*"""', '"""Other words."""', text))
    edit(module, lambda text: text.replace("def __call__", "# a comment\n\n    def __call__") + "\n\n\n# the end\n")
    assert code_fingerprint("pretrain", copy) == before


def test_a_changed_constant_counts_for_the_stages_that_can_reach_it_only(copy: Path) -> None:
    before = {stage: code_fingerprint(stage, copy) for stage in ("pretrain", "tokens", "world")}
    edit(copy / "losses" / "next_token.py", lambda text: text + "\nPLANTED = 1\n")
    after = {stage: code_fingerprint(stage, copy) for stage in before}
    assert [stage for stage in before if before[stage] != after[stage]] == ["pretrain"]


def test_plumbing_does_not_count(copy: Path) -> None:
    before = code_fingerprint("pretrain", copy)
    for name in ("artifact.py", "errors.py", "progress.py", "stage.py"):
        edit(copy / name, lambda text: text + "\nPLANTED = 1\n")
    assert code_fingerprint("pretrain", copy) == before


def test_imports_for_type_checkers_do_not_count(copy: Path) -> None:
    (copy / "planted.py").write_text("VALUE = 1\n")
    head = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lineage.planted\n"
    edit(copy / "stages" / "tokens.py", lambda text: text.replace("from lineage.data", head + "from lineage.data", 1))
    assert "lineage.planted" not in code_fingerprint("tokens", copy)
    edit(
        copy / "stages" / "tokens.py", lambda text: text + "\n\ndef late() -> None:\n    from lineage import planted\n"
    )
    assert "lineage.planted" in code_fingerprint("tokens", copy)


def test_relative_imports_are_followed(copy: Path) -> None:
    (copy / "data" / "planted.py").write_text("VALUE = 1\n")
    edit(copy / "data" / "order.py", lambda text: text + "\nfrom . import planted as _planted\n")
    assert "lineage.data.planted" in code_fingerprint("pretrain", copy)


def test_data_of_a_package_below_counts_for_those_who_import_it_only(copy: Path) -> None:
    """Words of a judge beside the measuring of pretraining must retrain nothing."""
    before = {stage: code_fingerprint(stage, copy) for stage in ("pretrain", "score_safety")}
    edit(copy / "evaluation" / "judges" / "patterns" / "refusals.toml", lambda text: text + "\n# another\n")
    after = {stage: code_fingerprint(stage, copy) for stage in before}
    assert [stage for stage in before if before[stage] != after[stage]] == ["score_safety"]


def test_a_module_has_a_fingerprint_of_its_own() -> None:
    found = module_fingerprint("lineage.evaluation.generation")
    assert {"lineage.evaluation.generation", "lineage.conversations.render", "torch"} <= set(found)
    assert not any(name.startswith("lineage.evaluation.judges") for name in found)
