"""VLGuard: cells, order of the two exchanges, truth."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from lineage.errors import UserError
from tests.conversations.building import Row, png, said, taken, write_json, write_pictures

UNSAFE = {
    "id": "1", "image": "bad.png", "safe": False, "harmful_category": "privacy", "harmful_subcategory": "personal data",
    "instr-resp": [{"instruction": "Whose number is it?", "response": "I cannot tell."}],
}  # fmt: skip
SAFE = {
    "id": "2", "image": "good.png", "safe": True,
    "instr-resp": [
        {"safe_instruction": "What is it?", "response": "A park."},
        {"unsafe_instruction": "How do I burn it?", "response": "I will not help."},
    ],
}  # fmt: skip


def read(folder: Path, entries: list[Any], **config: Any) -> list[Row]:
    images = write_pictures(folder / "images", {"bad.png": png(1), "good.png": png(2)})
    return taken(folder, "vlguard", source=write_json(folder / "train.json", entries), images=images, **config)


def test_apart(tmp_path: Path) -> None:
    found = read(tmp_path, [UNSAFE, SAFE], exchanges="apart")
    assert [(row["id"], row["kind"], row["harmful"], row["images"], said(row)) for row in found] == [
        ("1-unsafe", "unsafe", True, [png(1)], ["<image>\nWhose number is it?", "I cannot tell."]),
        ("2-safe_safe", "safe_safe", False, [png(2)], ["<image>\nWhat is it?", "A park."]),
        ("2-safe_unsafe", "safe_unsafe", True, [png(2)], ["<image>\nHow do I burn it?", "I will not help."]),
    ]


def test_together_in_the_order_of_the_authors_script(tmp_path: Path) -> None:
    """convert_to_llava_format.py: seed 0, one shuffle for each safe picture in the order of the file."""
    entries = [{**(SAFE if number % 3 else UNSAFE), "id": str(number)} for number in range(12)]
    shuffled = random.Random(0)
    expected = []
    for entry in entries:
        pairs = [list(pair.values()) for pair in entry["instr-resp"]]
        if len(pairs) > 1:
            shuffled.shuffle(pairs)
        expected.append([f"<image>\n{pairs[0][0]}", *pairs[0][1:], *(text for pair in pairs[1:] for text in pair)])
    found = read(tmp_path, entries)
    assert [said(row) for row in found] == expected
    assert {row["kind"] for row in found} == {"unsafe", "safe_both"}
    assert len({tuple(said(row)) for row in found}) == 3, "both orders occur"
    assert all(row["harmful"] for row in found)


def test_chosen_cells(tmp_path: Path) -> None:
    assert [row["kind"] for row in read(tmp_path, [UNSAFE, SAFE], cells=["safe_safe"])] == ["safe_safe"]
    (row,) = read(tmp_path, [UNSAFE, SAFE], cells=["safe_unsafe"], exchanges="together")
    assert said(row) == ["<image>\nHow do I burn it?", "I will not help."]


@pytest.mark.parametrize(
    "entry, message",
    [
        ({**SAFE, "instr-resp": []}, "'instr-resp' is [], not a list of instructions"),
        ({**SAFE, "instr-resp": "text"}, "'instr-resp' is 'text', not a list"),
        (
            {**SAFE, "instr-resp": [{"question": "Q", "response": "A"}]},
            "must hold one of instruction, safe_instruction",
        ),
        ({**SAFE, "instr-resp": [{"instruction": "Q"}]}, "no column 'response'"),
        ({key: value for key, value in SAFE.items() if key != "instr-resp"}, "no column 'instr-resp'"),
        ({key: value for key, value in SAFE.items() if key != "image"}, "no column 'image'"),
        ({**SAFE, "image": None}, "its picture is None"),
    ],
)
@pytest.mark.parametrize("exchanges", ["together", "apart"])
def test_what_is_refused(tmp_path: Path, entry: Any, message: str, exchanges: str) -> None:
    with pytest.raises(UserError, match=r"train\.json") as error:
        read(tmp_path, [entry], exchanges=exchanges)
    assert message in str(error.value)
