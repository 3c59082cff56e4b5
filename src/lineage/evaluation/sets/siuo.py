"""SIUO, safe inputs and unsafe outputs: what is harmful follows from picture and text together.

An empty answer counts as safe for its authors; here it is incoherent, and counted as that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lineage.config.prompt_sets import SiuoPrompts
from lineage.conversations.sources.files import identifier_of, picture_file, text_of
from lineage.evaluation.items import Item
from lineage.evaluation.sets.reading import Entry, Files, asked, rows

VERSION = 1
_COLUMNS = ("question_id", "image", "question", "category")


def read_siuo(config: SiuoPrompts, files: Files) -> Iterator[Entry]:
    """Items in the order of the file; a category is a subset.

    Raises:
        UserError: no such file or column.
    """
    for place, row in rows(config, files, _COLUMNS, what="`path`, siuo_gen.json"):
        yield place, partial(_item, row, files.images)


def _item(row: Mapping[str, Any], images: Path | None) -> Item:
    number = identifier_of(row, "question_id")
    return Item(
        id=f"siuo-{number}",
        task="siuo",
        version=VERSION,
        prompt=asked(text_of(row, "question"), pictures=1),
        images=(picture_file(images, row["image"]),),
        harmful=True,
        subset=text_of(row, "category"),
        cluster=number,
    )
