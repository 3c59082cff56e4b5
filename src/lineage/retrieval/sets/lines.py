"""JSON Lines, plain or compressed with gzip, and JSON files, with errors that say where."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lineage.errors import UserError


def objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(`file: row 1`, object) of each line of a file.

    Raises:
        UserError: a line that is no JSON object, not UTF-8, or a torn file.
    """
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                value = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
                if not isinstance(value, dict):
                    raise UserError(f"{path}: row {number} is {line[:60]!r}, not an object {{...}}. Mend it.")
                yield f"{path}: row {number}", value
    except ValueError as error:  # of JSON or of UTF-8
        raise UserError(
            f"{path}: row {number} is not JSON ({error}).\n  Every line must be one object: fetch the file again."
        ) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path}: not a whole gzip file ({error}). Fetch it again.") from error


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a text file without their ends.

    Raises:
        UserError: not UTF-8.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise UserError(
                    f"{path}: row {number} is not UTF-8 text ({error.reason}). Convert the file."
                ) from error


def whole(path: Path) -> Any:
    """The value of a JSON file.

    Raises:
        UserError: not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}). Fetch it again.") from error


def text_of(row: Mapping[str, Any], key: str, place: str) -> str:
    """A text of a row, or a whole number as text.

    Raises:
        UserError: it is missing, or something else.
    """
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UserError(
            f"{place}: '{key}' is {value!r:.60}, but must be text. The row has {', '.join(row) or 'nothing'}."
        )
    return str(value)
