"""How commands show things: rich tables on a terminal, aligned text elsewhere, JSON on request."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

MAX_VALUE_CHARACTERS = 48


def show_json(value: object) -> None:
    """Prints JSON for programs: nothing cut, nothing rounded."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """A rich table on a terminal; elsewhere a plain one that keeps every character, two spaces between columns.

    Columns whose heading ends with `#` hold numbers and are aligned to the right (the sign is not shown).
    """
    rows = [[str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(rich_table(headings, rows, title))
    else:
        if title:
            typer.echo(title)
        typer.echo(plain_table(headings, rows))


def plain_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table as aligned text.

    >>> print(plain_table(["name", "tokens#"], [["main", "1,200"]]))
    name  tokens
    main   1,200
    """
    numeric = [heading.endswith("#") for heading in headings]
    lines = [[heading.removesuffix("#") for heading in headings], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    shown = (
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        )
        for line in lines
    )
    return "\n".join(line.rstrip() for line in shown)


def rich_table(headings: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> Table:
    """The table as rich draws it; headings as in `show_table`."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title) if title else None, title_justify="left", header_style="bold")
    for heading in headings:
        justify = "right" if heading.endswith("#") else "left"
        table.add_column(Text(heading.removesuffix("#")), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=STATE_STYLES.get(cell, "")) for cell in row))
    return table


STATE_STYLES = {"whole": "green", "stale": "yellow", "partial": "red", "missing": "red", "unreferenced": "dim"}


def short(value: Any) -> str:
    """A value as a person reads it in a table cell: `12,000`, `0.001`, `[1, 2]`; long ones are cut."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_CHARACTERS else text[: MAX_VALUE_CHARACTERS - 3] + "..."


def bytes_in_words(count: int) -> str:
    """`999 B`, `1.2 MB`: decimal units."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys; lists stay whole, empty mappings are values.

    >>> flatten({"a": {"b": 1}, "c": []})
    {'a.b': 1, 'c': []}
    """
    if not isinstance(value, dict) or not value:
        return {prefix: value} if prefix else {}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    return flat


MISSING = "(none)"
"""Shown in place of a value that one side does not have."""


def differences(old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Dotted keys whose values differ, with both values; `MISSING` stands for a key that one side lacks."""
    left, right = flatten(old), flatten(new)
    keys = sorted(left.keys() | right.keys())
    pairs = {key: (left.get(key, MISSING), right.get(key, MISSING)) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
