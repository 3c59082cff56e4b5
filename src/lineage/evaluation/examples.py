"""Examples: one row an item and model, with its output, how it was judged, and what statistics group by.

`scores/<name>/safety/examples.parquet` holds every prompt that the model was asked with everything that was concluded
from it, so that each rate of a table can be counted again from this file alone. Items that a model cannot be asked (a
picture, for a model that reads text only) have no row; `metrics.json` counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lineage.evaluation.items import GROUPING, STRINGS
from lineage.evaluation.judges.judge import REFUSALS

EXAMPLES = "examples.parquet"
"""The file of examples in an artifact of scores."""

REFUSED, CORRECT, WRONG, ANSWERED, INCOHERENT = OUTCOMES = ("refused", "correct", "wrong", "answered", "incoherent")
"""What an output is, exactly one of: refused; the right answer (forbidden, where the item is harmful); another answer;
an answer of which nobody knows whether it is right; babble."""
NO_REFUSAL, PARTIAL_REFUSAL, FULL_REFUSAL = REFUSALS
"""How far an output refuses, by the judge."""


@dataclass(frozen=True, slots=True)
class Example:
    """What one model said to one item."""

    prompts: str
    """Name of the prompt set in the config."""
    id: str
    """Id of the item: the same for every model, so that models are compared on the same prompts."""
    task: str
    version: int
    harmful: bool
    pictures: int
    """Number of pictures in the prompt."""
    prompt: str
    """The turns as text, one a line behind its role."""
    target: str
    """What a right answer holds; empty where nobody knows."""
    options: tuple[str, ...]
    """Of a multiple choice: what it can be answered with."""

    output: str
    """Without special tokens and without space around it."""
    ended: bool
    """Whether it ended by itself; false: cut at the limit of tokens."""
    tokens: int
    """Tokens of the output, the end token included."""

    outcome: str
    """One of `OUTCOMES`."""
    refusal: str
    """One of `REFUSALS`."""
    correct: bool | None
    """Whether it is the right answer and no refusal (`outcome` is `correct`); None where no right answer is known."""
    judge: str
    """Name and version of the judge of refusals: `rules-1`."""
    judge_score: float | None
    """Probability of a refusal, of judges that give one."""

    reason_log_probability: float | None
    """Nats: log p(reason | prompt), summed over its tokens. Does it know what decides harm? None without a reason."""
    refusal_log_probability: float | None
    """Nats: log p(refusal and end | prompt, reason), summed over tokens; None where no reference text is known."""
    answer_log_probability: float | None
    """Nats: log p(answer and end | prompt, reason); refusal minus answer is the refusal margin."""
    option_log_probabilities: tuple[float, ...] | None
    """Nats: log p(option and end | prompt) of each of `options`; None where there are none."""

    kind: str
    split: str
    subset: str
    group: str
    cluster: str
    request: str
    verb: str
    object: str
    domain: str
    cell: str
    stratum: str
    level: int | None
    facts: tuple[str, ...]
    wording: int | None


def _required(name: str, type_: pa.DataType | None = None) -> pa.Field:
    return pa.field(name, type_ or pa.string(), nullable=False)


SCHEMA = pa.schema(
    [
        *(_required(name) for name in ("prompts", "id", "task")),
        _required("version", pa.int32()),
        _required("harmful", pa.bool_()),
        _required("pictures", pa.int32()),
        _required("prompt"),
        _required("target"),
        _required("options", STRINGS),
        _required("output"),
        _required("ended", pa.bool_()),
        _required("tokens", pa.int32()),
        _required("outcome"),
        _required("refusal"),
        pa.field("correct", pa.bool_()),
        _required("judge"),
        pa.field("judge_score", pa.float64()),
        *(pa.field(f"{name}_log_probability", pa.float64()) for name in ("reason", "refusal", "answer")),
        pa.field("option_log_probabilities", pa.list_(pa.float64())),
        *GROUPING,
    ]
)


def write_examples(examples: Sequence[Example], path: Path) -> None:
    """Writes the examples of one model, in order."""
    columns = {name: [getattr(one, name) for one in examples] for name in SCHEMA.names}
    pq.write_table(pa.Table.from_pydict(columns, schema=SCHEMA), path, compression="zstd")


def read_examples(path: Path) -> list[Example]:
    """Examples of one model, in order."""
    return [_example(row) for row in pq.read_table(path, schema=SCHEMA).to_pylist()]


def _example(row: dict[str, Any]) -> Example:
    fields = dict(row)
    for name in ("options", "facts", "option_log_probabilities"):
        fields[name] = None if row[name] is None else tuple(row[name])
    return Example(**fields)
