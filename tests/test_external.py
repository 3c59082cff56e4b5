"""Files from outside count by name and content, wherever they lie and whenever they were written."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage import external
from lineage.artifact import file_sha256
from lineage.errors import UserError
from lineage.external import digest, listing


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lineage" / "sha256.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    base = tmp_path / "data"
    (base / "deep").mkdir(parents=True)
    (base / "b.txt").write_bytes(b"abc")
    (base / "deep" / "a.txt").write_bytes(b"")
    return base


def test_lists_names_sizes_and_hashes(folder: Path) -> None:
    (folder / ".hidden").write_text("no")
    (folder / ".git").mkdir()
    (folder / ".git" / "x").write_text("no")
    (folder / "empty").mkdir()
    names = [(name, size, sha[:8]) for name, size, sha in listing(folder)]
    assert names == [("b.txt", 3, "ba7816bf"), ("deep/a.txt", 0, "e3b0c442")]
    assert listing(folder / "b.txt") == [("b.txt", 3, file_sha256(folder / "b.txt"))]


def test_a_move_a_copy_and_a_touch_change_nothing(folder: Path, tmp_path: Path) -> None:
    before = digest(folder)
    os.utime(folder / "b.txt", (1, 1))
    assert digest(folder) == before
    shutil.copytree(folder, tmp_path / "copy")
    assert digest(tmp_path / "copy") == before
    (tmp_path / "link").symlink_to(folder)
    assert digest(tmp_path / "link") == before


def test_content_names_and_number_of_files_count(folder: Path) -> None:
    seen = {digest(folder)}
    (folder / "b.txt").write_bytes(b"abd")  # same size
    os.utime(folder / "b.txt", (2, 2))
    seen.add(digest(folder))
    (folder / "b.txt").rename(folder / "c.txt")
    seen.add(digest(folder))
    (folder / "more.txt").touch()
    seen.add(digest(folder))
    assert len(seen) == 4


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.from_regex(r"\A[a-z]{1,3}(/[a-z]{4})?\Z"), st.binary(max_size=5), max_size=5))
def test_equal_trees_have_equal_digests(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    digests = []
    for order in (list(files), list(files)[::-1]):
        base = tmp_path_factory.mktemp("tree")
        for name in order:
            (base / name).parent.mkdir(exist_ok=True)
            (base / name).write_bytes(files[name])
        digests.append(digest(base))
    assert digests[0] == digests[1]


def test_unchanged_files_are_not_read_again(folder: Path) -> None:
    first = listing(folder)
    with mock.patch.object(external, "file_sha256", side_effect=AssertionError("read again")):
        assert listing(folder) == first
    (folder / "b.txt").write_bytes(b"longer")
    with mock.patch.object(external, "file_sha256", return_value="new") as read:
        assert listing(folder)[0] == ("b.txt", 6, "new")
    read.assert_called_once_with(folder / "b.txt")


@pytest.mark.parametrize("damage", ["torn", "other", "read-only"])
def test_a_cache_that_cannot_be_used_costs_time_only(folder: Path, cache: Path, damage: str) -> None:
    expected = listing(folder)
    if damage == "torn":
        cache.write_text('{"a": ')
    elif damage == "other":
        shutil.rmtree(cache.parent)
    else:
        shutil.rmtree(cache.parent)
        cache.parent.write_text("a file where the folder should be")
    assert listing(folder) == expected
    if damage != "read-only":
        assert len(json.loads(cache.read_text())) == 2


def test_no_such_path(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: no such file or folder\.\n.*`data_root`"):
        listing(tmp_path / "nowhere")


def test_a_link_to_a_folder_above(folder: Path) -> None:
    (folder / "deep" / "loop").symlink_to(folder)
    with pytest.raises(UserError, match=r"deep/loop: links to .*data, a folder above it"):
        listing(folder)


def test_two_links_to_one_folder_are_no_loop(folder: Path) -> None:
    (folder / "again").symlink_to(folder / "deep")
    assert [name for name, _, _ in listing(folder)] == ["again/a.txt", "b.txt", "deep/a.txt"]


def test_a_file_that_may_not_be_read(folder: Path) -> None:
    refused = PermissionError(13, "Permission denied", str(folder / "b.txt"))
    with (
        mock.patch.object(external, "file_sha256", side_effect=refused),
        pytest.raises(UserError, match=r"b\.txt: may not be read\. Change its permissions"),
    ):
        listing(folder)
