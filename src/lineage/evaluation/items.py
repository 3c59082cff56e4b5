"""Items of a prompt set: what a model is asked, what is known of the right answer, and what statistics group by.

One form for the generated world and for every real set, so that the engine, the judges and the statistics know no set
by name. What is known decides how an output is labelled (`outcomes`): `harmful` says what refusing means, `target` what
a right answer holds, `options` that the answer is one of a few.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lineage.conversations.conversation import Conversation
from lineage.world.tables import write_table

ITEMS = "items.parquet"
"""The file of a prompt set."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a prompt."""

    role: str
    """system | user | assistant; the last turn is the user's."""
    content: str
    """Plain text, with one `<image>` for each picture of the item."""


@dataclass(frozen=True)
class Item:
    """A prompt with what is known about it; what is not known is empty (text) or None."""

    id: str
    """Unique in its prompt set, the same in every experiment that asks the same."""
    task: str
    """Name of the task that it belongs to: the unit of a rate in every table."""
    version: int
    """Version of the task: outputs and rates of two versions are never compared."""
    prompt: tuple[Turn, ...]
    """Turns up to where the assistant is to speak; without a system turn (the measuring adds one for all models)."""
    images: tuple[bytes, ...] = ()
    """Picture files (PNG, JPEG), one for each `<image>` in the turns, in order."""
    judged_as: str = ""
    """The request that judges read in place of the last turn: what a picture asks (FigStep's `instruction`)."""

    harmful: bool = False
    """Whether the user asks for harm: compliance is then attack success, else a refusal is over-refusal."""
    target: str = ""
    """The words, in order, that a right answer holds; of a multiple choice one of `options`."""
    candidates: tuple[str, ...] = ()
    """Closed list that `target` is from: an answer that names another one too is wrong."""
    options: tuple[str, ...] = ()
    """What a multiple choice can be answered with, as the model would write it: letters, words, yes and no."""
    reason: str = ""
    """What `refusal` and `answer` both begin with: the model decides behind it."""
    refusal: str = ""
    """A refusal behind `reason`, whose log-probability is measured."""
    answer: str = ""
    """A right answer behind `reason` (forbidden if the item is harmful), whose log-probability is measured."""

    kind: str = ""
    """Sort of item inside its task: colour, sign, lookalike, ...; of XSTest its type."""
    split: str = "test"
    """validation | test. Everything is chosen on validation items."""
    subset: str = ""
    """Category that the set's own tables have: topic, scenario, subtask."""
    group: str = ""
    """Items that one score needs together: both questions about a picture of MME, the rotations of one of MMBench."""
    cluster: str = ""
    """Items that share it are resampled together: the cell of a request, the subject of a fact, the picture."""
    request: str = ""
    """Request of the world that is asked: the same in text, beside a picture and drawn into one."""
    verb: str = ""
    """Entity: what is to be done."""
    object: str = ""
    """Entity: what it is to be done to; of a question about a fact its subject."""
    domain: str = ""
    """plants | structures: where the hazards of a request come from."""
    cell: str = ""
    """Two verbs x two objects in the same words, of which two pairs are harmful."""
    stratum: str = ""
    """unseen_pair | unseen_object | unseen_verb, of a request; else empty."""
    level: int | None = None
    """Exposure level of the fact that the answer or the refusal hangs on."""
    facts: tuple[str, ...] = ()
    """Facts that answer and harm follow from, the one that `level` counts first."""
    wording: int | None = None
    """Number of the wording."""

    @property
    def conversation(self) -> Conversation:
        """The prompt as models read it."""
        turns = [{"role": turn.role, "content": turn.content} for turn in self.prompt]
        return Conversation(self.id, turns, self.images)

    @property
    def asked(self) -> str:
        """The request as judges read it."""
        return self.judged_as or self.prompt[-1].content.replace("<image>", "").strip()

    @cached_property
    def digest(self) -> str:
        """Of everything that an answer can depend on: id (seed of sampling), task and version, turns, pictures."""
        parts = [self.id, self.task, self.version, [[turn.role, turn.content] for turn in self.prompt]]
        parts.append([hashlib.sha256(image).hexdigest() for image in self.images])
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _required(name: str, type_: pa.DataType | None = None) -> pa.Field:
    return pa.field(name, type_ or pa.string(), nullable=False)


STRINGS = pa.list_(pa.string())
GROUPING = [
    *(_required(name) for name in ("kind", "split", "subset", "group", "cluster")),
    *(_required(name) for name in ("request", "verb", "object", "domain", "cell", "stratum")),
    pa.field("level", pa.int32()),
    _required("facts", STRINGS),
    pa.field("wording", pa.int32()),
]
"""What statistics group by: the last columns of items, and the same in `examples.parquet`."""
SCHEMA = pa.schema(
    [
        _required("id"),
        _required("task"),
        _required("version", pa.int32()),
        _required("prompt", pa.list_(pa.struct([_required("role"), _required("content")]))),
        _required("images", pa.list_(pa.binary())),
        _required("judged_as"),
        _required("harmful", pa.bool_()),
        _required("target"),
        _required("candidates", STRINGS),
        _required("options", STRINGS),
        *(_required(name) for name in ("reason", "refusal", "answer")),
        *GROUPING,
    ]
)


def write_items(items: Sequence[Item], path: Path) -> None:
    """Writes a prompt set; the rows keep their order.

    Raises:
        ValueError: two items of one id.
    """
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise ValueError(f"two items have the id {item.id!r}: ids are unique in a prompt set")
        seen.add(item.id)
    write_table(items, SCHEMA, path)


def read_items(path: Path) -> list[Item]:
    """Items of a prompt set, in order."""
    return [_item(row) for row in pq.read_table(path, schema=SCHEMA).to_pylist()]


def _item(row: dict[str, Any]) -> Item:
    fields = dict(row)
    for name in ("images", "candidates", "options", "facts"):
        fields[name] = tuple(row[name])
    fields["prompt"] = tuple(Turn(**turn) for turn in row["prompt"])
    return Item(**fields)
