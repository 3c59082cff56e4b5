"""A conversation before any tokenizer: turns, pictures, and what makes one unusable whatever the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lineage.errors import UserError

ROLES = ("system", "user", "assistant")
IMAGE_MARK = "<image>"
"""Where a picture stands in the text of a turn, whatever the model's own token for it is (LLaVA's convention)."""

Message = Mapping[str, str]
"""`role` and `content`."""


@dataclass(frozen=True)
class Conversation:
    """Turns and their pictures, before any tokenizer."""

    id: str
    messages: Sequence[Message]
    images: Sequence[bytes] = ()
    """Files (PNG, JPEG, ...), one for each `<image>` in the turns, in order."""


class BadRow(UserError):
    """One row of data that cannot be used; `reason` is short and the same for all that fail alike."""

    def __init__(self, reason: str, message: str):
        self.reason = reason
        super().__init__(message)


class BadConversation(BadRow):
    """One conversation that cannot be used."""

    def __init__(self, id: str, reason: str, detail: str):
        self.id = id
        super().__init__(reason, f"conversation {id}: {detail}")


def check_turns(conversation: Conversation, *, ends_with: str) -> None:
    """One system turn or none, then user and assistant in turn, each with something to say.

    Raises:
        BadConversation: roles that do not take turns, empty turns.
    """
    roles = [one["role"] for one in conversation.messages]
    spoken = roles[1:] if roles[:1] == ["system"] else roles
    expected = [("user", "assistant")[number % 2] for number in range(len(spoken))]
    if not spoken or spoken != expected or spoken[-1] != ends_with:
        raise BadConversation(
            conversation.id,
            "wrong roles",
            f"its roles are {', '.join(roles) or 'none'}; allowed: one system turn or none, then user and assistant in"
            f" turn, the last one {ends_with}.",
        )
    for number, one in enumerate(conversation.messages):
        if not one["content"].strip():
            raise BadConversation(conversation.id, "an empty turn", f"turn {number} ({one['role']}) is empty.")


def check_marks(conversation: Conversation) -> None:
    """Every picture has its mark, in a turn of the user.

    Raises:
        BadConversation: more or fewer marks than pictures, or a mark in what the assistant says: it would be learned.
    """
    marks = sum(one["content"].count(IMAGE_MARK) for one in conversation.messages)
    if marks != len(conversation.images):
        raise BadConversation(
            conversation.id,
            "pictures that do not match their marks",
            f"its turns hold {marks} {IMAGE_MARK}, but {len(conversation.images)} pictures belong to it.",
        )
    for number, one in enumerate(conversation.messages):
        if one["role"] != "user" and IMAGE_MARK in one["content"]:
            raise BadConversation(
                conversation.id,
                "a picture outside of the user's turns",
                f"turn {number} ({one['role']}) holds {IMAGE_MARK}; only the user shows pictures.",
            )
