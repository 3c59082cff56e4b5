"""Readings: what the reader said about each fact under each condition, one row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from lineage.errors import UserError
from lineage.evaluation.examples import CORRECT, Example
from lineage.evaluation.items import Item
from lineage.evaluation.outcomes import right_answer

READINGS = "readings.parquet"
SCHEMA = pa.schema(
    [
        pa.field("condition", pa.string(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("fact", pa.string(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("level", pa.int32()),
        pa.field("document", pa.string(), nullable=False),
        pa.field("found", pa.bool_()),
        pa.field("correct", pa.bool_(), nullable=False),
        pa.field("recalled", pa.bool_(), nullable=False),
    ]
)
"""`condition`: closed book | oracle | random | swapped | retrieved; `run`: the retriever, of those alone; `found`:
whether the passage is the subject's article, null without a passage; `correct`: the value was named that the condition
makes right (of a swapped passage the passage's); `recalled`: the world's value was named and no other."""


def readings(shown: Sequence[Mapping[str, Any]], items: Sequence[Item], examples: Sequence[Example]) -> pa.Table:
    """Joins what stands for which condition with what was said, by the id of the item.

    Raises:
        UserError: an item of these conditions was not answered: the scores are of another prompt set.
    """
    answers = {one.id: one for one in examples}
    asked = {one.id: one for one in items}
    rows = []
    for row in shown:
        if row["item"] not in answers:
            raise UserError(
                f"item '{row['item']}' was not answered: the scores are of other prompts.\n"
                "  Ask the reader again: `snakemake -R score_safety`."
            )
        answer, item = answers[row["item"]], asked[row["item"]]
        rows.append(
            {name: row[name] for name in ("condition", "run", "fact", "subject", "level", "document")}
            | {
                "found": row["document"] == row["subject"] if row["document"] else None,
                "correct": answer.outcome == CORRECT,
                "recalled": bool(right_answer(replace(item, target=row["value"]), answer.output)),
            }
        )
    return pa.Table.from_pylist(rows, schema=SCHEMA)
