"""Rows of a table as documents: the column mapping, and an error for each way in which a row can be wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from lineage.config.documents import Columns
from lineage.config.messages import did_you_mean, listed
from lineage.data.schema import DOCUMENT_BYTES_LIMIT, Document
from lineage.errors import UserError

_MISSING = object()


def row_documents(
    rows: Iterable[Mapping[str, object]],
    *,
    columns: Columns,
    empty_rows: Literal["error", "drop"],
    id_prefix: str,
    source: str,
    place: str,
) -> Iterator[Document]:
    """A document a row; `place` (a file or data set) and the row's number from 1 stand in every error.

    Raises:
        UserError: a row without a mapped column, or with a null, empty or non-string text.
    """
    for number, row in enumerate(rows, 1):
        here = f"{place}: row {number}"
        text = _string(row, columns.text, "text", here)
        if not text or text.isspace():
            if empty_rows == "drop":
                continue
            raise UserError(
                f"{here}: column '{columns.text}' is empty.\n  Fill or remove the row, or set `empty_rows: drop`."
            )
        title = "" if columns.title is None else _string(row, columns.title, "title", here, nullable=True)
        identifier = f"{source}:{number}" if columns.id is None else _identifier(row, columns.id, here)
        yield Document(id_prefix + identifier, title, text, source)


def check_columns(columns: Columns, found: Iterable[str], place: str) -> None:
    """Compares the mapping with the columns of a table.

    Raises:
        UserError: a mapped column does not exist; with those that do.
    """
    found = list(found)
    for role in ("text", "title", "id"):
        name = getattr(columns, role)
        if name is not None and name not in found:
            raise UserError(_no_column(name, role, found, place))


def _no_column(name: str, role: str, found: list[str], place: str) -> str:
    return (
        f"{place}: no column '{name}'.{did_you_mean(name, found)}\n"
        f"  columns found: {listed(found)}\n"
        f"  Set `columns: {{{role}: ...}}` to one of them."
    )


def _value(row: Mapping[str, object], column: str, role: str, here: str) -> object:
    value = row.get(column, _MISSING)
    if value is _MISSING:
        raise UserError(_no_column(column, role, list(row), here))
    return value


def _string(row: Mapping[str, object], column: str, role: str, here: str, *, nullable: bool = False) -> str:
    value = _value(row, column, role, here)
    if value is None and nullable:
        return ""
    if not isinstance(value, str):
        shown = "null" if value is None else f"{value!r:.60} ({type(value).__name__})"
        raise UserError(
            f"{here}: column '{column}' is {shown}, but the {role} must be a string.\n"
            f"  Mend the row, or set `columns: {{{role}: ...}}` to another of: {listed(row)}"
        )
    return checked_text(value, f"{here}: column '{column}'")


def checked_text(text: str, place: str) -> str:
    """The text itself, if it can be stored.

    Raises:
        UserError: half of a surrogate pair (JSON can spell one), or too long for one document.
    """
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UserError(
                f"{place} holds half of a surrogate pair (U+{ord(text[error.start]):04X}) at character {error.start}.\n"
                "  The file was torn or written by a faulty encoder: mend that row."
            ) from error
    if len(text) > DOCUMENT_BYTES_LIMIT // 4:
        raise UserError(
            f"{place} has {len(text):,} characters, at most {DOCUMENT_BYTES_LIMIT // 4:,} fit one document.\n"
            "  Break it into several rows."
        )
    return text


def _identifier(row: Mapping[str, object], column: str, here: str) -> str:
    value = _value(row, column, "id", here)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise UserError(
            f"{here}: column '{column}' is {value!r:.60}, but an id must be a non-empty string or an integer.\n"
            "  Mend the row, or set `columns: {id: null}` to number the rows."
        )
    return checked_text(str(value), f"{here}: column '{column}'")
