"""World Factbook: a folder `region/xx.json` of profiles {section: {field: {text} or {subfield: {text}}}}."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lineage.config.documents import FactbookDocuments
from lineage.data.readers.files import source_files, utf8_text
from lineage.data.schema import Document
from lineage.errors import UserError

BREAK = re.compile(r"</?(?:p|br|div|ul|ol|li)\b[^<>]*>", re.IGNORECASE)
TAG = re.compile(r"</?[A-Za-z][^<>]*>")
SPACE = re.compile(r"\s+")


def read_factbook(config: FactbookDocuments, source: Path | None) -> Iterator[Document]:
    """A document a profile (`africa/ag`, titled Algeria) or a section (`africa/ag/Economy`, Algeria: Economy).

    Sections and profiles without any text are no documents.

    Raises:
        UserError: no file, or a file that is not JSON of this form.
    """
    for path, name in source_files(config, source):
        profile = _profile(path)
        key = name.removesuffix(".json")
        country = _name(profile) or f"{path.parent.name}/{path.stem}"
        if config.document == "profile":
            lines = [line for fields in profile.values() for line in _lines(fields, (), path)]
            if lines:
                yield Document(config.id_prefix + key, country, "\n".join(lines), name)
            continue
        for section, fields in profile.items():
            if lines := list(_lines(fields, (), path)):
                identifier = f"{config.id_prefix}{key}/{section}"
                yield Document(identifier, f"{country}: {section}", "\n".join(lines), name)


def _profile(path: Path) -> dict[str, dict[str, Any]]:
    try:
        profile = json.loads(utf8_text(path))
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}: not JSON: line {error.lineno}, column {error.colno}: {error.msg}.\n"
            "  The file is torn or of another format: fetch it again, or leave it out of `pattern`."
        ) from error
    if not isinstance(profile, dict) or not all(isinstance(fields, dict) for fields in profile.values()):
        raise UserError(f"{path}: not a profile {{section: {{field: {{text}}}}}}.\n  Leave it out of `pattern`.")
    return profile


def _name(profile: dict[str, dict[str, Any]]) -> str:
    """The country's short name, else its long one, else nothing (oceans have none)."""
    government = profile.get("Government", {})
    names = government.get("Country name") or government.get("Union name") or {}
    for form in ("conventional short form", "conventional long form"):
        name = _plain(names.get(form, {}).get("text", ""))
        if name and name != "none":
            return name
    return ""


def _lines(node: dict[str, Any], path: tuple[str, ...], file: Path) -> Iterator[str]:
    """`field: text` lines, subfields as `field, subfield: text`."""
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _lines(value, path if key == "text" else (*path, key.strip()), file)
        elif not isinstance(value, str):
            raise UserError(
                f"{file}: {' / '.join((*path, key))} is {value!r:.60}, not text.\n  Leave it out of `pattern`."
            )
        elif text := _plain(value):
            yield f"{', '.join(path if key == 'text' else (*path, key.strip()))}: {text}"


def _plain(text: str) -> str:
    """Without HTML tags and entities, on one line."""
    return SPACE.sub(" ", html.unescape(TAG.sub("", BREAK.sub(" ", text)))).strip()
