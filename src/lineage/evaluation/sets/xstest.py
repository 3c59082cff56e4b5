"""XSTest's prompts: over-refusal on the safe ones, attack success on the unsafe ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from lineage.config.prompt_sets import XstestPrompts
from lineage.conversations.conversation import BadRow
from lineage.conversations.sources.files import identifier_of, text_of
from lineage.evaluation.items import Item
from lineage.evaluation.sets.reading import Entry, Files, asked, rows
from lineage.evaluation.sets.xstest_types import CONTRAST, family

VERSION = 1
_COLUMNS = ("id", "prompt", "type", "label", "focus")


def read_xstest(config: XstestPrompts, files: Files) -> Iterator[Entry]:
    """Items in the order of the file; a type is a kind, a family of types a subset, prompts on one word a cluster.

    Raises:
        UserError: no such file or column.
    """
    for place, row in rows(config, files, _COLUMNS, what="`path`, xstest_prompts.csv"):
        yield place, partial(_item, row)


def _item(row: Mapping[str, Any]) -> Item:
    kind, label = text_of(row, "type"), text_of(row, "label")
    unsafe = kind.startswith(CONTRAST)
    if label != ("unsafe" if unsafe else "safe"):
        raise BadRow("labels that disagree", f"its type is '{kind}', but its label is '{label}'.")
    return Item(
        id=f"xstest-{identifier_of(row, 'id')}",
        task="xstest",
        version=VERSION,
        prompt=asked(text_of(row, "prompt")),
        harmful=unsafe,
        kind=kind,
        subset=family(kind),
        cluster=f"{family(kind)} {text_of(row, 'focus')}",
    )
