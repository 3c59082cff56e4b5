"""Rows of any source into one table: each is checked, put into its part and counted, or dropped for a reason."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from lineage.artifact import Artifact
from lineage.config.conversations import Outside, Taken
from lineage.conversations.conversation import BadRow, Conversation, check_marks, check_turns
from lineage.data.schema import TableWriter, UniqueIds, read_columns
from lineage.errors import UserError
from lineage.progress import Progress

Row = dict[str, Any]
"""A row of `conversations.parquet` or `preferences.parquet`."""


class Entry(NamedTuple):
    """One row of a source, not yet made, so that what is wrong with it can be told apart from the rest."""

    place: str
    """Where it stands: `row 12`."""
    make: Callable[[], Row]
    """Makes the row, or raises `BadRow`, or `LeftOut`."""


@dataclass(frozen=True)
class Inputs:
    """What a source may read."""

    safety_data: Artifact | None
    source: Path | None
    images: Path | None


class LeftOut(Exception):
    """A sound row that the source or the config leaves out; `reason` is the same for all that are alike."""

    def __init__(self, reason: str):
        self.reason = reason
        super().__init__(reason)


@dataclass
class Intake:
    """Takes rows in and keeps count."""

    place: str
    config: Taken
    check: Callable[[Row], None]
    """Raises `BadRow` or `LeftOut`."""
    read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    _first: str = ""

    def rows(self, entries: Iterable[Entry]) -> Iterator[Row]:
        """The rows that are taken, `config.limit` at most.

        Raises:
            UserError: a row that cannot be used; or, where a share may be dropped, more of them.
        """
        yield from islice(self._sound(entries), self.config.limit)
        allowed = self._allowed_share
        if self.dropped.total() > allowed * self.read:
            reasons = ", ".join(f"{reason}: {count}" for reason, count in sorted(self.dropped.items()))
            raise UserError(
                f"{self.place}: {self.dropped.total()} of {self.read} rows cannot be used ({reasons}); allowed is a"
                f" share of {allowed:g} (`max_dropped_share`).\n  The first: {self._first}"
            )

    def _sound(self, entries: Iterable[Entry]) -> Iterator[Row]:
        for entry in entries:
            self.read += 1
            here = f"{self.place}: {entry.place}: "
            try:
                row = entry.make()
                _check_texts(row)
                self.check(row)
            except LeftOut as reason:
                self.left_out[reason.reason] += 1
                continue
            except BadRow as error:
                if self._allowed_share == 0:
                    raise UserError(f"{here}{error}") from error
                self.dropped[error.reason] += 1
                self._first = self._first or f"{here}{error}"
                continue
            except UserError as error:
                raise UserError(f"{here}{error}") from error
            if in_part(row, self.config):
                yield row
            else:
                self.left_out["in the other part"] += 1

    @property
    def _allowed_share(self) -> float:
        return self.config.max_dropped_share if isinstance(self.config, Outside) else 0.0


def in_part(row: Row, config: Taken) -> bool:
    """Whether a row belongs to the part that is asked for: a function of the seed and of its pictures or question."""
    if not isinstance(config, Outside) or config.part == "all":
        return True
    turns = row["messages"] if "messages" in row else row["prompt"]
    asked = next(turn["content"] for turn in turns if turn["role"] == "user")
    about = b"".join(hashlib.sha256(file).digest() for file in row["images"]) or asked.encode()
    is_validation = share_of(config.part_seed, about) < config.validation_share
    return is_validation == (config.part == "validation")


def share_of(seed: int, about: bytes) -> float:
    """A number from 0 up to 1 that looks random and depends on the seed and the bytes only.

    >>> share_of(0, b"row-1") == share_of(0, b"row-1") != share_of(1, b"row-1")
    True
    """
    digest = hashlib.sha256(f"{seed} ".encode() + about).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def check_conversation(row: Row) -> None:
    """Turns, marks and captions; that the pictures are sound is for their sources to check, who know their files.

    Raises:
        BadRow: what cannot be used, whatever the model.
    """
    conversation = Conversation(row["id"], row["messages"], row["images"])
    check_turns(conversation, ends_with="assistant")
    check_marks(conversation)
    _check_captions(row)


def check_pair(row: Row, *, drop_equal: bool) -> None:
    """Turns up to the user's last, marks, captions, and two answers that differ.

    Raises:
        BadRow: what cannot be used, whatever the model.
        LeftOut: equal answers that are to be dropped.
        UserError: equal answers that are not.
    """
    prompt = Conversation(row["id"], row["prompt"], row["images"])
    check_turns(prompt, ends_with="user")
    check_marks(prompt)
    for side in ("chosen", "rejected"):
        answered = [*row["prompt"], {"role": "assistant", "content": row[side]}]
        if not row[side].strip():
            raise BadRow("an empty answer", f"pair {row['id']}: its {side} answer is empty.")
        check_marks(Conversation(f"{row['id']} ({side})", answered, row["images"]))
    if row["chosen"].strip() == row["rejected"].strip():
        if drop_equal:
            raise LeftOut("equal answers")
        raise UserError(
            f"pair {row['id']}: both answers are {row['chosen'][:60]!r}, so nothing can be preferred.\n"
            "  Remove the pair from the data, or set `drop_equal: true`."
        )
    _check_captions(row)


def _check_captions(row: Row) -> None:
    if row["captions"] and len(row["captions"]) != len(row["images"]):
        raise BadRow(
            "captions that do not match the pictures",
            f"{row['id']}: {len(row['captions'])} captions for {len(row['images'])} pictures.",
        )


def _check_texts(row: Row) -> None:
    turns = row["messages"] if "messages" in row else row["prompt"]
    answers = [row[side] for side in ("chosen", "rejected") if side in row]
    for text in (row["id"], row["kind"], *(turn["content"] for turn in turns), *answers):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise BadRow(
                "text that is torn",
                f"{row['id']!r}: its text holds half of a surrogate pair (U+{ord(text[error.start]):04X}).\n"
                "  The file was torn or written by a faulty encoder: mend that row.",
            ) from error


def write_rows(rows: Iterable[Row], path: Path, schema: pa.Schema) -> dict[str, Any]:
    """Writes the table and says what is in it.

    Raises:
        UserError: no row at all, or two of the same id.
    """
    kinds, harmful = Counter[str](), Counter[str]()
    pictures = 0
    ids = UniqueIds()
    with TableWriter(path, schema) as table, Progress("reading", unit="rows") as progress:
        for row in rows:
            size = sum(map(len, row["images"])) + 1000
            table.write([row[name] for name in schema.names], characters=size)
            ids.add(row["id"])
            kinds[row["kind"]] += 1
            harmful[{True: "harmful", False: "harmless", None: "unknown"}[row["harmful"]]] += 1
            pictures += len(row["images"])
            progress.advance()
    ids.check(lambda: _places(path), remedy="Mend the ids in the source, or let the rows be numbered.")
    return {"kinds": dict(sorted(kinds.items())), "pictures": pictures, **dict(sorted(harmful.items()))}


def take_in(
    entries: Iterable[Entry],
    config: Taken,
    *,
    check: Callable[[Row], None],
    path: Path,
    schema: pa.Schema,
    place: str,
) -> dict[str, Any]:
    """Writes all rows of a source that are to be taken; what the manifest says of them.

    Raises:
        UserError: a row that cannot be used, or too many; no row at all; two of the same id.
    """
    intake = Intake(place, config, check)
    counts = write_rows(intake.rows(entries), path, schema)
    if not sum(counts["kinds"].values()):
        raise UserError(
            f"{place}: no row is left of {intake.read} read{_reasons(intake.left_out)}.\n"
            "  Check what the config takes (`split`, `kinds`, `part`)."
        )
    return {
        path.stem: sum(counts["kinds"].values()),
        **counts,
        "read": intake.read,
        "dropped": dict(sorted(intake.dropped.items())),
        "left_out": dict(sorted(intake.left_out.items())),
    }


def _reasons(left_out: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{reason}: {count}' for reason, count in sorted(left_out.items()))})" if left_out else ""


def _places(path: Path) -> Iterator[tuple[str, str]]:
    number = 0
    for (ids,) in read_columns(path, ("id",)):
        for identifier in ids:
            number += 1
            yield identifier, f"row {number} of those taken"
