"""JSONL, CSV and Parquet: what goes in comes out, and every bad row is named."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.errors import UserError
from tests.data.building import read

Rows = list[dict[str, Any]]


def write_jsonl(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_csv(path: Path, rows: Rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fieldnames=list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def write_parquet(path: Path, rows: Rows) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)


WRITERS: dict[str, Callable[[Path, Rows], None]] = {"jsonl": write_jsonl, "csv": write_csv, "parquet": write_parquet}
COLUMNS = {"text": "body", "title": "head", "id": "key"}
readers = pytest.mark.parametrize("reader", WRITERS)

# A CSV field cannot tell a lone carriage return from a line end of its own file, so "\r" is left out.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")).filter(
    lambda text: text.strip() != ""
)


@readers
@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.tuples(texts, st.text(st.characters(codec="utf-8", exclude_characters="\r"))), min_size=1))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, reader: str, rows: list[tuple[str, str]]) -> None:
    folder = tmp_path_factory.mktemp("rows")
    written = [{"key": f"k{number}", "head": head, "body": body} for number, (body, head) in enumerate(rows)]
    WRITERS[reader](folder / f"a.{reader}", written)
    found = read(folder / f"a.{reader}", folder, reader=reader, columns=COLUMNS)
    assert [(one.id, one.title, one.text) for one in found] == [(r["key"], r["head"], r["body"]) for r in written]


@readers
def test_rows_are_numbered_without_an_id_column(tmp_path: Path, reader: str) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    for name in ("b", "a"):
        WRITERS[reader](folder / f"{name}.{reader}", [{"text": f"{name}{number}"} for number in (1, 2)])
    found = read(folder, tmp_path, reader=reader, label="set")
    assert [(one.id, one.text) for one in found] == [
        (f"set/a.{reader}:1", "a1"),
        (f"set/a.{reader}:2", "a2"),
        (f"set/b.{reader}:1", "b1"),
        (f"set/b.{reader}:2", "b2"),
    ]


@readers
def test_missing_column_is_named_with_those_found(tmp_path: Path, reader: str) -> None:
    path = tmp_path / f"a.{reader}"
    WRITERS[reader](path, [{"contents": "x", "url": "y"}])
    with pytest.raises(
        UserError, match=r"no column 'content'\. Did you mean 'contents'\?\n  columns found: contents, url"
    ):
        read(path, tmp_path, reader=reader, columns={"text": "content"})


def test_row_without_the_column(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_jsonl(path, [{"text": "one"}, {"text": "two"}, {"txt": "three"}])
    with pytest.raises(UserError, match=r"a\.jsonl: row 3: no column 'text'\. Did you mean 'txt'\?"):
        read(path, tmp_path, reader="jsonl")


@pytest.mark.parametrize("reader", ["jsonl", "parquet"])
def test_null_text(tmp_path: Path, reader: str) -> None:
    path = tmp_path / f"a.{reader}"
    WRITERS[reader](path, [{"text": "one"}, {"text": None}])
    with pytest.raises(UserError, match=r"row 2: column 'text' is null, but the text must be a string"):
        read(path, tmp_path, reader=reader)


@pytest.mark.parametrize("reader", ["jsonl", "parquet"])
def test_number_instead_of_text(tmp_path: Path, reader: str) -> None:
    path = tmp_path / f"a.{reader}"
    WRITERS[reader](path, [{"text": 17}])
    with pytest.raises(UserError, match=r"row 1: column 'text' is 17 \(int\), but the text must be a string"):
        read(path, tmp_path, reader=reader)


@readers
def test_empty_text_is_an_error_or_left_out(tmp_path: Path, reader: str) -> None:
    path = tmp_path / f"a.{reader}"
    WRITERS[reader](path, [{"text": "one", "n": "1"}, {"text": "  ", "n": "2"}, {"text": "three", "n": "3"}])
    with pytest.raises(UserError, match=r"row 2: column 'text' is empty(.|\n)*empty_rows: drop"):
        read(path, tmp_path, reader=reader)
    found = read(path, tmp_path, reader=reader, empty_rows="drop")
    assert [one.id for one in found] == [f"a.{reader}:1", f"a.{reader}:3"]


@readers
def test_repeated_id_names_both_rows(tmp_path: Path, reader: str) -> None:
    path = tmp_path / f"a.{reader}"
    WRITERS[reader](path, [{"text": "x", "id": "n1"}, {"text": "y", "id": "n2"}, {"text": "z", "id": "n1"}])
    expected = rf"duplicate id 'n1': a\.{reader} document 1 and a\.{reader} document 3"
    with pytest.raises(UserError, match=expected):
        read(path, tmp_path, reader=reader, columns={"id": "id"})


@pytest.mark.parametrize("reader", ["jsonl", "parquet"])
def test_integer_ids_are_strings_and_null_ids_errors(tmp_path: Path, reader: str) -> None:
    path = tmp_path / f"a.{reader}"
    WRITERS[reader](path, [{"text": "x", "id": 7}])
    assert read(path, tmp_path, reader=reader, columns={"id": "id"})[0].id == "7"
    WRITERS[reader](path, [{"text": "x", "id": None}])
    with pytest.raises(UserError, match="row 1: column 'id' is None"):
        read(path, tmp_path, reader=reader, columns={"id": "id"})


def test_bad_json_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{text: "two"}\n{"text": "three"}\n')
    with pytest.raises(UserError, match=r"a\.jsonl: row 2 is not JSON \(column 2: .*'\{text: \"two\"\}\\n'\.\n"):
        read(tmp_path / "a.jsonl", tmp_path, reader="jsonl")


def test_truncated_jsonl(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"text": "tw')
    with pytest.raises(
        UserError, match=r"row 2 is not JSON(.|\n)*last line and has no line end: the file looks truncated"
    ):
        read(tmp_path / "a.jsonl", tmp_path, reader="jsonl")


def test_json_line_that_is_no_object(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n["two"]\n')
    with pytest.raises(UserError, match=r"row 2 is list .*not a JSON object"):
        read(tmp_path / "a.jsonl", tmp_path, reader="jsonl")


def test_half_a_surrogate_pair(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "ab\\ud83d"}\n')
    with pytest.raises(
        UserError, match=r"row 1: column 'text' holds half of a surrogate pair \(U\+D83D\) at character 2"
    ):
        read(tmp_path / "a.jsonl", tmp_path, reader="jsonl")


@pytest.mark.parametrize("kept", [200, 8, -9])
def test_torn_parquet(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a.parquet"
    write_parquet(path, [{"text": f"text {number}"} for number in range(50)])
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"a\.parquet: not a whole Parquet file, after row 0"):
        read(path, tmp_path, reader="parquet")


def test_unclosed_quote(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text\n"one"\n"two\nthree\n')
    with pytest.raises(
        UserError, match=r"row 2, which starts in line 3: unexpected end of data\. A quote is not closed"
    ):
        read(tmp_path / "a.csv", tmp_path, reader="csv")


def test_csv_row_with_another_number_of_fields(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text,url\n"o\nne",x\ntwo\n')
    with pytest.raises(UserError, match=r"row 2 \(line 4\) has 1 fields, the header has 2 \(text, url\)"):
        read(tmp_path / "a.csv", tmp_path, reader="csv")


def test_long_csv_field_and_delimiter(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    (tmp_path / "a.csv").write_text(f"text;n\n{'long ' * 50_000};1\n")
    found = read(tmp_path / "a.csv", tmp_path, reader="csv", delimiter=";")
    assert len(found[0].text) == 250_000
    assert csv.field_size_limit() == before


def test_csv_header_that_repeats_a_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,text\nx,y\n")
    with pytest.raises(UserError, match="names column 'text' twice"):
        read(tmp_path / "a.csv", tmp_path, reader="csv")
