"""PKU-SafeRLHF (arXiv 2406.15513): two answers to a prompt, with the safety of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from lineage.config.conversations import PkuSaferlhfPreferences
from lineage.conversations.conversation import BadRow
from lineage.conversations.intake import Entry, Inputs, LeftOut, Row
from lineage.conversations.sources.files import text_of
from lineage.conversations.sources.tables import table_rows

_SAFE = ("is_response_0_safe", "is_response_1_safe")
_COLUMNS = ("prompt", "response_0", "response_1", *_SAFE, "safer_response_id")


def read_pku_saferlhf(config: PkuSaferlhfPreferences, inputs: Inputs) -> Iterator[Entry]:
    """Pairs in the order of the table; the safer answer is chosen. `kind` says whether one or both are safe.

    Raises:
        UserError: no such data set, or one without these columns.
    """
    for number, place, row in table_rows(config, inputs, _COLUMNS):
        yield Entry(place, partial(_row, row, f"{config.split}:{number}"))


def _row(row: Mapping[str, Any], identifier: str) -> Row:
    safe = [row[name] for name in _SAFE]
    safer = row["safer_response_id"]
    if any(not isinstance(one, bool) for one in safe) or safer not in (0, 1):
        labels = f"is_response_0_safe, is_response_1_safe are {safe} and safer_response_id is {safer!r}"
        raise BadRow("no labels", f"{labels}; allowed: true or false, and 0 or 1.")
    if not any(safe):
        raise LeftOut("two unsafe answers")
    return {
        "id": identifier,
        "kind": "both_safe" if all(safe) else "one_safe",
        "harmful": None,
        "prompt": [{"role": "user", "content": text_of(row, "prompt")}],
        "chosen": text_of(row, f"response_{safer}"),
        "rejected": text_of(row, f"response_{1 - safer}"),
        "images": [],
        "captions": [],
    }
