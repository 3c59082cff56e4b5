"""Multiple choice as LLaVA's evaluation asks it: options behind letters, and a letter for an answer."""

from __future__ import annotations

from collections.abc import Sequence

LETTERS = ("A", "B", "C", "D")
SUFFIX = "Answer with the option's letter from the given choices directly."


def lettered(question: str, options: Sequence[str], *, hint: str = "") -> str:
    """The text of a question.

    >>> print(lettered("Which?", ["one", "two"]))
    Which?
    A. one
    B. two
    Answer with the option's letter from the given choices directly.
    """
    lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
    return "\n".join([*([hint] if hint else []), question, *lines, SUFFIX])
