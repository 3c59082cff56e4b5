"""HH-RLHF (arXiv 2204.05862), https://github.com/anthropics/hh-rlhf: two whole dialogues a pair, as plain text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from lineage.config.conversations import HhPreferences
from lineage.conversations.conversation import BadRow
from lineage.conversations.intake import Entry, Inputs, LeftOut, Row
from lineage.conversations.sources.files import needed, text_of
from lineage.conversations.sources.json_entries import json_entries

_TURN = re.compile(r"\n\n(Human|Assistant):")
_SPEAKER = {"Human": "user", "Assistant": "assistant"}


def read_hh(config: HhPreferences, inputs: Inputs) -> Iterator[Entry]:
    """Pairs in the order of the file, named `<file>:<row>`; `kind` is the file's name.

    Raises:
        UserError: no such file, no JSON, an entry without both sides.
    """
    path = needed(inputs.source, what="`path`, its .jsonl or .jsonl.gz file")
    name = path.name.partition(".")[0]
    seen: set[bytes] = set()
    for number, (place, entry) in enumerate(json_entries(path), 1):
        yield Entry(place, partial(_row, config, entry, f"{name}:{number}", name, seen))


def _row(config: HhPreferences, entry: Mapping[str, Any], identifier: str, kind: str, seen: set[bytes]) -> Row:
    (*prompt, chosen), (*other, rejected) = (_dialogue(text_of(entry, side)) for side in ("chosen", "rejected"))
    if prompt != other:
        raise BadRow("dialogues that differ before the last answer", "its two dialogues differ before the last answer.")
    about = hashlib.sha256(repr(prompt).encode("utf-8", "surrogatepass")).digest()
    if about in seen and config.repeated_prompts == "drop":
        raise LeftOut("a prompt that stood before")
    seen.add(about)
    return {
        "id": identifier,
        "kind": kind,
        "harmful": None,
        "prompt": prompt,
        "chosen": chosen["content"],
        "rejected": rejected["content"],
        "images": [],
        "captions": [],
    }


def _dialogue(text: str) -> list[dict[str, str]]:
    """The turns of one side.

    Raises:
        BadRow: text before the first turn, or no answer at the end.
    """
    before, *pieces = _TURN.split(text)
    turns = [
        {"role": _SPEAKER[speaker], "content": said.strip()}
        for speaker, said in zip(pieces[::2], pieces[1::2], strict=True)
    ]
    if before.strip() or not turns:
        raise BadRow("no turns", r"a dialogue does not begin with '\n\nHuman:'.")
    if turns[-1]["role"] != "assistant":
        raise BadRow("wrong roles", "a dialogue does not end with 'Assistant:'.")
    return turns
