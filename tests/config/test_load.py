"""Files and overlays: what they make together, and which of them a message names."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lineage.config.load import load_experiment, overlay, read_yaml
from lineage.errors import UserError
from tests.config.building import EXPERIMENT as DEFAULT

VALUES = st.recursive(
    st.none() | st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
MAPPINGS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """(name, mapping or text) -> a file in the working folder."""
    monkeypatch.chdir(tmp_path)

    def write_file(name: str, content: dict[str, Any] | str | bytes) -> Path:
        path = tmp_path / name
        raw = content if isinstance(content, bytes | str) else yaml.safe_dump(content)
        path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
        return path

    return write_file


def message(files: Sequence[Path]) -> str:
    with pytest.raises(UserError) as error:
        load_experiment(files)
    return str(error.value)


def test_later_files_win_and_mappings_merge_deeply(write) -> None:
    top = {"world": {"people": 150}, "models": {"base": {"checkpoints": [7], "optimization": {"warmup_steps": 3}}}}
    experiment = load_experiment([write("config.yaml", DEFAULT), write("top.yaml", top)])
    base = experiment.models["base"].model_dump()
    assert experiment.world is not None
    assert experiment.world.people == 150
    assert base["checkpoints"] == [7]  # lists are replaced
    assert base["optimization"]["warmup_steps"] == 3
    assert base["optimization"]["batch_tokens"] == 2048
    assert base["steps"] == 296


def test_null_removes_a_named_entry(write) -> None:
    notes = {"documents": {"notes": {"reader": "text", "path": "a"}}}
    base = write("config.yaml", overlay(DEFAULT, notes))
    assert set(load_experiment([base]).documents) == {"notes"}
    assert load_experiment([base, write("top.yaml", {"documents": {"notes": None}})]).documents == {}


def test_null_takes_a_default_back(write) -> None:
    top = {"corpora": {"main": {"near_duplicates": None}}, "scores": None}
    experiment = load_experiment([write("config.yaml", DEFAULT), write("top.yaml", top)])
    assert experiment.corpora["main"].near_duplicates is None
    assert experiment.scores is None


@given(MAPPINGS, MAPPINGS, MAPPINGS)
def test_overlays_are_associative_and_change_no_argument(a: dict, b: dict, c: dict) -> None:
    before = copy.deepcopy((a, b, c))
    assert overlay(overlay(a, b), c) == overlay(a, overlay(b, c)) or _replaces_a_mapping(a, b, c)
    assert overlay(a, {}) == overlay({}, a) == a
    assert overlay(a, a) == a
    assert (a, b, c) == before


def _replaces_a_mapping(a: dict, b: dict, c: dict) -> bool:
    """Where b puts a plain value over a mapping of a, and c a mapping over that: only (a + b) + c forgets a."""
    shared = [key for key in a if isinstance(a[key], dict) and key in b and key in c and isinstance(c[key], dict)]
    return any(not isinstance(b[key], dict) or _replaces_a_mapping(a[key], b[key], c[key]) for key in shared)


def test_overlays_merge_as_snakemake_does() -> None:
    from snakemake.utils import update_config

    base = {"a": {"b": 1, "c": {"d": [1, 2]}}, "e": {"f": 1}, "g": 3}
    top = {"a": {"c": {"d": [9]}, "h": None}, "e": 5, "g": {"i": 1}}
    expected = copy.deepcopy(base)
    update_config(expected, copy.deepcopy(top))
    assert overlay(base, top) == expected


def test_the_file_that_makes_the_mistake_is_named(write) -> None:
    base = write("config.yaml", DEFAULT)
    top = write("top.yaml", {"models": {"base": {"stepps": 3}}})
    assert message([base, top]).startswith("top.yaml: models.base.stepps is no known key. Did you mean 'steps'?")
    wrong = write("config.yaml", overlay(DEFAULT, {"world": {"people": 0}}))
    other = write("top.yaml", {"world": {"towns": 30}, "models": {"base": {"steps": 300}}})
    assert message([wrong, other]) == "config.yaml: world.people is 0: must be more than 0"


def test_the_file_with_the_last_word_is_named(write) -> None:
    files = [
        write("config.yaml", overlay(DEFAULT, {"world": {"people": 0}})),
        write("top.yaml", {"world": {"people": -1}}),
    ]
    assert message(files) == "top.yaml: world.people is -1: must be more than 0"
    late = {"models": {"late": {"stage": "pretrain", "tokens": "main", "start": "bas", "steps": 3}}}
    files = [write("config.yaml", DEFAULT), write("a.yaml", late), write("b.yaml", {"experiment": "other"})]
    assert message(files).startswith("a.yaml: models.late.start is 'bas', which is no model. Did you mean 'base'?")


def test_a_missing_key_is_told_where_its_section_stands(write) -> None:
    top = write("top.yaml", {"models": {"late": {"stage": "pretrain", "start": "base", "steps": 3}}})
    assert (
        message([write("config.yaml", DEFAULT), top]) == "top.yaml: models.late.tokens is missing: the key is required"
    )


def test_an_entry_of_a_list(write) -> None:
    files = [write("config.yaml", DEFAULT), write("top.yaml", {"corpora": {"main": {"of": ["world", "nots"]}}})]
    assert message(files).startswith("top.yaml: corpora.main.of.1 is 'nots', which is no document set.")


def test_a_file_elsewhere_is_named_with_its_path(write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("config.yaml", overlay(DEFAULT, {"experimnt": "a"}))
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert message([path]).startswith(f"{path}: experimnt is no known key.")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: [1", r"config.yaml: not valid YAML: .*line 1.*Check indentation"),
        ("a: 1\n\tb: 2", r"config.yaml: not valid YAML: .*line 2"),
        (b"a: \xff\xfe", r"config.yaml: not valid YAML: .*0xff"),
        ("- a\n- b", r"config.yaml: must hold a mapping of keys to values, not a list\."),
        ("only words", r"config.yaml: must hold a mapping of keys to values, not a str\."),
    ],
)
def test_not_yaml(write, content: str | bytes, expected: str) -> None:
    path = write("config.yaml", content)
    with pytest.raises(UserError, match=f"(?s){expected}"):
        read_yaml(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config\.yaml: no such config file"):
        read_yaml(tmp_path / "config.yaml")
    with pytest.raises(UserError, match="cannot be read as a config file: Is a directory"):
        read_yaml(tmp_path)


def test_an_empty_file_is_an_empty_overlay(write) -> None:
    files = [write("config.yaml", DEFAULT), write("top.yaml", "# nothing yet\n")]
    assert load_experiment(files) == load_experiment(files[:1])


def test_the_key_null_needs_no_quotes(write) -> None:
    """YAML reads a bare `null:` as no key; the null world of a study is asked for by that name."""
    experiment = load_experiment([write("config.yaml", DEFAULT), write("top.yaml", "world:\n  null: one_sense\n")])
    assert experiment.world is not None and experiment.world.null == "one_sense"
    told = message([write("config.yaml", DEFAULT), write("top.yaml", "world: {null: no_sense}\n")])
    assert told.startswith("top.yaml: world.null is 'no_sense'")
