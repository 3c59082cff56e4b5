"""MME: two questions a picture, the answer to one is yes and to the other no."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lineage.config.prompt_sets import MmePrompts
from lineage.conversations.conversation import BadRow
from lineage.conversations.sources.files import identifier_of, picture_file, text_of
from lineage.conversations.sources.tables import pictures_of
from lineage.data.readers.files import utf8_lines
from lineage.errors import UserError
from lineage.evaluation.items import Item
from lineage.evaluation.sets.reading import Entry, Files, asked, checked_file, rows

VERSION = 1
SUFFIX = "Answer the question using a single word or phrase."
_AUTHORS_SUFFIX = "Please answer yes or no."
"""What its authors put behind every question; LLaVA's evaluation has its own in place of it."""
OPTIONS = ("Yes", "No")
PERCEPTION = (
    "existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR",
)  # fmt: skip
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
_COLUMNS = ("question_id", "image", "question", "answer", "category")
_PICTURES = (".jpg", ".png", ".jpeg")


def read_mme(config: MmePrompts, files: Files) -> Iterator[Entry]:
    """Items by subtask (a subset); both questions about a picture are a group.

    Raises:
        UserError: no such folder or table, a subtask that MME does not have.
    """
    what = "`path`, the folder of its subtasks or a table"
    if config.name is None and checked_file(config, files, what=what).is_dir() and _subtasks(files.source):
        yield from _from_folder(_subtasks(files.source))
        return
    for place, row in rows(config, files, _COLUMNS, what=what):
        yield place, partial(_from_row, row, files)


def _subtasks(folder: Path | None) -> list[Path]:
    """Folders of subtasks, in MME's order."""
    return [folder / name for name in (*PERCEPTION, *COGNITION) if folder and (folder / name).is_dir()]


def _from_folder(subtasks: list[Path]) -> Iterator[Entry]:
    for folder in subtasks:
        apart = folder / "questions_answers_YN"
        texts = sorted((apart if apart.is_dir() else folder).glob("*.txt"))
        if not texts:
            raise UserError(f"{folder}: no *.txt of questions in it.")
        pictures = folder / "images" if apart.is_dir() else folder
        for text in texts:
            for number, line in enumerate(utf8_lines(text), 1):
                place = f"{folder.name}/{text.name}: line {number}"
                yield place, partial(_from_line, folder.name, text.stem, number, line, pictures)


def _from_line(subtask: str, stem: str, number: int, line: str, pictures: Path) -> Item:
    question, tab, answer = line.strip().rpartition("\t")
    if not tab:
        raise BadRow("no answer", f"it is {line.strip()!r:.60}, not a question, a tab and an answer.")
    found = [stem + ending for ending in _PICTURES if (pictures / (stem + ending)).is_file()]
    if not found:
        raise BadRow("a missing picture", f"{pictures / stem}: no picture of this name ({', '.join(_PICTURES)}).")
    return _item(subtask, stem, str(number), question, answer, picture_file(pictures, found[0]))


def _from_row(row: Mapping[str, Any], files: Files) -> Item:
    images = pictures_of(row["image"], files.images or files.source)
    if len(images) != 1:
        raise BadRow("no picture", f"it has {len(images)} pictures, but every question of MME is about one.")
    question = text_of(row, "question")
    name = identifier_of(row, "question_id")
    return _item(text_of(row, "category"), name, _short(question), question, text_of(row, "answer"), images[0])


def _short(question: str) -> str:
    """Tells the two questions about a picture apart, which have one id in the table."""
    return hashlib.sha256(question.encode()).hexdigest()[:8]


def _item(subtask: str, picture: str, number: str, question: str, answer: str, file: bytes) -> Item:
    if subtask not in (*PERCEPTION, *COGNITION):
        raise BadRow("an unknown subtask", f"'{subtask}' is no subtask of MME.")
    if answer not in OPTIONS:
        raise BadRow("an unknown answer", f"the answer is {answer!r:.60}, not one of {', '.join(OPTIONS)}.")
    plain = question.strip().removesuffix(_AUTHORS_SUFFIX).strip()
    return Item(
        id=f"mme-{subtask}-{picture}-{number}",
        task="mme",
        version=VERSION,
        prompt=asked(f"{plain}\n{SUFFIX}", pictures=1),
        images=(file,),
        target=answer,
        options=OPTIONS,
        kind="perception" if subtask in PERCEPTION else "cognition",
        subset=subtask,
        group=f"{subtask}-{picture}",
        cluster=f"{subtask}-{picture}",
    )
