"""JSON an object at a time: the same objects whatever the size of the pieces; every torn file refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.conversations.sources import json_entries as module
from lineage.conversations.sources.json_entries import json_entries
from lineage.errors import UserError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
ENTRIES = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), max_size=6)


def read(path: Path) -> list[Any]:
    return [entry for _, entry in json_entries(path)]


@settings(max_examples=150, deadline=None)
@given(entries=ENTRIES, chunk=st.integers(1, 40), indent=st.none() | st.just(2), ascii_only=st.booleans())
def test_lists_and_lines_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Any], chunk: int, indent: int | None, ascii_only: bool
) -> None:
    folder = tmp_path_factory.mktemp("json")
    whole, lines = folder / "a.json", folder / "a.jsonl.gz"
    whole.write_text(json.dumps(entries, indent=indent, ensure_ascii=ascii_only), encoding="utf-8")
    content = "".join(json.dumps(entry, ensure_ascii=ascii_only) + "\n" for entry in entries)
    lines.write_bytes(gzip.compress(content.encode("utf-8")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_CHARACTERS", chunk)
        assert read(whole) == read(lines) == entries


def test_places_count_from_one_and_a_byte_order_mark_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf[{"a": 1},\n {"a": 2}]\n')
    assert list(json_entries(path)) == [("row 1", {"a": 1}), ("row 2", {"a": 2})]


@pytest.mark.parametrize(
    "content, said",
    [
        ('[{"a": 1}, {"a": "tor', r"line 1, near .*: Unterminated string.*"),
        ('[{"a": 1},\n\n {"a"', r"line 3, near .* The file ends there: it looks torn"),
        ('[{"a": 1}', r"a comma or the end of the list is missing. The file ends there: it looks torn"),
        ('[{"a": 1} {"a": 2}]', "a comma or the end of the list is missing"),
        ('[{"a": 1}]\n{"a": 2}', "there is more behind the end of the list"),
        ('[{"a": 1},]', "Expecting value"),
        ('{"a": 1}\n{"a": nope}\n', r"line 2, near .*: Expecting value"),
        ("[1, 2]", r"row 1 is 1, not an object"),
        ('{"a": 1}\n"text"\n', r"row 2 is 'text', not an object"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_what_is_no_json(tmp_path: Path, content: str, said: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_CHARACTERS", chunk)
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(UserError, match=said) as error:
        read(path)
    assert str(path) in str(error.value)


def test_a_mistake_early_in_a_large_file_is_told_without_reading_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_CHARACTERS", 64)
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"a": nope, "b": "' + b"x" * 200 + b"\xff")
    with pytest.raises(UserError, match="Expecting value"):
        read(path)


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes('[{"a": "Käse"}]'.encode("latin-1"))
    with pytest.raises(UserError, match=r"not UTF-8 text, near byte 9: 0xe4 .*\n  Convert the file"):
        read(path)


def test_a_torn_gzip_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    whole = gzip.compress(b"".join(b'{"a": %d}\n' % number for number in range(5000)))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not a whole gzip file"):
        read(path)
    path.write_bytes(b'{"a": 1}\n')
    with pytest.raises(UserError, match="not a whole gzip file"):
        read(path)
