"""NQ-open: questions with answers, without documents: text to measure the speed of a query with."""

from __future__ import annotations

from lineage.config.retrieval_sets import NqOpenSet
from lineage.errors import UserError
from lineage.retrieval.sets.lines import objects, text_of
from lineage.retrieval.sets.raw import Inputs, RawSet, SourceQuery


def read_nq_open(config: NqOpenSet, inputs: Inputs) -> RawSet:
    """Questions of one file, all of them test queries.

    Raises:
        UserError: no such file, or a row without a question and answers.
    """
    if inputs.source is None or not inputs.source.is_file():
        raise UserError(f"{inputs.source}: no such file.\n  Set `path` to a JSON Lines file of NQ-open.")
    queries = []
    for number, (place, row) in enumerate(objects(inputs.source)):
        answers = row.get("answer")
        if not isinstance(answers, list) or not all(isinstance(one, str) for one in answers):
            raise UserError(f"{place}: 'answer' is {answers!r:.60}, but must be a list of texts.")
        queries.append(SourceQuery(f"q{number}", text_of(row, "question", place), "test", answers=tuple(answers)))
    return RawSet([], queries, [], place=str(inputs.source))
