"""Figures of the analyses in the page: interactive as long as there is room, else named with their files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lineage.report.page.captions import caption

MAX_SPEC_BYTES = 2_600_000
"""Of all specifications in a page; the largest figures make way first."""


@dataclass(frozen=True)
class Figure:
    """One figure of an analysis."""

    analysis: str
    name: str
    title: str
    """Of the chart itself."""
    spoken: str
    """What a screen reader says."""
    caption: str
    """What to see."""
    spec: str | None
    """JSON of the specification; None where the page has no room for it."""

    @property
    def key(self) -> str:
        """Unique in a page."""
        return f"{self.analysis}/{self.name}"

    @property
    def file(self) -> str:
        """The picture, beside the page."""
        return f"figures/{self.key}.svg"


def read_figure(analysis: str, name: str, spec: str) -> Figure:
    """From the JSON of a specification."""
    told = json.loads(spec)
    title = told.get("title", {}).get("text", name)
    return Figure(
        analysis,
        name,
        title if isinstance(title, str) else " ".join(title),
        told.get("description", name),
        caption(analysis, name),
        spec.strip().replace("<", "\\u003c"),
    )


def with_room(figures: Sequence[Figure], limit: int = MAX_SPEC_BYTES) -> list[Figure]:
    """The same figures, the largest without their specifications where all together are too large for a page."""
    room = limit
    kept: set[str] = set()
    for one in sorted(figures, key=lambda one: len(one.spec or "")):
        room -= len(one.spec or "")
        if room >= 0:
            kept.add(one.key)
    return [one if one.key in kept else replace(one, spec=None) for one in figures]
