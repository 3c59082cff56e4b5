"""One planted bug."""

from __future__ import annotations

from typing import NamedTuple


class Bug(NamedTuple):
    """`old` stands once in `file` (below `src/lineage`); with `new` in its place, `test` must fail."""

    name: str
    file: str
    old: str
    new: str
    test: str
