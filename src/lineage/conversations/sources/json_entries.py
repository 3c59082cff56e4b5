"""JSON of any size, an object at a time: one list of objects, or JSON Lines; also compressed with gzip."""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, Protocol

from lineage.errors import UserError

CHUNK_CHARACTERS = 1 << 20
_SPACE = " \t\r\n"
_LONGEST_PIECE = 16
"""Characters of the longest part of JSON that is not text, such as `\\ud83d` or `-Infinity`."""


def json_entries(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(`row 1`, object), ... of a file that is a list of objects or one object after the other.

    Raises:
        UserError: not JSON, not UTF-8, torn, or something that is no object.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as raw:
            for number, value in enumerate(_Values(raw, path).all(), 1):
                if not isinstance(value, dict):
                    raise UserError(f"{path}: row {number} is {value!r:.60}, not an object {{...}}. Mend it.")
                yield f"row {number}", value
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path}: not a whole gzip file ({error}). Fetch it again.") from error


class _Readable(Protocol):
    """A file of bytes, compressed or not."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        ...


class _Values:
    """The values of one file, decoded from a buffer that holds a few of them."""

    def __init__(self, raw: _Readable, path: Path):
        self._path = path
        self._text = _decoded(raw, path)
        self._buffer = ""
        self._at = 0
        self._ended = False
        self._lines_before = 1
        """Number of the line that the buffer starts in."""

    def all(self) -> Iterator[Any]:
        """Values of the list, or all in a row."""
        is_list = self._next_character() == "["
        if is_list:
            self._at += 1
        first = True
        while True:
            character = self._next_character()
            if character == "" and not is_list:
                return
            if character == "]" and is_list:
                self._at += 1
                if self._next_character() != "":
                    self._fail("there is more behind the end of the list")
                return
            if is_list and not first:
                if character != ",":
                    self._fail("a comma or the end of the list is missing")
                self._at += 1
                self._next_character()
            yield self._value()
            first = False

    def _next_character(self) -> str:
        """The next character that is no space; nothing at the end of the file."""
        while True:
            while self._at < len(self._buffer) and self._buffer[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def _value(self) -> Any:
        decoder = json.JSONDecoder()
        while True:
            try:
                value, end = decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                behind = error.pos - self._at
                cut = error.msg.startswith("Unterminated string") or error.pos > len(self._buffer) - _LONGEST_PIECE
                # Perhaps only the rest is missing: a buffer twice as long is tried before the file is called torn.
                if not cut or not self._more(len(self._buffer) - self._at):
                    self._at = min(self._at + behind, len(self._buffer))
                    self._fail(error.msg)
                continue
            except RecursionError:
                self._fail("nested too deep")
            if end == len(self._buffer) and self._more():
                continue  # a number may go on
            self._at = end
            return value

    def _more(self, characters: int = 0) -> bool:
        """Reads on; what was used is forgotten. False at the end of the file."""
        if self._ended:
            return False
        piece = next(self._text, "")
        while piece and len(piece) < characters and (further := next(self._text, "")):
            piece += further
        self._ended = not piece
        self._lines_before += self._buffer.count("\n", 0, self._at)
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        return not self._ended

    def _fail(self, reason: str) -> NoReturn:
        line = self._lines_before + self._buffer.count("\n", 0, self._at)
        near = self._buffer[max(self._at - 20, 0) : self._at + 40]
        torn = " The file ends there: it looks torn." if self._ended and self._at >= len(self._buffer.rstrip()) else ""
        raise UserError(
            f"{self._path}: not JSON: line {line}, near {near!r}: {reason}.{torn}\n"
            "  It must be one list of objects, or one object a line: mend it or fetch it again."
        )


def _decoded(raw: _Readable, path: Path) -> Iterator[str]:
    """The text of a file in pieces; a byte order mark is left out."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    offset = 0
    while True:
        piece = raw.read(CHUNK_CHARACTERS)
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path}: not UTF-8 text, near byte {offset + error.start:,}: 0x{error.object[error.start]:02x}"
                f" ({error.reason}).\n  Convert the file (iconv -f latin1 -t utf-8), or fetch it again if it is torn."
            ) from error
        if text:
            yield text
        if not piece:
            return
        offset += len(piece)
