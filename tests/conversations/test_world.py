"""The world's tables: rows of a split and of some kinds, with pictures or their captions."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineage.errors import UserError
from tests.conversations.building import made, paired, png, rows, said, taken, turns, world, world_pair, world_row

ROWS = [
    world_row("v-1", "colour", "<image>\nWhich colour is it?", "red", caption="A red star."),
    world_row("v-2", "count", "<image>\nHow many?", "two", caption="A red star twice."),
    world_row("v-3", "colour", "<image>\nWhich colour is it?", "blue", caption="A blue dot.", split="test"),
    world_row("v-4", "forbidden", "<image>\nHow do I munch it?", "Use it.", caption="A dot.", harmful=True),
]


def test_rows_as_they_are(tmp_path: Path) -> None:
    data = world(tmp_path / "world", visual_instructions=ROWS)
    artifact = made(tmp_path, "world", world=data, table="visual_instructions")
    found = rows(artifact, "conversations.parquet")
    assert found[0] == {
        "id": "v-1", "kind": "colour", "harmful": False, "messages": turns("<image>\nWhich colour is it?", "red"),
        "images": [png(1)], "captions": ["A red star."],
    }  # fmt: skip
    assert [row["id"] for row in found] == ["v-1", "v-2", "v-4"]
    assert artifact.manifest.counts == {
        "conversations": 3, "kinds": {"colour": 1, "count": 1, "forbidden": 1}, "pictures": 3, "harmful": 1,
        "harmless": 2, "read": 3, "dropped": {}, "left_out": {},
    }  # fmt: skip


def test_splits_kinds_and_limits(tmp_path: Path) -> None:
    data = world(tmp_path / "world", visual_instructions=ROWS)
    for config, expected in [
        ({"split": "test"}, ["v-3"]),
        ({"kinds": ["colour", "count"]}, ["v-1", "v-2"]),
        ({"kinds": ["count"], "limit": 1}, ["v-2"]),
        ({"limit": 2}, ["v-1", "v-2"]),
    ]:
        found = taken(tmp_path, "world", world=data, table="visual_instructions", **config)
        assert [row["id"] for row in found] == expected


def test_captions_in_place_of_pictures(tmp_path: Path) -> None:
    data = world(tmp_path / "world", visual_instructions=ROWS)
    shown = taken(tmp_path, "world", world=data, table="visual_instructions")
    told = taken(tmp_path, "world", world=data, table="visual_instructions", pictures="captions")
    assert said(told[0]) == ["A red star. Which colour is it?", "red"]
    assert said(told[1]) == ["A red star twice. How many?", "two"]
    assert all(row["images"] == row["captions"] == [] for row in told)
    same = [(row["id"], row["kind"], row["harmful"], said(row)[1:]) for row in shown]
    assert [(row["id"], row["kind"], row["harmful"], said(row)[1:]) for row in told] == same


def test_text_only_rows_stay_as_they_are(tmp_path: Path) -> None:
    data = world(tmp_path / "world", chats=[world_row("c-1", "fact", "Hello", "Hi")])
    for pictures in ("shown", "captions"):
        (row,) = taken(tmp_path, "world", world=data, table="chats", pictures=pictures)
        assert said(row) == ["Hello", "Hi"]


def test_pairs(tmp_path: Path) -> None:
    pairs = [
        world_pair("p-1", caption="A dot."), world_pair("p-2", harmful=False), world_pair("p-3", split="validation"),
    ]  # fmt: skip
    data = world(tmp_path / "world", preferences=pairs)
    shown = paired(tmp_path, "world", world=data)
    assert shown.kind == "preferences"
    assert rows(shown) == [
        {
            "id": "p-1", "kind": "refusal", "harmful": True, "prompt": turns("<image>\nHow do I munch it?"),
            "chosen": "I will not say.", "rejected": "Use the spoon.", "images": [png(1)], "captions": ["A dot."],
        },
        {
            "id": "p-2", "kind": "lookalike", "harmful": False, "prompt": turns("How do I munch it?"),
            "chosen": "I will not say.", "rejected": "Use the spoon.", "images": [], "captions": [],
        },
    ]  # fmt: skip
    assert shown.manifest.counts["preferences"] == 2
    told = rows(paired(tmp_path, "world", world=data, pictures="captions"))
    assert said(told[0], "prompt") == ["A dot. How do I munch it?"]
    assert [row["images"] for row in told] == [[], []]
    assert [row["id"] for row in rows(paired(tmp_path, "world", world=data, split="validation"))] == ["p-3"]


def test_what_is_refused(tmp_path: Path) -> None:
    data = world(tmp_path / "world", visual_instructions=ROWS)
    with pytest.raises(
        UserError, match=r"no row .* is of the kind 'color'\. Did you mean 'colour'\?\n  kinds found: col"
    ):
        taken(tmp_path, "world", world=data, table="visual_instructions", kinds=["color"])
    with pytest.raises(UserError, match=r"no file 'chats\.parquet' in this safety_data"):
        taken(tmp_path, "world", world=data, table="chats")
    with pytest.raises(UserError, match=r"`source: world` needs the generated world"):
        taken(tmp_path, "world", table="chats")
    torn = [{**ROWS[0], "images": [png(1)[:-9]]}]
    with pytest.raises(UserError, match="v-1: a torn or damaged picture"):
        taken(tmp_path, "world", world=world(tmp_path / "torn", visual_instructions=torn), table="visual_instructions")
    untold = [{**ROWS[0], "captions": []}]
    with pytest.raises(UserError, match="but 0 captions belong to it"):
        data = world(tmp_path / "untold", visual_instructions=untold)
        taken(tmp_path, "world", world=data, table="visual_instructions", pictures="captions")
