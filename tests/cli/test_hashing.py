"""Hashes from the process beside."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from lineage.artifact import file_sha256
from lineage.cli.hashing import Hashing
from lineage.errors import UserError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_bytes(path.name.encode() * 1000)
    return paths


def test_in_any_order_and_more_than_once(files: list[Path]) -> None:
    with Hashing(files) as hashes:
        for path in [*reversed(files), files[0]]:
            assert hashes.of(path) == file_sha256(path)


def test_a_file_that_was_not_announced(files: list[Path]) -> None:
    with Hashing(files[:1]) as hashes:
        assert hashes.of(files[2]) == file_sha256(files[2])
        assert hashes.of(files[0]) == file_sha256(files[0])


def test_a_file_that_is_not_there(files: list[Path], tmp_path: Path) -> None:
    with Hashing([tmp_path / "nowhere", *files]) as hashes:
        assert hashes.of(files[0]) == file_sha256(files[0]), "the others are not lost"
        with pytest.raises(UserError, match="no such file"):
            hashes.of(tmp_path / "nowhere")


def test_the_process_ends_with_the_block(files: list[Path]) -> None:
    with pytest.raises(KeyboardInterrupt), Hashing(files):
        raise KeyboardInterrupt
    assert not multiprocessing.active_children()
