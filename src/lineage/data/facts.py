"""Facts to inject during pretraining, and the probes that ask for them: one table whatever they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from lineage.errors import UserError

DEPTHS = ("memorization", "semantic", "compositional")
"""What a probe needs: the passage's own sentence, the fact in other words, several sentences (arXiv 2406.11813)."""


class Probe(NamedTuple):
    """A cue that ends right before its target; join them with one space."""

    id: str
    """`<fact>.<depth>.<number>`."""
    depth: str
    cue: str
    target: str
    flags: Sequence[str] = ()
    """What is odd about it, for analyses with and without."""


class Fact(NamedTuple):
    """A passage that no model has read, the same in other words, and its probes."""

    id: str
    passage: str
    paraphrases: Sequence[str]
    probes: Sequence[Probe]


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


PROBE_TYPE = pa.struct(
    [*(_required(name, pa.string()) for name in Probe._fields[:4]), _required("flags", pa.list_(pa.string()))]
)
FACT_SCHEMA = pa.schema(
    [
        _required("id", pa.string()),
        _required("passage", pa.string()),
        _required("paraphrases", pa.list_(pa.string())),
        _required("probes", pa.list_(PROBE_TYPE)),
    ]
)


def probe_id(fact: str, depth: str, number: int) -> str:
    """The id of a fact's probe number 0, 1, ... of one depth.

    >>> probe_id("newcomer-0003", "semantic", 0)
    'newcomer-0003.semantic.0'
    """
    return f"{fact}.{depth}.{number}"


def write_facts(path: Path, facts: Sequence[Fact]) -> None:
    """Writes the table, in the order given; the same facts give the same bytes.

    Raises:
        UserError: see `check_facts`.
    """
    check_facts(facts)
    rows = [fact._asdict() | {"probes": [probe._asdict() for probe in fact.probes]} for fact in facts]
    pq.write_table(pa.Table.from_pylist(rows, schema=FACT_SCHEMA), path, compression="zstd")


def read_facts(path: Path) -> list[Fact]:
    """The facts of a `facts.parquet`, in order; what `write_facts` wrote comes back equal, sequences as tuples.

    Raises:
        UserError: the file is of another form.
    """
    try:
        table = pq.read_table(path)
    except pa.ArrowException as error:
        raise UserError(f"{path}: not a whole Parquet file: {error}.\n  Build the facts again.") from error
    if not table.schema.equals(FACT_SCHEMA):
        raise UserError(
            f"{path}: not a table of facts; it has {', '.join(table.schema.names) or 'no columns'}.\n"
            f"  A table of facts has {', '.join(FACT_SCHEMA.names)}: build the facts again."
        )
    return [_fact(row) for row in table.to_pylist()]


def _fact(row: dict[str, Any]) -> Fact:
    probes = tuple(Probe(**one | {"flags": tuple(one["flags"])}) for one in row["probes"])
    return Fact(row["id"], row["passage"], tuple(row["paraphrases"]), probes)


def check_facts(facts: Sequence[Fact]) -> None:
    """Whether every fact can be injected and every probe asked.

    Raises:
        UserError: no facts, a repeated id, an empty text, no probes, an unknown depth, a cue or target with space at an
            end, or text that cannot be stored; with the ids of fact and probe.
    """
    if not facts:
        raise UserError("no facts: there is nothing to inject.\n  Give a source that holds at least one.")
    for kind, ids in (
        ("fact", [fact.id for fact in facts]),
        ("probe", [probe.id for fact in facts for probe in fact.probes]),
    ):
        if repeated := next((one for one in _repeated(ids)), None):
            raise UserError(f"two {kind}s have the id '{repeated}'.\n  Ids must be unique: rename one.")
    for fact in facts:
        _check_fact(fact)


def _repeated(ids: Sequence[str]) -> Iterator[str]:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            yield one
        seen.add(one)


def _check_fact(fact: Fact) -> None:
    if not fact.id.strip():
        raise UserError(f"a fact has no id; its passage begins {fact.passage[:40]!r}.\n  Give it one.")
    texts = {"passage": fact.passage} | {f"paraphrase {n}": text for n, text in enumerate(fact.paraphrases, 1)}
    for name, text in texts.items():
        if not text.strip():
            raise UserError(f"fact {fact.id}: its {name} is empty.\n  Write one, or leave it out.")
        _check_storable(text, f"fact {fact.id}: its {name}")
    if not fact.probes:
        raise UserError(f"fact {fact.id} has no probes, so nothing can be measured.\n  Give it one, or leave it out.")
    for probe in fact.probes:
        _check_probe(probe, f"fact {fact.id}, probe {probe.id}")


def _check_probe(probe: Probe, place: str) -> None:
    if not probe.id.strip():
        raise UserError(f"{place}: it has no id; its cue is {probe.cue!r:.60}.\n  Give it one.")
    if probe.depth not in DEPTHS:
        raise UserError(f"{place}: depth is '{probe.depth}', which is none.\n  depths: {', '.join(DEPTHS)}")
    for name, text in (("cue", probe.cue), ("target", probe.target)):
        if not text.strip():
            raise UserError(
                f"{place}: its {name} is empty.\n  Write the text that {_MEANING[name]}, or leave the probe out."
            )
        if text != text.strip():
            raise UserError(
                f"{place}: its {name} begins or ends with space: {text!r:.60}.\n"
                "  Strip it: cue and target are joined by one space."
            )
        _check_storable(text, f"{place}: its {name}")


_MEANING = {"cue": "comes before the target", "target": "the model should say"}


def _check_storable(text: str, place: str) -> None:
    """JSON can spell half of a surrogate pair, which no UTF-8 file can hold."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(
            f"{place} holds half of a surrogate pair (U+{ord(text[error.start]):04X}) at character {error.start}.\n"
            "  It was torn or written by a faulty encoder: mend that text."
        ) from error
