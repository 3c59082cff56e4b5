"""What a user's row names: pictures below a folder, values of keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from lineage.config.messages import did_you_mean, listed
from lineage.conversations.conversation import BadRow
from lineage.conversations.pictures import sound_picture
from lineage.errors import UserError


def needed(path: Path | None, *, what: str) -> Path:
    """A path that the config gives and that is there.

    Raises:
        UserError: none given, or nothing there.
    """
    if path is None:
        raise UserError(f"this source reads files and needs {what}, relative to `data_root`")
    if not path.exists():
        raise UserError(f"{path}: no such file or folder.\n  Give {what}, relative to `data_root`.")
    return path


def picture_file(folder: Path | None, name: object) -> bytes:
    """The bytes of a picture that a row names by its path below `folder`.

    Raises:
        UserError: a path that leads out of the folder, or no folder to look in.
        BadRow: no such file, or one that is no whole picture.
    """
    if folder is None:
        raise UserError(
            f"it names the picture {name!r:.80}, but no folder of pictures is given.\n"
            "  Set `images` to the folder that these paths start from."
        )
    if not isinstance(name, str) or not name or "\0" in name:
        raise BadRow("no picture", f"its picture is {name!r:.60}, but must be a path below {folder}.")
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise UserError(
            f"its picture is {name!r:.200}, a path that leads out of {folder}.\n"
            "  Pictures are named by their paths below `images`: mend the row."
        )
    path = folder / relative
    try:
        inside, there = path.resolve().is_relative_to(folder.resolve()), path.is_file()
    except (OSError, RuntimeError):  # a name that is too long, links in a circle
        inside, there = True, False
    if not inside:
        raise UserError(
            f"{path}: links to {path.resolve()}, outside of {folder}.\n"
            "  Put the file itself there, or set `images` to the folder that holds it."
        )
    if not there:
        raise BadRow(
            "a missing picture", f"{path}: no such picture.\n  Check `images`, the folder that the paths start from."
        )
    return sound_picture(path.read_bytes(), place=str(path))


def value_of(entry: Mapping[str, Any], key: str) -> Any:
    """The value of a key.

    Raises:
        UserError: no such key; with those that are there.
    """
    if key not in entry:
        raise UserError(no_column(key, entry))
    return entry[key]


def text_of(entry: Mapping[str, Any], key: str) -> str:
    """The text of a key.

    Raises:
        UserError: no such key.
        BadRow: a value that is no text.
    """
    value = value_of(entry, key)
    if not isinstance(value, str):
        shown = "null" if value is None else f"{value!r:.60} ({type(value).__name__})"
        raise BadRow("a value that is no text", f"'{key}' is {shown}, but must be text.")
    return value


def identifier_of(entry: Mapping[str, Any], key: str) -> str:
    """The id in a key.

    Raises:
        UserError: no such key.
        BadRow: neither text nor a whole number.
    """
    value = value_of(entry, key)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise BadRow("no id", f"'{key}' is {value!r:.60}, but an id must be text or a whole number.")
    return str(value)


def no_column(name: str, found: Iterable[str]) -> str:
    """What to say of a column that is not there."""
    found = list(found)
    return f"no column '{name}'.{did_you_mean(name, found)}\n  columns found: {listed(found)}"
