"""SPA-VL (arXiv 2406.12030): a picture, a question, a better and a worse answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lineage.config.conversations import SpaVlPreferences
from lineage.conversations.conversation import IMAGE_MARK, BadRow
from lineage.conversations.intake import Entry, Inputs, Row
from lineage.conversations.sources.files import text_of
from lineage.conversations.sources.tables import folder_of, pictures_of, table_rows
from lineage.conversations.sources.turns import pictures_first

_COLUMNS = ("image", "question", "chosen", "rejected")


def read_spa_vl(config: SpaVlPreferences, inputs: Inputs) -> Iterator[Entry]:
    """Pairs in the order of the table; `kind` is the domain (`class1`), which its training split does not name.

    Raises:
        UserError: no such data set, or one without these columns.
    """
    for number, place, row in table_rows(config, inputs, _COLUMNS):
        yield Entry(place, partial(_row, row, f"{config.split}:{number}", folder_of(inputs)))


def _row(row: Mapping[str, Any], identifier: str, folder: Path | None) -> Row:
    images = pictures_of(row["image"], folder)
    if not images:
        raise BadRow("a missing picture", "it has no picture, but every row of SPA-VL has one.")
    question = IMAGE_MARK + text_of(row, "question").replace(IMAGE_MARK, "")
    return {
        "id": identifier,
        "kind": text_of(row, "class1") if row.get("class1") is not None else "picture",
        "harmful": None,
        "prompt": [{"role": "user", "content": pictures_first(question)}],
        "chosen": text_of(row, "chosen"),
        "rejected": text_of(row, "rejected"),
        "images": images,
        "captions": [],
    }
