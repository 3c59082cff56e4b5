"""LLaVA's form: turns, marks at the front, pictures beside the file; and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lineage.errors import UserError
from tests.conversations.building import (
    llava,
    made,
    png,
    rows,
    taken,
    turns,
    write_json,
    write_lines,
    write_pictures,
)

GOOD = llava("a", "<image>\nWhat is this?", "A bus.", image="coco/1.png")


def read(folder: Path, *entries: Any, **config: Any) -> list[dict[str, Any]]:
    """Rows of these entries, with `coco/1.png` and `coco/2.png` beside them."""
    images = write_pictures(folder / "images", {"coco/1.png": png(1), "coco/2.png": png(2)})
    return taken(folder, "llava", source=write_json(folder / "set.json", entries), images=images, **config)


def refusal(folder: Path, *entries: Any, **config: Any) -> str:
    with pytest.raises(UserError) as error:
        read(folder, *entries, **config)
    assert not (folder / "made").exists()
    assert not (folder / "made.partial").exists()
    return str(error.value)


def test_worked_example(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        GOOD,
        llava(7, "What colour is it?\n<image>", "Red.", "Why?", "Paint.", image="coco/2.png"),
        llava("text", "Hello", "Hi"),
    )
    assert found == [
        {
            "id": "a", "kind": "picture", "harmful": None, "messages": turns("<image>\nWhat is this?", "A bus."),
            "images": [png(1)], "captions": [],
        },
        {
            "id": "7", "kind": "picture", "harmful": None, "images": [png(2)], "captions": [],
            "messages": turns("<image>\nWhat colour is it?", "Red.", "Why?", "Paint."),
        },
        {
            "id": "text", "kind": "text", "harmful": None, "messages": turns("Hello", "Hi"), "images": [],
            "captions": [],
        },
    ]  # fmt: skip


def test_counts_and_json_lines(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "set.jsonl", [GOOD, llava("b", "Hello", "Hi"), llava("c", "Yes?", "No")])
    images = write_pictures(tmp_path / "images", {"coco/1.png": png(1)})
    artifact = made(tmp_path, "llava", source=path, images=images)
    assert artifact.kind == "conversations"
    assert artifact.manifest.counts == {
        "conversations": 3, "kinds": {"picture": 1, "text": 2}, "pictures": 1, "unknown": 3, "read": 3, "dropped": {},
        "left_out": {},
    }  # fmt: skip


def test_several_pictures_keep_their_order(tmp_path: Path) -> None:
    entry = llava("a", "Which of <image> and <image> is red?", "The first.", image=["coco/2.png", "coco/1.png"])
    (row,) = read(tmp_path, entry)
    assert row["messages"][0]["content"] == "<image>\n<image>\nWhich of  and  is red?"
    assert row["images"] == [png(2), png(1)]


def test_repeated_ids_are_refused_or_numbered(tmp_path: Path) -> None:
    assert "duplicate id 'a': row 1 of those taken and row 2" in refusal(tmp_path, GOOD, GOOD)
    assert [row["id"] for row in read(tmp_path, GOOD, GOOD, ids="numbered")] == ["set:1", "set:2"]


@pytest.mark.parametrize(
    "entry, said",
    [
        (llava("a", "<image>\nQ", "A"), "its turns hold 1 <image>, but 0 pictures belong to it"),
        (llava("a", "<image>\n<image>\nQ", "A", image="coco/1.png"), "hold 2 <image>, but 1 pictures"),
        (llava("a", "Q", "A", image="coco/1.png"), "hold 0 <image>, but 1 pictures"),
        (llava("a", "Q", "<image>", image="coco/1.png"), r"turn 1 (assistant) holds <image>"),
        (llava("a", "<image>\nQ", "A", image="coco/3.png"), "coco/3.png: no such picture"),
        (llava("a", "<image>\nQ", "A", image="../set.json"), "a path that leads out of"),
        (llava("a", "Q"), "its roles are user; allowed"),
        (llava("a"), "its roles are none"),
        (llava("a", "Q", "A", "Q"), "its roles are user, assistant, user; allowed"),
        (llava("a", "Q", " "), "turn 1 (assistant) is empty"),
        ({"id": "a", "conversations": [{"from": "robot", "value": "Q"}]}, "'from' is 'robot'; allowed: user, human"),
        ({"id": "a", "conversations": [{"from": "gpt", "value": "Q"}]}, "its roles are assistant"),
        ({"id": "a", "conversations": [{"from": "human", "value": 5}]}, "'value' is 5, but must be text"),
        ({"id": "a", "conversations": [{"from": "human"}]}, "has no 'value'; keys found: from"),
        ({"id": "a", "conversations": "Q"}, "'conversations' is 'Q', not a list of turns"),
        ({"id": "a", "conversation": []}, "no column 'conversations'. Did you mean 'conversation'?"),
        ({"conversations": llava("a", "Q", "A")["conversations"]}, "no column 'id'"),
        ({**llava("a", "Q", "A"), "id": None}, "'id' is None, but an id must be text or a whole number"),
        (llava("a", "half \ud83d", "A"), "half of a surrogate pair (U+D83D)"),
    ],
)
def test_what_is_refused(tmp_path: Path, entry: Any, said: str) -> None:
    message = refusal(tmp_path, GOOD, {**entry, "id": "b"} if entry.get("id") == "a" else entry)
    assert said in message
    assert f"{tmp_path / 'set.json'}: row 2: " in message


def test_a_torn_picture_is_named(tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "images", {"coco/1.png": png(1)[:-20]})
    path = write_json(tmp_path / "set.json", [GOOD])
    with pytest.raises(UserError, match=r"set\.json: row 1: .*images/coco/1\.png: a torn or damaged picture"):
        taken(tmp_path, "llava", source=path, images=images)


def test_pictures_without_their_folder(tmp_path: Path) -> None:
    path = write_json(tmp_path / "set.json", [GOOD])
    with pytest.raises(UserError, match=r"row 1: it names the picture 'coco/1.png', but no folder .*\n  Set `images`"):
        taken(tmp_path, "llava", source=path)


def test_no_file_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"needs `path`, its JSON file"):
        taken(tmp_path, "llava")
    with pytest.raises(UserError, match=r"gone\.json: no such file or folder"):
        taken(tmp_path, "llava", source=tmp_path / "gone.json")
    assert "no row is left of 0 read" in refusal(tmp_path)


def test_artifacts_are_the_same_bytes(tmp_path: Path) -> None:
    images = write_pictures(tmp_path / "images", {"coco/1.png": png(1)})
    path = write_json(tmp_path / "set.json", [GOOD, llava("b", "Q", "A")])
    first = made(tmp_path / "1", "llava", source=path, images=images)
    second = made(tmp_path / "2", "llava", source=path, images=images)
    assert first.digest == second.digest
    assert len(rows(first, "conversations.parquet")) == 2
