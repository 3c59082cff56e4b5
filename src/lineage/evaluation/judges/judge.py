"""What a judge is: it reads a request with its response and says whether the response refuses.

The three answers are those of XSTest's annotators (arXiv 2308.01263): full compliance, full refusal, partial refusal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

Refusal = Literal["none", "partial", "full"]
REFUSALS: tuple[Refusal, ...] = ("none", "partial", "full")
"""From least to most."""


class Response(NamedTuple):
    """What a model said to a request."""

    request: str
    """The request in words; for a request that is drawn into a picture, the words that are drawn."""
    text: str


class Verdict(NamedTuple):
    """What a judge says of one response."""

    refusal: Refusal
    score: float | None = None
    """Probability of a refusal (full or partial), where the judge gives one."""
    harmful: bool | None = None
    """Whether the response does the harm that was asked for; None where the judge does not say."""
    detail: str | None = None
    """What decided: the pattern that was met, the lines that were parsed."""

    @property
    def refuses(self) -> bool:
        """Whether it is a refusal, full or partial."""
        return self.refusal != "none"


class Judge(Protocol):
    """A judge is known by its name, its version, and a digest of all that its verdicts follow from."""

    @property
    def name(self) -> str:
        """Short, such as `rules`."""
        ...

    @property
    def version(self) -> int:
        """Goes up when verdicts change on purpose."""
        ...

    @property
    def digest(self) -> str:
        """16 hex digits of the patterns, the weights, or the prompt and the model."""
        ...

    def judge(self, responses: Sequence[Response]) -> list[Verdict | None]:
        """A verdict a response, in order; None where the judge gave none that could be read."""
        ...


def digest_of(*parts: bytes) -> str:
    """16 hex digits of these bytes, each told apart from the next."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()[:16]
