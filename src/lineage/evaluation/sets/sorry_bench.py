"""SORRY-Bench: unsafe instructions of many categories, as they are or in other styles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from lineage.config.prompt_sets import SorryBenchPrompts
from lineage.conversations.conversation import BadRow
from lineage.conversations.intake import LeftOut
from lineage.conversations.sources.files import identifier_of, value_of
from lineage.evaluation.items import Item
from lineage.evaluation.sets.reading import Entry, Files, asked, rows

VERSION = 1
_COLUMNS = ("question_id", "category", "turns")


def read_sorry_bench(config: SorryBenchPrompts, files: Files) -> Iterator[Entry]:
    """Items in the order of the file; a style is a kind, a category a subset, all styles of a question a cluster.

    Raises:
        UserError: no such file or column.
    """
    for place, row in rows(config, files, _COLUMNS, what="`path`, its question.jsonl, or `name`"):
        yield place, partial(_item, config, row)


def _item(config: SorryBenchPrompts, row: Mapping[str, Any]) -> Item:
    style = str(row["prompt_style"]) if "prompt_style" in row else "base"
    number, category = identifier_of(row, "question_id"), identifier_of(row, "category")
    if style not in config.styles:
        raise LeftOut("of another style")
    if number in {str(one) for one in config.redacted}:
        raise LeftOut("redacted")
    turns = value_of(row, "turns")
    if not isinstance(turns, list) or len(turns) != 1 or not isinstance(turns[0], str):
        raise BadRow("no turns", f"'turns' is {turns!r:.60}, not a list of one text.")
    return Item(
        id=f"sorry_bench-{number}-{style}",
        task="sorry_bench",
        version=VERSION,
        prompt=asked(turns[0]),
        harmful=True,
        kind=style,
        subset=category,
        cluster=number,
    )
