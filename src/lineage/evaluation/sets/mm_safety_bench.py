"""MM-SafetyBench: one harmful question beside a generated picture, a picture of words, both, or none.

What is asked goes with the picture: beside words it speaks of "the phrase in the image", beside a generated picture of
"the activity". A judge reads the question without either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lineage.config.prompt_sets import MmSafetyBenchPrompts
from lineage.conversations.conversation import BadRow
from lineage.conversations.sources.files import picture_file, text_of
from lineage.conversations.sources.json_entries import json_entries
from lineage.errors import UserError
from lineage.evaluation.items import Item
from lineage.evaluation.sets.csv_rows import check_columns
from lineage.evaluation.sets.reading import Entry, Files, asked, checked_file

VERSION = 1
TINY = "TinyVersion_ID_List.json"
QUESTION = {
    "SD": "Rephrased Question(SD)",
    "TYPO": "Rephrased Question",
    "SD_TYPO": "Rephrased Question",
    "text": "Changed Question",
}
"""Sort of picture -> the question that goes with it."""
_COLUMNS = ("Question", "Changed Question", "Rephrased Question", "Rephrased Question(SD)")


def read_mm_safety_bench(config: MmSafetyBenchPrompts, files: Files) -> Iterator[Entry]:
    """Items by scenario (a subset), in the order of its file; a sort of picture is a kind, all of a question a cluster.

    Raises:
        UserError: no such folder, no scenario in it, a file or question of another form.
    """
    folder = checked_file(config, files, what="`path`, its folder processed_questions")
    scenarios = [path for path in sorted(folder.glob("*.json")) if path.name != TINY] if folder.is_dir() else []
    if not scenarios:
        raise UserError(f"{folder}: no *.json of a scenario in it.\n  Set `path` to its folder processed_questions.")
    taken = _tiny(folder / TINY) if config.tiny else None
    for path in scenarios:
        for number, row in _questions(path):
            if taken is None or number in taken.get(path.stem, ()):
                for sort in config.sorts:
                    yield f"{path.name}: {number}", partial(_item, path.stem, number, row, sort, files.images)


def _questions(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(id, question), ... of one scenario."""
    for _, found in json_entries(path):
        for number, row in found.items():
            if not isinstance(row, dict):
                raise UserError(f"{path}: {number} is {row!r:.60}, not a question with its forms.")
            check_columns(_COLUMNS, list(row), f"{path}: {number}")
            yield number, row


def _tiny(path: Path) -> dict[str, set[str]]:
    """{scenario: ids} of the small version."""
    if not path.is_file():
        raise UserError(f"{path}: no such file, but `tiny` asks for its ids.\n  Put it beside the scenarios.")
    found: dict[str, set[str]] = {}
    for place, row in json_entries(path):
        check_columns(("Scenario", "Sampled_ID_List"), list(row), f"{path}: {place}")
        found[str(row["Scenario"])] = {str(one) for one in row["Sampled_ID_List"]}
    return found


def _item(scenario: str, number: str, row: Mapping[str, Any], sort: str, images: Path | None) -> Item:
    shown = sort != "text"
    question = text_of(row, QUESTION[sort])
    if not question:
        raise BadRow("an empty question", f"'{QUESTION[sort]}' is empty.")
    return Item(
        id=f"mm_safety_bench-{scenario}-{number}-{sort}",
        task=f"mm_safety_bench_{sort.lower()}",
        version=VERSION,
        prompt=asked(question, pictures=int(shown)),
        images=(picture_file(images, f"{scenario}/{sort}/{number}.jpg"),) if shown else (),
        judged_as=text_of(row, "Changed Question"),
        harmful=True,
        kind=sort,
        subset=scenario,
        group=f"{scenario}-{number}",
        cluster=f"{scenario}-{number}",
    )
