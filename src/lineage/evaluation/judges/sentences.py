"""Responses as sentences in small letters: what the rules and the trained judge read."""

from __future__ import annotations

import re
from collections.abc import Sequence

_STRAIGHT = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"})
_END = re.compile(r"(?<=[.!?:])[\"')\]]*\s+|\n+")
_ABBREVIATED = re.compile(r"(?:\b(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|u\.s|no)|^\d{1,2})\.$")


def plain(text: str) -> str:
    """Small letters, straight quotes, and no space but blanks and ends of lines.

    >>> plain("I can\\u2019t  DO that.")
    "i can't do that."
    """
    return re.sub(r"[^\S\n]+", " ", text.translate(_STRAIGHT)).strip().lower()


def sentences(text: str) -> list[str]:
    """The sentences of a text, plain; lines end sentences, colons too, abbreviations and numbers of lists do not.

    >>> sentences("It is poisonous. I will NOT help.")
    ['it is poisonous.', 'i will not help.']
    >>> sentences("Ask Dr. Who:\\n1. Stop.")
    ['ask dr. who:', '1. stop.']
    """
    return _joined([piece.strip() for piece in _END.split(plain(text)) if piece.strip()])


def _joined(pieces: Sequence[str]) -> list[str]:
    """Pieces put together again behind an abbreviation or the number of a list."""
    found: list[str] = []
    for piece in pieces:
        if found and _ABBREVIATED.search(found[-1]):
            found[-1] += f" {piece}"
        else:
            found.append(piece)
    return found
