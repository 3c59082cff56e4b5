"""The word lists of the world: package data in `words/`, one word or phrase a line."""

from functools import cache
from importlib.resources import files


@cache
def words(name: str) -> tuple[str, ...]:
    """All lines of `words/<name>.txt`, in order.

    >>> words("shape")
    ('circle', 'square', 'triangle', 'star', 'cross', 'diamond')
    """
    text = files("lineage.world").joinpath("words", f"{name}.txt").read_text(encoding="ascii")
    return tuple(line for line in text.splitlines() if line)
