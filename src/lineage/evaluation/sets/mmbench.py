"""MMBench: multiple choice about pictures, asked once for each rotation of the options (circular evaluation)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from lineage.config.prompt_sets import MmbenchPrompts
from lineage.conversations.conversation import BadRow
from lineage.conversations.intake import LeftOut
from lineage.conversations.pictures import sound_picture
from lineage.conversations.sources.files import identifier_of, text_of
from lineage.evaluation.items import Item
from lineage.evaluation.sets.lettered import LETTERS, lettered
from lineage.evaluation.sets.reading import Entry, Files, asked, rows

VERSION = 1
_COLUMNS = ("index", "question", "hint", "A", "B", "C", "D", "answer", "category", "l2-category", "image", "split")
_EMPTY = ("", "nan")
"""What its authors' tables hold where there is no hint, no third and no fourth option."""


def read_mmbench(config: MmbenchPrompts, files: Files) -> Iterator[Entry]:
    """Items in the order of the file, all rotations of a question together (a group); a category is a subset.

    Raises:
        UserError: no such file or column.
    """
    for place, row in rows(config, files, _COLUMNS, what="`path`, its TSV file"):
        rotations = len(_options(row)) if config.circular else 1
        for rotation in range(max(rotations, 1)):
            yield place, partial(_item, row, rotation)


def _options(row: Mapping[str, Any]) -> list[str]:
    """The options in order; the table leaves the last ones empty."""
    return [str(row[letter]) for letter in LETTERS if str(row[letter]) not in _EMPTY]


def _item(row: Mapping[str, Any], rotation: int) -> Item:
    options, answer, index = _options(row), text_of(row, "answer"), identifier_of(row, "index")
    if answer in _EMPTY:
        raise LeftOut("no answer (the test split)")
    if answer not in LETTERS[: len(options)]:
        raise BadRow("an unknown answer", f"'answer' is {answer!r:.60}, but it has {len(options)} options.")
    turned = options[rotation:] + options[:rotation]
    hint = "" if str(row["hint"]) in _EMPTY else str(row["hint"])
    return Item(
        id=f"mmbench-{index}-{rotation}",
        task="mmbench",
        version=VERSION,
        prompt=asked(lettered(text_of(row, "question"), turned, hint=hint), pictures=1),
        images=(_picture(text_of(row, "image")),),
        target=LETTERS[(LETTERS.index(answer) - rotation) % len(options)],
        options=LETTERS[: len(options)],
        kind=text_of(row, "l2-category"),
        subset=text_of(row, "category"),
        group=index,
        cluster=index,
    )


def _picture(encoded: str) -> bytes:
    try:
        file = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise BadRow("no picture", f"'image' is no base64 ({error}); it begins with {encoded[:20]!r}.") from error
    return sound_picture(file, place="its picture")
