"""What all readers of prompt sets share: rows with their columns checked, items taken in or left out for a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineage.artifact import file_sha256
from lineage.config.prompt_sets import HubPrompts, OutsidePrompts
from lineage.conversations.conversation import IMAGE_MARK, BadRow
from lineage.conversations.intake import LeftOut
from lineage.conversations.sources.files import needed
from lineage.conversations.sources.json_entries import json_entries
from lineage.data import hub
from lineage.errors import UserError
from lineage.evaluation.items import Item, Turn
from lineage.evaluation.sets.csv_rows import check_columns, csv_rows

Entry = tuple[str, Callable[[], Item]]
"""Where it stands, and what makes the item, or raises `BadRow`, or `LeftOut`."""


@dataclass(frozen=True)
class Files:
    """What the workflow found for a prompt set."""

    source: Path | None
    images: Path | None


@dataclass(frozen=True)
class PromptSet:
    """The items of a set, and how many rows were left out, by reason."""

    items: list[Item]
    left_out: dict[str, int]


def take(entries: Iterable[Entry], config: OutsidePrompts, *, place: str) -> PromptSet:
    """The items in order, `config.limit` at most.

    Raises:
        UserError: a row that cannot be used; with where it stands.
    """
    items: list[Item] = []
    left_out = Counter[str]()
    for at, make in entries:
        if config.limit is not None and len(items) == config.limit:
            break
        try:
            items.append(make())
        except LeftOut as reason:
            left_out[reason.reason] += 1
        except (BadRow, UserError) as error:
            raise UserError(f"{place}: {at}: {error}") from error
    return PromptSet(items, dict(sorted(left_out.items())))


def checked_file(config: OutsidePrompts, files: Files, *, what: str) -> Path:
    """The file or folder of a set; a file is the one that the config pins.

    Raises:
        UserError: none given, nothing there, or another file.
    """
    path = needed(files.source, what=what)
    if config.sha256 is not None:
        if not path.is_file():
            raise UserError(f"{path}: is a folder, but `sha256` pins a single file. Leave it out.")
        if (found := file_sha256(path)) != config.sha256:
            raise UserError(
                f"{path}: its sha256 is {found}, but the config wants {config.sha256}.\n"
                "  It is another version, or torn: fetch the one that is pinned, or change `sha256`."
            )
    return path


def rows(
    config: OutsidePrompts, files: Files, columns: Sequence[str], *, what: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(place, row), ... of a CSV, TSV, JSON or JSON Lines file, or of anything else that `datasets` reads.

    Raises:
        UserError: nothing there, another file than is pinned, a column that is not there; with those that are.
    """
    if isinstance(config, HubPrompts) and config.name is not None:
        yield from _table(config.name, config, columns)
        return
    path = checked_file(config, files, what=what)
    endings = [ending for ending in path.suffixes if ending != ".gz"]
    if path.is_file() and endings[-1:] in ([".csv"], [".tsv"]):
        yield from csv_rows(path, columns, delimiter="\t" if endings[-1] == ".tsv" else ",")
    elif path.is_file() and endings[-1:] in ([".json"], [".jsonl"]):
        for place, row in json_entries(path):
            check_columns(columns, list(row), f"{path}: {place}")
            yield place, row
    else:
        yield from _table(path, config, columns)


def _table(
    place: Path | str, config: OutsidePrompts, columns: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    chosen = config if isinstance(config, HubPrompts) else HubPrompts()
    data = hub.load(place, subset=chosen.subset, split=chosen.split, revision=chosen.revision, streaming=True)
    for number, row in enumerate(hub.rows(hub.with_picture_files(data), str(place)), 1):
        if number == 1:
            check_columns(columns, list(row), str(place))
        yield f"row {number}", row


def asked(text: str, *, pictures: int = 0) -> tuple[Turn, ...]:
    """One turn of the user; pictures come first, a line each, as LLaVA has them.

    >>> asked("What is this?", pictures=1)[0].content
    '<image>\\nWhat is this?'
    """
    return (Turn("user", f"{IMAGE_MARK}\n" * pictures + text.replace(IMAGE_MARK, "").strip()),)
