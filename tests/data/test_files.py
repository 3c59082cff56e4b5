"""Which files are read, and what is said of files that cannot be."""

from pathlib import Path

import pytest

from lineage.errors import UserError
from tests.data.building import read


def test_files_are_read_in_order_of_their_names_without_hidden_ones(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    for name in ("b.txt", "a/z.txt", "a/b.txt", ".hidden/x.txt", "c.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"text of {name}")
    found = read(folder, tmp_path, reader="text", label="notes")
    assert [document.id for document in found] == ["notes/a/b.txt", "notes/a/z.txt", "notes/b.txt"]
    assert [document.source for document in found] == [document.id for document in found]
    assert found[0].text == "text of a/b.txt"


def test_limit_and_id_prefix(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("one\n\ntwo\nthree\n")
    found = read(tmp_path / "lines.txt", tmp_path, reader="text", split="line", limit=2, id_prefix="x-")
    assert [(document.id, document.text) for document in found] == [("x-lines.txt:1", "one"), ("x-lines.txt:3", "two")]


def test_missing_source(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: no such file or folder(.|\n)*data_root"):
        read(tmp_path / "nowhere", tmp_path, reader="text")


def test_no_path_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs a `path`"):
        read(None, tmp_path, reader="text")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(UserError, match=r"empty\.jsonl: the file is empty \(0 bytes\)"):
        read(tmp_path / "empty.jsonl", tmp_path, reader="jsonl")


def test_pattern_that_matches_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.md").write_text("x")
    with pytest.raises(UserError, match=r"no file matches the pattern '\*\*/\*\.txt'(.|\n)*a\.md"):
        read(folder, tmp_path, reader="text")


@pytest.mark.parametrize("pattern", ["../*.txt", "/etc/*", "a/../../*.txt", ""])
def test_pattern_must_stay_below_the_folder(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(UserError, match="must stay below"):
        read(tmp_path, tmp_path, reader="text", pattern=pattern)


@pytest.mark.parametrize("link", ["file", "folder"])
def test_symbolic_links_are_refused(tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    folder = tmp_path / "texts"
    folder.mkdir()
    if link == "file":
        (folder / "a.txt").symlink_to(outside / "secret.txt")
    else:
        (folder / "sub").symlink_to(outside)
    with pytest.raises(UserError, match="symbolic link"):
        read(folder, tmp_path, reader="text", pattern="a.txt" if link == "file" else "sub/*.txt")


@pytest.mark.parametrize(
    ("content", "line", "byte"),
    [(b"good\ncaf\xe9 au lait\n", 2, 8), (b"\xff\xfeh\x00i\x00", 1, 0), (b"one\ntwo\nthree \xe2\x82", 3, 14)],
)
@pytest.mark.parametrize("split", ["file", "line", "blank_line"])
def test_not_utf8_names_line_and_byte(tmp_path: Path, content: bytes, line: int, byte: int, split: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(UserError, match=rf"a\.txt: not UTF-8 text: line {line}, byte {byte} of the file"):
        read(tmp_path / "a.txt", tmp_path, reader="text", split=split)


def test_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbftext\nhello\n")
    assert [document.text for document in read(tmp_path / "a.csv", tmp_path, reader="csv")] == ["hello"]


def test_nothing_but_white_space(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" \n\n")
    with pytest.raises(UserError, match="only white space"):
        read(tmp_path / "a.txt", tmp_path, reader="text")
    with pytest.raises(UserError, match="no document in it"):
        read(tmp_path / "a.txt", tmp_path, reader="text", split="line")


def test_a_failed_stage_leaves_no_artifact(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "good"}\n{"text": ')
    with pytest.raises(UserError):
        read(tmp_path / "a.jsonl", tmp_path, reader="jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl"]
