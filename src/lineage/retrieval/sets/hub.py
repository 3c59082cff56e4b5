"""Sets that the library `datasets` reads: a table of documents, one of queries, one of judgements a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lineage.config.messages import did_you_mean, listed
from lineage.config.retrieval_sets import HubSet, HubTable, SetColumns
from lineage.data import hub
from lineage.errors import UserError
from lineage.retrieval.sets.beir import split_of
from lineage.retrieval.sets.lines import text_of
from lineage.retrieval.sets.raw import Inputs, Judgement, RawSet, SourceDocument, SourceQuery


def read_hub(config: HubSet, inputs: Inputs) -> RawSet:
    """Documents in the order of their table, and those queries that the judgements name.

    Raises:
        UserError: no such data set, split or column, or a bad row.
    """
    columns = config.columns
    judgements = {split: list(_judgements(table, columns, inputs)) for split, table in config.qrels.items()}
    place = config.documents.name or str(inputs.source)
    splits = split_of(judgements, place)
    rows = [
        (text_of(row, columns.query, here), text_of(row, columns.query_text, here))
        for here, row in _rows(config.queries, inputs, [columns.query, columns.query_text])
    ]
    chosen = [SourceQuery(identifier, words, splits[identifier]) for identifier, words in rows if identifier in splits]
    return RawSet(
        _documents(config.documents, columns, inputs),
        chosen,
        [one for table in judgements.values() for one in table],
        counts={"queries of no chosen split": len(rows) - len(chosen)},
        place=place,
        check_inverted=config.grades == "checked",
    )


def _documents(table: HubTable, columns: SetColumns, inputs: Inputs) -> Iterator[SourceDocument]:
    named = [columns.document, columns.text, *([columns.title] if columns.title else [])]
    for here, row in _rows(table, inputs, named):
        title = row[columns.title] or "" if columns.title else ""
        text = text_of({"title": title}, "title", here)
        yield SourceDocument(text_of(row, columns.document, here), text, text_of(row, columns.text, here))


def _judgements(table: HubTable, columns: SetColumns, inputs: Inputs) -> Iterator[Judgement]:
    named = [columns.judged_query, columns.judged_document, *([columns.grade] if columns.grade else [])]
    for here, row in _rows(table, inputs, named):
        grade = row[columns.grade] if columns.grade else 1
        if not isinstance(grade, int | float) or grade != int(grade):
            raise UserError(f"{here}: '{columns.grade}' is {grade!r}, but a grade is a whole number. Mend the row.")
        query, document = text_of(row, columns.judged_query, here), text_of(row, columns.judged_document, here)
        yield Judgement(query, document, int(grade), here)


def _rows(table: HubTable, inputs: Inputs, named: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(place, row) of a table, which must have the named columns."""
    found = table.name if table.file is None else inputs.folder / table.file
    assert found is not None, "the config asks for one of them"
    if table.file is not None and not (inputs.folder / table.file).exists():
        raise UserError(f"{found}: no such file or folder. Set `file` to one below `path`.")
    data = hub.load(found, subset=table.subset, split=table.split, revision=table.revision, streaming=True)
    place = f"{found} ({table.split})"
    for number, row in enumerate(hub.rows(data, place), 1):
        for column in named if number == 1 else ():
            if column not in row:
                raise UserError(
                    f"{place}: no column '{column}'.{did_you_mean(column, row)}\n  columns found: {listed(row)}.\n"
                    "  Name the right one in `columns`."
                )
        yield f"{place}: row {number}", row
