"""Files below a folder, and their lines as UTF-8, with errors that say where."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lineage.config.documents import FolderReading
from lineage.data.schema import DOCUMENT_BYTES_LIMIT
from lineage.errors import UserError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SourceFile(NamedTuple):
    """One file to read."""

    path: Path
    source: str
    """What the documents' `source` column says of it: `<label>/<name below the folder>`."""


def source_files(config: FolderReading, source: Path | None) -> list[SourceFile]:
    """The files that a reader reads, in order of their names below the folder; hidden files are left out.

    Raises:
        UserError: nothing is there, nothing matches the pattern, a path leads out of the folder, or a file is empty.
    """
    if source is None:
        raise UserError("this reader reads files and needs a `path`: a file or folder, relative to `data_root`")
    if not source.exists():
        raise UserError(f"{source}: no such file or folder.\n  Set `path` relative to `data_root`.")
    found = {source.name: source} if source.is_file() else _matching(source, config.pattern)
    label = f"{config.label}/" if config.label else ""
    for path in found.values():
        if path.stat().st_size == 0:
            raise UserError(f"{path}: the file is empty (0 bytes).\n  Fetch it again, or leave it out of `pattern`.")
    return [SourceFile(path, label + name) for name, path in found.items()]


def _matching(folder: Path, pattern: str) -> dict[str, Path]:
    """Files below `folder` by relative name, sorted.

    Raises:
        UserError: see `source_files`.
    """
    if not pattern or PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
        raise UserError(f"pattern is '{pattern}': it must stay below {folder}, such as '**/*.txt'")
    names: list[str] = []
    for path in folder.glob(pattern):
        relative = path.relative_to(folder)
        if any(part.startswith(".") for part in relative.parts):
            continue
        for link in [path, *path.parents][: len(relative.parts)]:
            if link.is_symlink():
                raise UserError(
                    f"{link}: a symbolic link (to {link.readlink()}), which may lead out of {folder}.\n"
                    "  Put the file itself there, or make `path` the folder that holds it."
                )
        if path.is_file():
            names.append(relative.as_posix())
    if not names:
        inside = sorted(path.name for path in folder.iterdir())[:8]
        raise UserError(
            f"{folder}: no file matches the pattern '{pattern}'.\n"
            f"  The folder holds {', '.join(inside) or 'nothing'}; change `pattern` or `path`."
        )
    return {name: folder / name for name in sorted(names)}


def utf8_lines(path: Path) -> Iterator[str]:
    """The lines of a text file with their line ends; a byte order mark is left out.

    Raises:
        UserError: bytes that are not UTF-8, or a line that is too long; with line and byte offset.
    """
    offset = 0
    with path.open("rb") as file:
        number = 0
        while line := file.readline(DOCUMENT_BYTES_LIMIT + 1):
            number += 1
            if len(line) > DOCUMENT_BYTES_LIMIT:
                raise UserError(
                    f"{path}: line {number} is longer than {DOCUMENT_BYTES_LIMIT:,} bytes.\n"
                    "  Break the text into documents of a readable size."
                )
            start = len(BYTE_ORDER_MARK) if number == 1 and line.startswith(BYTE_ORDER_MARK) else 0
            try:
                yield line[start:].decode("utf-8")
            except UnicodeDecodeError as error:
                at = start + error.start
                raise UserError(
                    f"{path}: not UTF-8 text: line {number}, byte {offset + at:,} of the file is 0x{line[at]:02x}"
                    f" ({error.reason}).\n"
                    "  Convert the file (iconv -f latin1 -t utf-8), decompress it, or fetch it again if it is torn."
                ) from error
            offset += len(line)


def utf8_text(path: Path) -> str:
    """The whole text of one file.

    Raises:
        UserError: not UTF-8 (line and byte offset), or too long for one document.
    """
    if path.stat().st_size > DOCUMENT_BYTES_LIMIT:
        raise UserError(
            f"{path}: {path.stat().st_size:,} bytes are too many for one document (at most {DOCUMENT_BYTES_LIMIT:,}).\n"
            "  Set `split: line` or `split: blank_line`, or break the file up."
        )
    return "".join(utf8_lines(path))
