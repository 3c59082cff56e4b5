"""A folder a class: the class answers the question; whole classes are in both parts."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from lineage.config.conversations import Conversations
from lineage.errors import UserError
from tests.conversations.building import made, png, said, taken, write_pictures


def digits(folder: Path, each: int = 20) -> Path:
    files = {f"{digit}/{number:03}.png": png(20 * digit + number) for digit in range(3) for number in range(each)}
    return write_pictures(folder / "digits", files)


def test_worked_example(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "digits", {"0/a.png": png(0), "1/deep/b.png": png(1), "LICENSE": b"text"})
    write_pictures(folder, {".cache/x.png": b"", "1/.hidden": b""})
    config = {"question": "Which digit?", "answer": "It is {label}.", "labels": {"0": "zero"}}
    found = sorted(taken(tmp_path, "image_folder", source=folder, **config), key=lambda row: row["id"])
    assert [(row["id"], row["kind"], said(row), row["images"]) for row in found] == [
        ("0/a.png", "0", ["<image>\nWhich digit?", "It is zero."], [png(0)]),
        ("1/deep/b.png", "1", ["<image>\nWhich digit?", "It is 1."], [png(1)]),
    ]


def test_a_limit_takes_of_every_class(tmp_path: Path) -> None:
    found = taken(tmp_path, "image_folder", source=digits(tmp_path), limit=15)
    assert len(found) == 15
    assert {row["kind"] for row in found} == {"0", "1", "2"}


def test_parts_are_disjoint_and_together_all(tmp_path: Path) -> None:
    folder = digits(tmp_path)
    parts = {
        part: {
            row["id"] for row in taken(tmp_path / part, "image_folder", source=folder, part=part, validation_share=0.3)
        }
        for part in ("all", "train", "validation")
    }
    assert parts["train"] | parts["validation"] == parts["all"]
    assert not parts["train"] & parts["validation"]
    assert len(parts["all"]) == 60
    assert 8 <= len(parts["validation"]) <= 28
    other = taken(
        tmp_path / "other", "image_folder", source=folder, part="validation", validation_share=0.3, part_seed=1
    )
    assert {row["id"] for row in other} != parts["validation"]


def test_equal_pictures_are_in_one_part(tmp_path: Path) -> None:
    folder = write_pictures(
        tmp_path / "same", {f"{name}/{number}.png": png(number) for name in "ab" for number in range(30)}
    )
    found = taken(tmp_path, "image_folder", source=folder, part="validation", validation_share=0.4)
    assert {row["id"][2:] for row in found if row["kind"] == "a"} == {
        row["id"][2:] for row in found if row["kind"] == "b"
    }
    assert found


def test_what_is_refused(tmp_path: Path) -> None:
    folder = digits(tmp_path, each=1)
    with pytest.raises(UserError, match=r"labels: no subfolder '7' .*\n  subfolders: 0, 1, 2"):
        taken(tmp_path, "image_folder", source=folder, labels={"7": "seven"})
    with pytest.raises(UserError, match="no subfolder in it"):
        taken(tmp_path, "image_folder", source=folder / "0")
    (folder / "1" / "notes.txt").write_text("no picture")
    with pytest.raises(UserError, match=r"1/notes\.txt: 10 bytes that are no picture"):
        taken(tmp_path, "image_folder", source=folder)
    counts = made(tmp_path, "image_folder", source=folder, max_dropped_share=0.3).manifest.counts
    assert (counts["conversations"], counts["read"], counts["dropped"]) == (3, 4, {"no picture": 1})
    (folder / "1" / "more").symlink_to(folder / "2")
    with pytest.raises(UserError, match="links to the folder"):
        taken(tmp_path, "image_folder", source=folder)


def test_an_answer_that_says_the_same_of_every_picture() -> None:
    with pytest.raises(ValidationError, match=r"it must hold \{label\}"):
        Conversations.model_validate({"source": "image_folder", "answer": "a digit"})
