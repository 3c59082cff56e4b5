"""WikiText: lines of articles, each under a top-level heading ` = Title = `."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lineage.errors import UserError

HEADING = re.compile(r"^ ?= (?!= )(.+?)(?<! =) = ?$")
"""A top-level heading; ` = = Section = = ` is none."""
ESCAPE = re.compile(r" @([-,.])@ ")
"""WikiText spells `1,000` as `1 @,@ 000` (arXiv 1609.07843, section 4.3)."""


def articles(lines: Iterable[str], *, unescape: bool, place: str) -> Iterator[tuple[int, str, str]]:
    """(number of the heading's line from 1, title, text with headings) of every article.

    Raises:
        UserError: text before the first heading, or no heading at all.
    """
    start, title = 0, ""
    body: list[str] = []
    previous_blank = True
    for number, line in enumerate(lines, 1):
        line = line.strip("\r\n")
        heading = HEADING.match(line) if previous_blank else None
        previous_blank = not line or line.isspace()
        if heading:
            if start:
                yield start, title, _text(body, unescape=unescape)
            start, title, body = number, _unescaped(heading[1]) if unescape else heading[1], []
        if previous_blank:
            continue
        if not start:
            raise UserError(
                f"{place}: line {number} is text before the first ` = Title = ` heading: {line[:60]!r}.\n"
                "  This is not WikiText: set another `split` (`rows` for the `datasets` reader)."
            )
        body.append(line)
    if not start:
        raise UserError(f"{place}: no ` = Title = ` heading, so no article.\n  Set another `split`.")
    yield start, title, _text(body, unescape=unescape)


def _text(body: list[str], *, unescape: bool) -> str:
    # Before stripping: an escape may end a line, and its space with it.
    return "\n".join((_unescaped(line) if unescape else line).strip() for line in body)


def _unescaped(text: str) -> str:
    return ESCAPE.sub(r"\1", text)
