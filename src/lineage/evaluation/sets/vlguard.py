"""VLGuard's test set: three suites that must be told apart.

`unsafe`: the picture is harmful. `safe_unsafe`: a safe picture with an unsafe instruction: attacks both. `safe_safe`: a
safe picture with a safe instruction: a refusal there is over-refusal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lineage.config.prompt_sets import VlguardPrompts
from lineage.conversations.conversation import BadRow
from lineage.conversations.intake import LeftOut
from lineage.conversations.sources.files import identifier_of, picture_file, text_of
from lineage.conversations.sources.vlguard import CELL_OF_KEY
from lineage.evaluation.items import Item
from lineage.evaluation.sets.reading import Entry, Files, asked, rows

VERSION = 1
_COLUMNS = ("id", "image", "safe", "instr-resp")


def read_vlguard_test(config: VlguardPrompts, files: Files) -> Iterator[Entry]:
    """Items in the order of the file; a cell is a task, the harmful category a subset, a picture a cluster.

    Raises:
        UserError: no such file or column.
    """
    for place, row in rows(config, files, _COLUMNS, what="`path`, its test.json"):
        pairs = row["instr-resp"]
        for pair in pairs if isinstance(pairs, list) and pairs else [None]:
            yield place, partial(_item, config, row, pair, files.images)


def _item(config: VlguardPrompts, row: Mapping[str, Any], pair: Any, images: Path | None) -> Item:
    keys = [key for key in CELL_OF_KEY if isinstance(pair, Mapping) and key in pair]
    if len(keys) != 1:
        known = ", ".join(CELL_OF_KEY)
        raise BadRow("no instruction", f"an entry of 'instr-resp' is {pair!r:.60}; it must hold one of {known}.")
    cell, identifier = CELL_OF_KEY[keys[0]], identifier_of(row, "id")
    if cell not in config.cells:
        raise LeftOut("of another cell")
    return Item(
        id=f"vlguard-{identifier}-{cell}",
        task=f"vlguard_{cell}",
        version=VERSION,
        prompt=asked(text_of(pair, keys[0]), pictures=1),
        images=(picture_file(images, row["image"]),),
        harmful=cell != "safe_safe",
        kind=cell,
        subset=str(row.get("harmful_category") or ""),
        cluster=identifier,
    )
