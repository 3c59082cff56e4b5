"""Files of conversations and pairs, and captions in place of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineage.conversations.conversation import BadConversation
from lineage.conversations.table import (
    CONVERSATION_SCHEMA,
    CONVERSATIONS,
    PREFERENCE_SCHEMA,
    PREFERENCES,
    read_conversations,
    read_pairs,
    with_captions,
)
from tests.conversations.building import artifact, png, turns


def row(*texts: str, captions: list[str]) -> dict:
    return {
        "id": "r", "kind": "k", "harmful": None, "messages": turns(*texts), "captions": captions,
        "images": [png(number) for number, _ in enumerate(captions)],
    }  # fmt: skip


@pytest.mark.parametrize(
    "content, captions, expected",
    [
        ("<image>\nWhich colour?", ["A red star."], "A red star. Which colour?"),
        ("<image>Which colour?", ["A red star."], "A red star. Which colour?"),
        ("<image>\n<image>\nWhich?", ["One.", "Two."], "One. Two. Which?"),
        ("<image>", ["A red star."], "A red star."),
        ("<image>\n", ["A red star."], "A red star."),
        ("See <image> and <image>", ["one", "two"], "See one and two"),
        ("No picture ", [], "No picture "),
        ("<image>\nWhich?", [r"A \1 sign."], r"A \1 sign. Which?"),
    ],
)
def test_captions_in_place_of_pictures(content: str, captions: list[str], expected: str) -> None:
    given = row(content, "red", captions=captions)
    told = with_captions(given)
    assert told == {**given, "messages": turns(expected, "red"), "images": [], "captions": []}
    assert given["messages"][0]["content"] == content, "what is given is left as it is"


def test_captions_of_later_turns_and_of_prompts() -> None:
    told = with_captions(row("<image>\nA?", "1", "<image>\nB?", "2", captions=["One.", "Two."]))
    assert [turn["content"] for turn in told["messages"]] == ["One. A?", "1", "Two. B?", "2"]
    pair = {"id": "p", "prompt": turns("<image>\nA?"), "chosen": "yes", "images": [png(0)], "captions": ["One."]}
    assert with_captions(pair, turns="prompt")["prompt"] == turns("One. A?")


@pytest.mark.parametrize("captions", [[], ["One."], ["One.", "Two.", "Three."]])
def test_pictures_without_their_captions(captions: list[str]) -> None:
    with pytest.raises(BadConversation, match=rf"hold 2 <image>, but {len(captions)} captions belong") as error:
        with_captions(row("<image>\n<image>\nA?", "1", captions=captions))
    assert error.value.reason == "pictures without captions"


def test_conversations_are_read_as_they_were_written(tmp_path: Path) -> None:
    given = row("<image>\nA?", "1", captions=["One."])
    written = artifact(tmp_path / "set", [given], CONVERSATION_SCHEMA, CONVERSATIONS)
    (read,) = read_conversations(written.path(CONVERSATIONS))
    assert (read.id, read.messages, read.images) == ("r", given["messages"], (png(0),))


def test_sides_of_a_pair(tmp_path: Path) -> None:
    given = {
        "id": "p", "kind": "k", "harmful": True, "prompt": turns("A?", "1", "<image>\nB?"), "chosen": "better",
        "rejected": "worse", "images": [png(0)], "captions": [],
    }  # fmt: skip
    (pair,) = read_pairs(artifact(tmp_path / "set", [given], PREFERENCE_SCHEMA, PREFERENCES).path(PREFERENCES))
    assert pair.chosen.messages == turns("A?", "1", "<image>\nB?", "better")
    assert pair.rejected.messages == turns("A?", "1", "<image>\nB?", "worse")
    assert pair.chosen.images == pair.rejected.images == (png(0),)
    assert pair.chosen.id != pair.rejected.id
