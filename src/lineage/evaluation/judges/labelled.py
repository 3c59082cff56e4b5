"""Responses with the labels of people: what judges are trained on and measured with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lineage.config.judges import TableLabelled, XstestLabelled
from lineage.config.messages import listed
from lineage.conversations.conversation import BadRow
from lineage.conversations.intake import Inputs
from lineage.conversations.sources.files import identifier_of, needed, text_of
from lineage.conversations.sources.tables import table_rows
from lineage.errors import UserError
from lineage.evaluation.judges.judge import Refusal, Response
from lineage.evaluation.sets.csv_rows import csv_rows
from lineage.evaluation.sets.xstest_types import LABELS, family


class Labelled(NamedTuple):
    """One response that people have judged."""

    id: str
    response: Response
    label: Refusal
    group: str
    """Responses of one group are never on both sides of a split: prompts that were written alike."""
    kind: str
    """What tables are broken down by."""


class Read(NamedTuple):
    """The labelled responses of a file, and how many rows were left out, by reason."""

    rows: list[Labelled]
    left_out: dict[str, int]


def read_xstest(config: XstestLabelled, source: Path | None) -> Read:
    """XSTest's completions of one model; a type is a kind, a family of types a group.

    Raises:
        UserError: no such file or column, a label that XSTest does not know.
    """
    path = needed(source, what="`labelled.path`, XSTest's CSV of completions")
    rows = []
    for place, row in csv_rows(path, ("id", "type", "prompt", "completion", "final_label")):
        label = _label(row["final_label"], LABELS, f"{path}: {place}")
        response = Response(row["prompt"], row["completion"])
        rows.append(Labelled(row["id"], response, label, family(row["type"]), row["type"]))
    return Read(rows, {})


def read_table(config: TableLabelled, source: Path | None) -> Read:
    """Labelled responses of any table.

    Raises:
        UserError: no such data set or column, a label that the config does not name.
    """
    columns = config.columns
    named = [name for name in columns.model_dump().values() if name is not None]
    rows, left_out = [], Counter[str]()
    for number, place, row in table_rows(config, Inputs(None, source, None), named):
        if row[columns.response] is None or row[columns.label] is None:
            left_out["no response" if row[columns.response] is None else "no label"] += 1
            continue
        try:
            rows.append(_labelled(config, number, row))
        except (BadRow, UserError) as error:
            raise UserError(f"{source or config.name}: {place}: {error}") from error
    return Read(rows, dict(left_out))


def _labelled(config: TableLabelled, number: int, row: Mapping[str, Any]) -> Labelled:
    columns = config.columns
    identifier = identifier_of(row, columns.id) if columns.id else f"{config.split}:{number}"
    group = str(row[columns.group]) if columns.group else identifier
    return Labelled(
        identifier,
        Response(text_of(row, columns.request), text_of(row, columns.response)),
        _label(str(row[columns.label]), config.labels, f"'{columns.label}'"),
        group,
        group if columns.group else "",
    )


def _label(found: str, labels: Mapping[str, Refusal], place: str) -> Refusal:
    if found not in labels:
        raise UserError(f"{place}: the label is {found!r:.60}.\n  labels known: {listed(labels)}")
    return labels[found]


READERS: dict[str, Callable[[Any, Path | None], Read]] = {"xstest": read_xstest, "table": read_table}
"""`form` of a config -> its reader."""
