"""SEED-Bench: multiple choice about pictures; its questions about videos are left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lineage.config.prompt_sets import SeedBenchPrompts
from lineage.conversations.conversation import BadRow
from lineage.conversations.intake import LeftOut
from lineage.conversations.sources.files import identifier_of, picture_file, text_of, value_of
from lineage.errors import UserError
from lineage.evaluation.items import Item
from lineage.evaluation.sets.lettered import LETTERS, lettered
from lineage.evaluation.sets.reading import Entry, Files, asked, rows

VERSION = 1
_KEYS = (
    "question_id", "question_type_id", "question", "choice_a", "choice_b", "choice_c", "choice_d", "answer",
    "data_type", "data_id",
)  # fmt: skip


def read_seed_bench(config: SeedBenchPrompts, files: Files) -> Iterator[Entry]:
    """Items in the order of the file; a type of question is a subset, a picture a cluster.

    Raises:
        UserError: no such file, or one of another form.
    """
    for place, found in rows(config, files, ("questions",), what="`path`, SEED-Bench.json"):
        questions = found["questions"]
        if not isinstance(questions, list):
            raise UserError(f"{files.source}: {place}: 'questions' is {questions!r:.60}, not a list.")
        for number, row in enumerate(questions, 1):
            yield f"question {number}", partial(_item, row, files.images)


def _item(row: Any, images: Path | None) -> Item:
    if not isinstance(row, Mapping):
        raise BadRow("no question", f"it is {row!r:.60}, not a question.")
    for key in _KEYS:
        value_of(row, key)
    if row["data_type"] != "image":
        raise LeftOut("about a video")
    answer = text_of(row, "answer")
    if answer not in LETTERS:
        raise BadRow("an unknown answer", f"'answer' is {answer!r:.60}, not one of {', '.join(LETTERS)}.")
    options = [text_of(row, f"choice_{letter.lower()}") for letter in LETTERS]
    number, picture = identifier_of(row, "question_id"), identifier_of(row, "data_id")
    return Item(
        id=f"seed_bench-{number}",
        task="seed_bench",
        version=VERSION,
        prompt=asked(lettered(text_of(row, "question"), options), pictures=1),
        images=(picture_file(images, picture),),
        target=answer,
        options=LETTERS,
        subset=identifier_of(row, "question_type_id"),
        cluster=picture,
    )
