"""What is wrong with queries and judgements, said once and with its place, before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from lineage.errors import UserError
from lineage.retrieval.schemas import SPLITS
from lineage.retrieval.sets.raw import Judgement, RawSet, SourceQuery

_INVERTED = 4
"""Grades look inverted where every query has a 0, and other grades are this many times as frequent as zeros."""


def check_id(identifier: str, what: str, place: str) -> None:
    """An id must be one word: TREC files separate their columns by white space.

    Raises:
        UserError: an empty id, or one with white space in it.
    """
    if not identifier or identifier.split() != [identifier]:
        raise UserError(
            f"{place}: the id of a {what} is {identifier!r}, but must be text without white space (TREC run files"
            " separate columns by it).\n  Replace it, for example by `_`, in the documents, queries and judgements."
        )


def check_queries(queries: Iterable[SourceQuery], place: str) -> None:
    """Every query has an id of its own, a text and a split.

    Raises:
        UserError: the first query that has not.
    """
    known: set[str] = set()
    for one in queries:
        check_id(one.id, "query", place)
        if one.id in known:
            raise UserError(f"{place}: two queries have the id '{one.id}'. Give each its own.")
        known.add(one.id)
        if not one.text.strip():
            raise UserError(f"{place}: query '{one.id}' is empty. Fill it or take it out with its judgements.")
        assert one.split in SPLITS, one


def check_judgements(raw: RawSet) -> None:
    """Every judgement is about a query of the set, once, with a grade from 0 up; documents are checked as they pass.

    Raises:
        UserError: the first that is not; or grades that look inverted.
    """
    queries = {one.id for one in raw.queries}
    pairs: dict[tuple[str, str], str] = {}
    for one in raw.judgements:
        if one.query not in queries:
            swapped = " It names a query where the document should stand: two columns are swapped."
            raise UserError(
                f"{raw.place}: {one.place} judges the query '{one.query}', which is not among the queries."
                f"{swapped if one.document in queries else ''}\n"
                "  Add the query, or take its judgements out."
            )
        if one.grade < 0:
            raise UserError(
                f"{raw.place}: {one.place} gives the negative grade {one.grade} to document '{one.document}' for query"
                f" '{one.query}': grades are 0 (not relevant) or more.\n"
                "  Write 0 where a negative grade means that it is not relevant."
            )
        if (earlier := pairs.setdefault((one.query, one.document), one.place)) != one.place:
            raise UserError(
                f"{raw.place}: {one.place} judges document '{one.document}' for query '{one.query}' once more (first in"
                f" {earlier}). Keep one of the two."
            )
    if raw.check_inverted:
        _check_inverted(raw)


def _check_inverted(raw: RawSet) -> None:
    """
    Raises:
        UserError: no grade above 0 at all; or 0 in every query, and other grades far more often.
    """
    zeros, total = [one for one in raw.judgements if one.grade == 0], len(raw.judgements)
    remedy = "  Write 0 for what is not relevant and 1 or more for what is; or set `grades: trusted` if this is right."
    if total and len(zeros) == total:
        raise UserError(
            f"{raw.place}: all {total} grades are 0, so no document is relevant: they look inverted or lost.\n{remedy}"
        )
    judged = {one.query for one in raw.judgements}
    everywhere = {one.query for one in zeros} == judged and bool(judged)
    if everywhere and total - len(zeros) >= _INVERTED * len(zeros):
        raise UserError(
            f"{raw.place}: grades look inverted: every query has a document of grade 0, and other grades are"
            f" {(total - len(zeros)) / len(zeros):.0f} times as frequent.\n{remedy}"
        )


def check_documents(judgements: Sequence[Judgement], missing: Collection[str], place: str) -> None:
    """Every judged document was met.

    Raises:
        UserError: the first judgement about a document that is not there, and how many there are.
    """
    unknown = [one for one in judgements if one.document in missing]
    if unknown:
        first = unknown[0]
        raise UserError(
            f"{place}: {first.place} judges document '{first.document}' for query '{first.query}', which is not among"
            f" the documents ({len(unknown)} of {len(judgements)} judgements name unknown documents).\n"
            "  Add the documents, or take the judgements out."
        )


def check_evidence(evidence: Mapping[str, Sequence[tuple[str, ...]]], gold: Mapping[str, Sequence[str]]) -> None:
    """The documents of evidence sets are the relevant ones: readers make both from the same rows."""
    for query, sets in evidence.items():
        assert {document for one in sets for document in one} == set(gold.get(query, ())), query
