"""Tables that the library `datasets` reads, from the hub or from a folder: columns -> conversations and pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lineage.config.conversations import (
    ConversationColumns,
    DatasetsConversations,
    DatasetsPreferences,
    Hub,
    PreferenceColumns,
)
from lineage.conversations.conversation import BadRow
from lineage.conversations.intake import Entry, Inputs, Row
from lineage.conversations.pictures import sound_picture
from lineage.conversations.sources.files import identifier_of, no_column, picture_file, text_of, value_of
from lineage.conversations.sources.turns import exchange, shown_first, turns_of
from lineage.data import hub
from lineage.errors import UserError


def read_conversation_table(config: DatasetsConversations, inputs: Inputs) -> Iterator[Entry]:
    """Conversations in the order of the table.

    Raises:
        UserError: no such data set or column.
    """
    columns = config.columns
    for number, place, row in table_rows(config, inputs, _named(columns)):
        yield Entry(place, partial(_conversation, columns, row, f"{config.split}:{number}", folder_of(inputs)))


def read_preference_table(config: DatasetsPreferences, inputs: Inputs) -> Iterator[Entry]:
    """Pairs in the order of the table.

    Raises:
        UserError: no such data set or column.
    """
    columns = config.columns
    for number, place, row in table_rows(config, inputs, _named(columns)):
        yield Entry(place, partial(_pair, columns, row, f"{config.split}:{number}", folder_of(inputs)))


def table_rows(config: Hub, inputs: Inputs, columns: Sequence[str]) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    """(number from 1, place, row) of a data set that must have these columns.

    Raises:
        UserError: no data set, or one without such a column; with those that it has.
    """
    found = inputs.source if inputs.source is not None else config.name
    if found is None or (config.name is not None and inputs.source is not None):
        raise UserError("this source needs either `name` (a hub id) or `path` (a folder or file)")
    if isinstance(found, Path) and not found.exists():
        raise UserError(f"{found}: no such file or folder.\n  Set `path` relative to `data_root`.")
    data = hub.load(found, subset=config.subset, split=config.split, revision=config.revision, streaming=True)
    rows = hub.rows(hub.with_picture_files(data), f"{found} ({config.split})")
    for number, row in enumerate(rows, 1):
        if number == 1:
            _check_columns(columns, list(row), str(found))
        yield number, f"row {number}", row


def _named(columns: ConversationColumns | PreferenceColumns) -> list[str]:
    return [name for name in columns.model_dump().values() if name is not None]


def _check_columns(columns: Iterable[str], found: Sequence[str], place: str) -> None:
    for name in columns:
        if name not in found:
            raise UserError(f"{place}: {no_column(name, found)}\n  Name the right one in `columns`.")


def folder_of(inputs: Inputs) -> Path | None:
    """Where pictures may lie that a table names by their paths: `images`, or the folder of the table itself."""
    if inputs.images is not None or inputs.source is None:
        return inputs.images
    return inputs.source if inputs.source.is_dir() else inputs.source.parent


def pictures_of(value: Any, folder: Path | None) -> list[bytes]:
    """The files of a picture, of a list of them, or of none.

    Raises:
        BadRow: neither bytes nor the path of a file that is there.
        UserError: a path that leads out of the folder.
    """
    several = value if isinstance(value, list) else [] if value is None else [value]
    return [_picture(one, folder) for one in several]


def _picture(value: Any, folder: Path | None) -> bytes:
    if isinstance(value, Mapping) and value.get("bytes") is not None:
        value = value["bytes"]
    if isinstance(value, bytes):
        return sound_picture(value, place="its picture")
    name = value.get("path") if isinstance(value, Mapping) else value
    if folder is None:
        raise UserError(
            f"its picture {name!r:.80} is a file beside the table and not in it.\n"
            "  Download the data set, give its folder as `path`, and the folder of its pictures as `images`."
        )
    if isinstance(name, str) and Path(name).is_absolute():  # `datasets` makes the paths of an image folder absolute
        below = Path(name)
        name = below.relative_to(folder.absolute()).as_posix() if below.is_relative_to(folder.absolute()) else name
    return picture_file(folder, name)


def _conversation(columns: ConversationColumns, row: Mapping[str, Any], number: str, folder: Path | None) -> Row:
    if columns.messages is not None:
        turns = turns_of(value_of(row, columns.messages), what=columns.messages)
    else:
        turns = exchange(text_of(row, str(columns.prompt)), text_of(row, str(columns.response)))
    images = pictures_of(value_of(row, columns.image), folder) if columns.image else []
    return {**_common(columns, row, number), "messages": shown_first(turns, len(images)), "images": images}


def _pair(columns: PreferenceColumns, row: Mapping[str, Any], number: str, folder: Path | None) -> Row:
    chosen, rejected = (_side(row, column) for column in (columns.chosen, columns.rejected))
    if columns.prompt is not None:
        prompt = _prompt(row, columns.prompt)
        chosen, rejected = (_without(prompt, side) for side in (chosen, rejected))
    else:
        prompt = chosen[:-1]
        if prompt != rejected[:-1]:
            raise BadRow(
                "dialogues that differ before the last answer", "its two dialogues differ before the last answer."
            )
        chosen, rejected = chosen[-1:], rejected[-1:]
    images = pictures_of(value_of(row, columns.image), folder) if columns.image else []
    return {
        **_common(columns, row, number),
        "prompt": shown_first(prompt, len(images)),
        "chosen": chosen[0]["content"],
        "rejected": rejected[0]["content"],
        "images": images,
    }


def _side(row: Mapping[str, Any], column: str) -> list[dict[str, str]]:
    """One side as turns, the answer last."""
    value = value_of(row, column)
    turns = [{"role": "assistant", "content": value}] if isinstance(value, str) else turns_of(value, what=column)
    if not turns or turns[-1]["role"] != "assistant":
        raise BadRow("wrong roles", f"'{column}' does not end with a turn of the assistant.")
    return turns


def _prompt(row: Mapping[str, Any], column: str) -> list[dict[str, str]]:
    value = value_of(row, column)
    return [{"role": "user", "content": value}] if isinstance(value, str) else turns_of(value, what=column)


def _without(prompt: list[dict[str, str]], side: list[dict[str, str]]) -> list[dict[str, str]]:
    """The answer of a side that may repeat the prompt."""
    if side[:-1] and side[:-1] != prompt:
        raise BadRow("dialogues that differ before the last answer", "an answer repeats another prompt than its own.")
    return side[-1:]


def _common(columns: ConversationColumns | PreferenceColumns, row: Mapping[str, Any], number: str) -> Row:
    harmful = value_of(row, columns.harmful) if columns.harmful else None
    if harmful is not None and not isinstance(harmful, bool):
        raise BadRow("no boolean", f"'{columns.harmful}' is {harmful!r:.60}, but must be true, false or null.")
    return {
        "id": identifier_of(row, columns.id) if columns.id else number,
        "kind": text_of(row, columns.kind) if columns.kind else "row",
        "harmful": harmful,
        "captions": [],
    }
