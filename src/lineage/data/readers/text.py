"""Plain text: a document a file, a line, a block or a WikiText article."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from lineage.config.documents import TextDocuments
from lineage.data.readers.files import SourceFile, source_files, utf8_lines, utf8_text
from lineage.data.readers.wikitext import articles
from lineage.data.schema import Document
from lineage.errors import UserError


def read_text(config: TextDocuments, source: Path | None) -> Iterator[Document]:
    """Documents of text files; the id is `<source>` for a whole file, else `<source>:<line it starts in>`.

    Raises:
        UserError: no file, an empty file, not UTF-8, or (WikiText) a file without a heading.
    """
    for file in source_files(config, source):
        for number, title, text in _parts(file, config):
            identifier = file.source if config.split == "file" else f"{file.source}:{number}"
            yield Document(config.id_prefix + identifier, title, text, file.source)


def _parts(file: SourceFile, config: TextDocuments) -> Iterable[tuple[int, str, str]]:
    """(line, title, text) of every document of one file."""
    if config.split == "file":
        return [_whole(file.path)]
    if config.split == "line":
        return _lines(file.path)
    if config.split == "blank_line":
        return _blocks(file.path)
    return articles(utf8_lines(file.path), unescape=config.unescape, place=str(file.path))


def _whole(path: Path) -> tuple[int, str, str]:
    text = utf8_text(path)
    if not text or text.isspace():
        raise UserError(f"{path}: the file holds only white space.\n  Remove it, or leave it out of `pattern`.")
    return 1, "", text


def _lines(path: Path) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(utf8_lines(path), 1):
        text = line.rstrip("\r\n")
        if text and not text.isspace():
            yield number, "", text


def _blocks(path: Path) -> Iterator[tuple[int, str, str]]:
    block: list[str] = []
    start = 1
    for number, line in enumerate(utf8_lines(path), 1):
        if line.isspace():
            if block:
                yield start, "", "".join(block).rstrip("\r\n")
            block = []
        else:
            start = start if block else number
            block.append(line)
    if block:
        yield start, "", "".join(block).rstrip("\r\n")
