"""The `datasets` reader on folders: `save_to_disk` output, and data files as the hub stores them."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from lineage.config.documents import Documents
from lineage.errors import UserError
from tests.data.building import read

ROWS = [{"key": f"k{number}", "body": f"text {number}"} for number in range(5)]
COLUMNS = {"text": "body", "id": "key"}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    from datasets import Dataset, DatasetDict

    splits = {"train": Dataset.from_list(ROWS), "validation": Dataset.from_list(ROWS[:2])}
    DatasetDict(splits).save_to_disk(str(tmp_path / "saved"))
    return tmp_path / "saved"


def write_files(folder: Path, form: str) -> Path:
    folder.mkdir()
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), folder / "train.parquet")
    else:
        (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return folder


def test_saved_to_disk(saved: Path, tmp_path: Path) -> None:
    found = read(saved, tmp_path, reader="datasets", columns=COLUMNS, split="train")
    assert [(one.id, one.text, one.source) for one in found] == [(r["key"], r["body"], "saved/train") for r in ROWS]
    found = read(saved, tmp_path, reader="datasets", columns={"text": "body"}, split="validation", label="set")
    assert [one.id for one in found] == ["set/validation:1", "set/validation:2"]


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_data_files_as_on_the_hub(tmp_path: Path, form: str) -> None:
    folder = write_files(tmp_path / "hub", form)
    found = read(folder, tmp_path, reader="datasets", columns=COLUMNS)
    assert [(one.id, one.text) for one in found] == [(row["key"], row["body"]) for row in ROWS]


def test_rows_that_are_lines_of_wikitext(tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    folder.mkdir()
    lines = ["", " = One = \n", "", " Text @-@ one . \n", "", " = Two = \n", "", " More . \n"]
    (folder / "train.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    found = read(folder, tmp_path, reader="datasets", rows="wikitext", label="wiki")
    assert [(one.id, one.title, one.text) for one in found] == [
        ("wiki/train:2", "One", "= One =\nText-one ."),
        ("wiki/train:6", "Two", "= Two =\nMore ."),
    ]


def test_unknown_split(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no split 'trian'\. Did you mean 'train'\?\n  splits found: train, validation"
    ):
        read(saved, tmp_path, reader="datasets", columns=COLUMNS, split="trian")


def test_unknown_split_of_files(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "hub", "jsonl")
    with pytest.raises(UserError, match=r"cannot load it \(subset None, split test"):
        read(folder, tmp_path, reader="datasets", split="test")


def test_unknown_column(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no column 'bdy'\. Did you mean 'body'\?"):
        read(saved, tmp_path, reader="datasets", columns={"text": "bdy"})


def test_torn_file(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "hub", "parquet")
    path = folder / "train.parquet"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="hub"):
        read(folder, tmp_path, reader="datasets", columns=COLUMNS)


def test_hub_name_needs_a_revision() -> None:
    with pytest.raises(ValidationError, match="needs a `revision`"):
        Documents.model_validate({"reader": "datasets", "name": "some/set"})
    with pytest.raises(ValidationError, match="give one of them"):
        Documents.model_validate({"reader": "datasets", "name": "some/set", "revision": "abc", "path": "folder"})


def test_neither_name_nor_path(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="either `name`"):
        read(None, tmp_path, reader="datasets")
