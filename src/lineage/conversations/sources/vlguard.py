"""VLGuard (arXiv 2402.02207), https://github.com/ys-zong/VLGuard: `train.json`, `test.json` and their pictures.

An unsafe picture has one `instruction`; a safe one has a `safe_instruction` and an `unsafe_instruction`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from lineage.config.conversations import VlguardConversations
from lineage.conversations.conversation import IMAGE_MARK, BadRow
from lineage.conversations.intake import Entry, Inputs, LeftOut, Row
from lineage.conversations.sources.files import identifier_of, needed, picture_file, text_of, value_of
from lineage.conversations.sources.json_entries import json_entries
from lineage.conversations.sources.turns import exchange, pictures_first

CELL_OF_KEY = {"instruction": "unsafe", "safe_instruction": "safe_safe", "unsafe_instruction": "safe_unsafe"}
"""Key of an instruction -> which of the authors' three suites it belongs to."""


def read_vlguard(config: VlguardConversations, inputs: Inputs) -> Iterator[Entry]:
    """Conversations in the order of the file; `kind` is the cell, or `safe_both` for two exchanges together.

    Raises:
        UserError: no such file, no JSON, an entry of another form.
    """
    path = needed(inputs.source, what="`path`, its train.json or test.json")
    # The authors' convert_to_llava_format.py: one generator for the file, one shuffle for each safe picture.
    random = Random(config.order_seed)
    for place, entry in json_entries(path):
        found = entry.get("instr-resp")
        pairs = found if isinstance(found, list) else []
        order = list(pairs)
        if len(order) > 1:
            random.shuffle(order)
        apart = config.exchanges == "apart" and len(pairs) > 1
        for asked in [[pair] for pair in pairs] if apart else [order]:
            yield Entry(place, partial(_row, config, entry, asked, inputs.images))


def _row(config: VlguardConversations, entry: Mapping[str, Any], pairs: Sequence[Any], folder: Path | None) -> Row:
    if not pairs:
        found = value_of(entry, "instr-resp")
        raise BadRow("no turns", f"'instr-resp' is {found!r:.60}, not a list of instructions with responses.")
    asked = [_exchange(pair) for pair in pairs]
    taken = [(cell, said) for cell, said in asked if cell in config.cells]
    if not taken:
        raise LeftOut("of another cell")
    cells = [cell for cell, _ in taken]
    turns = [turn for _, said in taken for turn in said]
    turns[0] = {**turns[0], "content": pictures_first(IMAGE_MARK + turns[0]["content"])}
    kind = cells[0] if len(cells) == 1 else "safe_both"
    identifier = identifier_of(entry, "id")
    return {
        "id": identifier if config.exchanges == "together" else f"{identifier}-{kind}",
        "kind": kind,
        "harmful": cells != ["safe_safe"],
        "messages": turns,
        "images": [picture_file(folder, value_of(entry, "image"))],
        "captions": [],
    }


def _exchange(pair: Any) -> tuple[str, list[dict[str, str]]]:
    """(cell, turns) of one instruction with its response."""
    keys = [key for key in CELL_OF_KEY if isinstance(pair, Mapping) and key in pair]
    if len(keys) != 1:
        raise BadRow(
            "no turns", f"an entry of 'instr-resp' is {pair!r:.80}; it must hold one of {', '.join(CELL_OF_KEY)}."
        )
    return CELL_OF_KEY[keys[0]], exchange(text_of(pair, keys[0]), text_of(pair, "response"))
