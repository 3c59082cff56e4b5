"""WildGuardTest: plain and adversarial prompts, labelled harmful or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from lineage.config.prompt_sets import WildguardTestPrompts
from lineage.conversations.conversation import BadRow
from lineage.conversations.intake import LeftOut
from lineage.conversations.sources.files import text_of, value_of
from lineage.evaluation.items import Item
from lineage.evaluation.sets.reading import Entry, Files, asked, rows

VERSION = 1
_COLUMNS = ("prompt", "adversarial", "prompt_harm_label", "subcategory")
_LABELS = {"harmful": True, "unharmful": False}


def read_wildguard_test(config: WildguardTestPrompts, files: Files) -> Iterator[Entry]:
    """Items in the order of the table; plain or adversarial is a kind, a subcategory a subset.

    Raises:
        UserError: no such table or column.
    """
    what = "`path`, its Parquet file, or `name` and `subset: wildguardtest`"
    for number, (place, row) in enumerate(rows(config, files, _COLUMNS, what=what), 1):
        yield place, partial(_item, number, row)


def _item(number: int, row: Mapping[str, Any]) -> Item:
    label = value_of(row, "prompt_harm_label")
    if label is None:
        raise LeftOut("no label of harm")
    if label not in _LABELS:
        raise BadRow("an unknown label", f"'prompt_harm_label' is {label!r:.60}; known: {', '.join(_LABELS)}.")
    return Item(
        id=f"wildguard_test-{number}",
        task="wildguard_test",
        version=VERSION,
        prompt=asked(text_of(row, "prompt")),
        harmful=_LABELS[label],
        kind="adversarial" if value_of(row, "adversarial") else "plain",
        subset=str(value_of(row, "subcategory")),
        cluster=str(number),
    )
