"""Folders in the layout of BEIR: `corpus.jsonl`, `queries.jsonl`, and a table of judgements a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from lineage.config.retrieval_sets import BeirSet
from lineage.errors import UserError
from lineage.retrieval.sets.lines import objects, text_lines, text_of
from lineage.retrieval.sets.raw import Inputs, Judgement, RawSet, SourceDocument, SourceQuery

_HEADER = ["query-id", "corpus-id", "score"]


def read_beir(config: BeirSet, inputs: Inputs) -> RawSet:
    """Documents in the order of the corpus, and those queries that the chosen judgements name.

    Raises:
        UserError: a missing file, a row without an id or a text, or a table of judgements without its columns.
    """
    corpus, queries = inputs.file("corpus.jsonl"), inputs.file("queries.jsonl")
    tables = {split: inputs.file(f"qrels/{name}.tsv") for split, name in config.qrels.items()}
    judgements = {split: list(_judgements(path)) for split, path in tables.items()}
    splits = split_of(judgements, str(inputs.source))
    rows = [(text_of(row, "_id", place), text_of(row, "text", place)) for place, row in objects(queries)]
    chosen = [SourceQuery(identifier, words, splits[identifier]) for identifier, words in rows if identifier in splits]
    return RawSet(
        _documents(corpus),
        chosen,
        [one for table in judgements.values() for one in table],
        counts={"queries of no chosen split": len(rows) - len(chosen)},
        place=str(inputs.source),
        check_inverted=config.grades == "checked",
    )


def split_of(judgements: Mapping[str, list[Judgement]], place: str) -> dict[str, str]:
    """Query to its split.

    Raises:
        UserError: a query is judged in two splits.
    """
    splits: dict[str, str] = {}
    for split, table in judgements.items():
        for one in table:
            if splits.setdefault(one.query, split) != split:
                raise UserError(
                    f"{place}: {one.place} judges query '{one.query}' for {split}, but it is judged for"
                    f" {splits[one.query]} too.\n  A query is in one split: take it out of the other's judgements."
                )
    return splits


def _documents(path: Path) -> Iterator[SourceDocument]:
    for place, row in objects(path):
        title = row.get("title") or ""
        yield SourceDocument(
            text_of(row, "_id", place), text_of({"title": title}, "title", place), text_of(row, "text", place)
        )


def _judgements(path: Path) -> Iterator[Judgement]:
    lines = text_lines(path)
    header = next(lines, "").split("\t")
    if header != _HEADER:
        raise UserError(
            f"{path}: its first line is {header}, but must name the columns {_HEADER}, separated by tabs.\n"
            "  Add the line; columns in another order are not guessed."
        )
    for number, line in enumerate(lines, 2):
        columns = line.split("\t")
        if len(columns) != len(_HEADER) or not columns[2].lstrip("-").isdigit():
            raise UserError(
                f"{path}: row {number} is {line[:60]!r}, but must be three columns, the third a whole number. Mend it."
            )
        yield Judgement(columns[0], columns[1], int(columns[2]), f"qrels/{path.name} row {number}")
