"""Tables through `datasets`: columns, forms of turns, pictures in and beside the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from lineage.config.conversations import Conversations, Preferences
from lineage.errors import UserError
from tests.conversations.building import (
    Row,
    made,
    paired,
    png,
    rows,
    said,
    taken,
    turns,
    write_lines,
    write_pictures,
)

EXCHANGES = [
    {"key": "k0", "q": "What is it?", "a": "A bus.", "pic": png(0), "bad": False, "topic": "street"},
    {"key": "k1", "q": "Hello", "a": "Hi", "pic": None, "bad": True, "topic": "talk"},
]
COLUMNS = {"prompt": "q", "response": "a", "image": "pic", "id": "key", "harmful": "bad", "kind": "topic"}
EXPECTED = [
    ("k0", "street", False, ["<image>\nWhat is it?", "A bus."], [png(0)]),
    ("k1", "talk", True, ["Hello", "Hi"], []),
]


def seen(found: list[Row]) -> list[tuple[Any, ...]]:
    return [(row["id"], row["kind"], row["harmful"], said(row), row["images"]) for row in found]


def with_features(folder: Path, exchanges: list[Row]) -> Path:
    """A data set on disk whose column is of the kind `Image`, as hub data sets have it."""
    from datasets import Dataset, DatasetDict, Image

    data = Dataset.from_list(exchanges).cast_column("pic", Image())
    DatasetDict({"train": data}).save_to_disk(str(folder))
    return folder


def parquet(folder: Path, exchanges: list[Row]) -> Path:
    """A folder with one shard as the hub keeps them: pictures as `{bytes, path}`, with the features in the metadata."""
    from datasets import Dataset, Image

    (folder / "data").mkdir(parents=True)
    data = Dataset.from_list(exchanges).cast_column("pic", Image())
    data.to_parquet(str(folder / "data" / "train-00000-of-00001.parquet"))
    return folder


@pytest.mark.parametrize("form", ["saved", "hub", "file", "plain"])
def test_worked_example(tmp_path: Path, form: str) -> None:
    if form == "saved":
        source = with_features(tmp_path / "set", EXCHANGES)
    elif form == "plain":
        source = tmp_path / "set.parquet"
        pq.write_table(pa.Table.from_pylist(EXCHANGES), source)
    else:
        source = parquet(tmp_path / "set", EXCHANGES)
        source = source if form == "hub" else source / "data" / "train-00000-of-00001.parquet"
    assert seen(taken(tmp_path, "datasets", source=source, columns=COLUMNS)) == EXPECTED


def test_rows_are_numbered_and_nothing_is_known_of_them(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "set" / "train.jsonl", [{"q": "Hello", "a": "Hi"}, {"q": "Bye", "a": "Bye"}]).parent
    found = taken(tmp_path, "datasets", source=source, columns={"prompt": "q", "response": "a"})
    assert [(row["id"], row["kind"], row["harmful"]) for row in found] == [
        ("train:1", "row", None), ("train:2", "row", None),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["role", "from", "parts"])
def test_forms_of_turns(tmp_path: Path, form: str) -> None:
    spoken: list[Any] = turns("What is it?", "A bus.", "Why?", "Who knows.")
    if form == "from":
        names = {"user": "human", "assistant": "gpt"}
        spoken = [{"from": names[turn["role"]], "value": turn["content"]} for turn in spoken]
    elif form == "parts":
        spoken = [{**turn, "content": [{"type": "text", "text": turn["content"]}]} for turn in spoken]
        spoken[0]["content"].append({"type": "image"})
    images = write_pictures(tmp_path / "images", {"a.png": png(3)})
    source = write_lines(tmp_path / "set" / "train.jsonl", [{"turns": spoken, "pics": ["a.png"]}]).parent
    (row,) = taken(tmp_path, "datasets", source=source, images=images, columns={"messages": "turns", "image": "pics"})
    assert said(row) == ["<image>\nWhat is it?", "A bus.", "Why?", "Who knows."]
    assert row["images"] == [png(3)]


def test_an_image_folder_as_datasets_reads_it(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "set", {"train/a.png": png(4), "train/b.png": png(5)})
    lines = [{"file_name": f"{name}.png", "q": "What?", "a": name} for name in "ab"]
    (folder / "train" / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    columns = {"prompt": "q", "response": "a", "image": "image"}
    found = taken(tmp_path, "datasets", source=folder, columns=columns)
    assert sorted((said(row)[1], row["images"]) for row in found) == [("a", [png(4)]), ("b", [png(5)])]


def test_pictures_that_a_table_names_must_lie_in_the_folder(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(6))
    for name in (str(secret), "../secret.png"):
        source = write_lines(tmp_path / "set" / "train.jsonl", [{"q": "Q", "a": "A", "pic": name}]).parent
        with pytest.raises(UserError, match=r"row 1: .*a path that leads out of"):
            taken(tmp_path, "datasets", source=source, columns={"prompt": "q", "response": "a", "image": "pic"})


def test_torn_and_missing_pictures_are_dropped_only_where_a_share_may_be(tmp_path: Path) -> None:
    bad = [{**EXCHANGES[0], "key": "k2", "pic": png(0)[:-8]}, {**EXCHANGES[0], "key": "k3", "pic": b"text"}]
    source = parquet(tmp_path / "set", [*EXCHANGES, *bad])
    with pytest.raises(UserError, match="row 3: its picture: a torn or damaged picture"):
        taken(tmp_path, "datasets", source=source, columns=COLUMNS)
    artifact = made(tmp_path, "datasets", source=source, columns=COLUMNS, max_dropped_share=0.5)
    assert artifact.manifest.counts["dropped"] == {"a torn picture": 1, "no picture": 1}
    assert seen(rows(artifact, "conversations.parquet")) == EXPECTED
    with pytest.raises(
        UserError, match=r"2 of 4 rows cannot be used \(a torn picture: 1, no picture: 1\).*0\.4"
    ) as error:
        taken(tmp_path, "datasets", source=source, columns=COLUMNS, max_dropped_share=0.4)
    assert "The first: " in str(error.value)
    assert "row 3" in str(error.value)


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_missing_column_prints_those_found(tmp_path: Path, form: str) -> None:
    if form == "parquet":
        source = parquet(tmp_path / "set", EXCHANGES)
    else:
        lines = [{**row, "pic": None} for row in EXCHANGES]
        source = write_lines(tmp_path / "set" / "train.jsonl", lines).parent
    with pytest.raises(
        UserError, match=r"no column 'qq'\. Did you mean 'q'\?\n  columns found: key, q, a, pic, bad, topic"
    ):
        taken(tmp_path, "datasets", source=source, columns={**COLUMNS, "prompt": "qq"})


def test_columns_of_another_kind(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "set" / "train.jsonl", [{"q": 7, "a": "A", "n": 1.5}]).parent
    for columns, message in [
        ({"prompt": "q", "response": "a"}, r"'q' is 7 \(int\), but must be text"),
        ({"messages": "q"}, "'q' is 7, not a list of turns"),
        ({"prompt": "a", "response": "a", "id": "n"}, r"'n' is 1\.5, but an id must be"),
        ({"prompt": "a", "response": "a", "harmful": "q"}, "'q' is 7, but must be true, false or null"),
        ({"prompt": "a", "response": "a", "image": "q"}, "its picture is 7, but must be a path below"),
    ]:
        with pytest.raises(UserError, match=message):
            taken(tmp_path, "datasets", source=source, columns=columns)


def test_the_config_names_turns_and_one_place() -> None:
    for config in ({"columns": {}}, {"columns": {"prompt": "q"}}, {"columns": {"messages": "m", "prompt": "q"}}):
        with pytest.raises(ValidationError, match="either `messages`, or both `prompt` and `response`"):
            Conversations.model_validate({"source": "datasets", **config})
    for kind, columns in ((Conversations, {"messages": "m"}), (Preferences, {})):
        config = {"source": "datasets", "columns": columns, "name": "some/set"}
        with pytest.raises(ValidationError, match="needs a `revision`"):
            kind.model_validate(config)
        with pytest.raises(ValidationError, match="give one of them"):
            kind.model_validate({**config, "revision": "a", "path": "p"})


def test_neither_name_nor_path(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="either `name`"):
        taken(tmp_path, "datasets", columns=COLUMNS)
    with pytest.raises(UserError, match="no such file or folder"):
        taken(tmp_path, "datasets", source=tmp_path / "gone", columns=COLUMNS)
    (tmp_path / "set.xlsx").write_bytes(b"x")
    with pytest.raises(UserError, match=r"not a data file .*\n  endings: \.parquet, \.json"):
        taken(tmp_path, "datasets", source=tmp_path / "set.xlsx", columns=COLUMNS)


def test_the_hub_is_asked_for_the_pinned_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked: list[Any] = []

    def load(path: str, **given: Any) -> Any:
        asked.append((path, given))
        return datasets.Dataset.from_list([{"q": "Hello", "a": "Hi"}]).to_iterable_dataset()

    monkeypatch.setattr(datasets, "load_dataset", load)
    config = {"name": "some/set", "revision": "abc123", "subset": "small", "split": "test"}
    (row,) = taken(tmp_path, "datasets", columns={"prompt": "q", "response": "a"}, **config)
    assert (row["id"], said(row)) == ("test:1", ["Hello", "Hi"])
    assert asked == [("some/set", {"name": "small", "split": "test", "revision": "abc123", "streaming": True})]


PAIR = {"prompt": "Why?", "chosen": "Because.", "rejected": "No."}


@pytest.mark.parametrize("form", ["texts", "turns", "whole", "repeated"])
def test_forms_of_pairs(tmp_path: Path, form: str) -> None:
    """As texts, as turns, as two whole conversations, and as answers that repeat the prompt."""
    entry: Row = dict(PAIR)
    asked = turns("Why?")
    if form != "texts":
        before = [] if form == "turns" else asked
        entry = {side: [*before, {"role": "assistant", "content": PAIR[side]}] for side in ("chosen", "rejected")}
        entry |= {} if form == "whole" else {"prompt": asked}
    source = write_lines(tmp_path / "set" / "train.jsonl", [entry]).parent
    columns = {} if form == "whole" else {"prompt": "prompt"}
    (row,) = rows(paired(tmp_path, "datasets", source=source, columns=columns))
    assert (row["prompt"], row["chosen"], row["rejected"]) == (asked, "Because.", "No.")


def test_pairs_with_a_picture(tmp_path: Path) -> None:
    source = parquet(tmp_path / "set", [{**PAIR, "pic": png(8)}])
    (row,) = rows(paired(tmp_path, "datasets", source=source, columns={"prompt": "prompt", "image": "pic"}))
    assert (said(row, "prompt"), row["images"]) == (["<image>\nWhy?"], [png(8)])


def test_pairs_that_begin_otherwise(tmp_path: Path) -> None:
    sides = {"chosen": turns("Why?", "Because."), "rejected": turns("How?", "No.")}
    source = write_lines(tmp_path / "set" / "train.jsonl", [{"prompt": "Why?", **sides}]).parent
    with pytest.raises(UserError, match="its two dialogues differ before the last answer"):
        paired(tmp_path, "datasets", source=source)
    with pytest.raises(UserError, match="an answer repeats another prompt than its own"):
        paired(tmp_path, "datasets", source=source, columns={"prompt": "prompt"})
    source = write_lines(tmp_path / "other" / "train.jsonl", [{**PAIR, "chosen": turns("Why?")}]).parent
    with pytest.raises(UserError, match="'chosen' does not end with a turn of the assistant"):
        paired(tmp_path, "datasets", source=source, columns={"prompt": "prompt"})
