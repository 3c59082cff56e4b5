"""Turns as data sets write them -> turns of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lineage.conversations.conversation import IMAGE_MARK, BadRow

SPEAKERS = {"user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "system": "system"}
"""Names of roles in data sets -> ours."""


def turns_of(value: Any, *, what: str) -> list[dict[str, str]]:
    """A list of `{role, content}` or `{from, value}` as turns; pictures come first in their turn.

    Raises:
        BadRow: no list of turns, an unknown role, content that is no text.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise BadRow("no turns", f"'{what}' is {value!r:.60}, not a list of turns.")
    return [_turn(one, f"{what}[{number}]") for number, one in enumerate(value)]


def _turn(value: Any, what: str) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise BadRow("no turns", f"{what} is {value!r:.60}, not a turn such as {{from: human, value: ...}}.")
    names = ("from", "value") if "from" in value else ("role", "content")
    if missing := [name for name in names if name not in value]:
        raise BadRow("no turns", f"{what} has no '{missing[0]}'; keys found: {', '.join(map(str, value)) or 'none'}.")
    speaker, said = value[names[0]], value[names[1]]
    if not isinstance(speaker, str) or speaker not in SPEAKERS:
        raise BadRow("wrong roles", f"{what}: '{names[0]}' is {speaker!r:.60}; allowed: {', '.join(SPEAKERS)}.")
    if isinstance(said, Sequence) and not isinstance(said, str):
        said = "".join(_part(part, what) for part in said)
    if not isinstance(said, str):
        raise BadRow("a value that is no text", f"{what}: '{names[1]}' is {said!r:.60}, but must be text.")
    return {"role": SPEAKERS[speaker], "content": pictures_first(said)}


def _part(part: Any, what: str) -> str:
    """One part of content in the form of chat templates: `{type: text, text: ...}` or `{type: image}`."""
    if isinstance(part, Mapping) and part.get("type") == "image":
        return IMAGE_MARK
    if isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return part["text"]
    raise BadRow("a value that is no text", f"{what}: {part!r:.60} is neither text nor a picture.")


def pictures_first(content: str) -> str:
    """Every `<image>` moved to the front of its turn, a line each, as LLaVA does (train.py:308-329).

    >>> pictures_first("What is this?\\n<image>")
    '<image>\\nWhat is this?'
    """
    marks = content.count(IMAGE_MARK)
    if not marks:
        return content
    return ("".join(f"{IMAGE_MARK}\n" * marks) + content.replace(IMAGE_MARK, "").strip()).strip()


def shown_first(turns: Sequence[Mapping[str, str]], pictures: int) -> list[dict[str, str]]:
    """Turns of a data set that writes no marks: the first turn of the user shows the pictures."""
    turns = [dict(turn) for turn in turns]
    if any(IMAGE_MARK in turn["content"] for turn in turns):
        return turns
    for turn in turns:
        if turn["role"] == "user":
            turn["content"] = pictures_first(IMAGE_MARK * pictures + turn["content"])
            break
    return turns


def exchange(question: str, answer: str) -> list[dict[str, str]]:
    """One question with its answer."""
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
