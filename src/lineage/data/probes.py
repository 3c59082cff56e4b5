"""A cue and its target as tokens, cut where the target begins."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from tokenizers import Tokenizer

from lineage.errors import UserError


def first_target_token(offsets: Sequence[tuple[int, int]], cue: str, target: str, *, name: str) -> int:
    """Index of the target's first token in the tokens of `cue + " " + target`, from their spans of characters.

    The space before the target may belong to either side. `name` is the probe that a message names.

    Raises:
        UserError: the target is empty, or a token holds parts of both.
    """
    if not target.strip():
        raise UserError(f"probe {name}: its target is empty. Give every probe the text that the model should say.")
    boundary = len(cue)
    stops = [stop for _, stop in offsets]
    first = bisect_right(stops, boundary)
    start = offsets[first][0] if first < len(stops) else boundary
    if start < boundary or first == 0:
        raise UserError(
            f"probe {name}: a token holds the end of the cue {cue[-20:]!r} and the start of the target {target!r}.\n"
            "  Word the cue so that it ends with a whole word."
        )
    return first


def probe_tokens(tokenizer: Tokenizer, cue: str, target: str, *, name: str) -> tuple[list[int], list[int]]:
    """Tokens of the cue (behind the start token that the tokenizer itself puts before a text, if any), and of the
    target.

    Raises:
        UserError: see `first_target_token`.
    """
    encoded = tokenizer.encode(f"{cue} {target}", add_special_tokens=False)
    first = first_target_token(encoded.offsets, cue, target, name=name)
    return [*_start_tokens(tokenizer), *encoded.ids[:first]], encoded.ids[first:]


def _start_tokens(tokenizer: Tokenizer) -> list[int]:
    """What the post-processor adds in front of a text: BOS of Llama 2, nothing for most."""
    plain = tokenizer.encode("a", add_special_tokens=False).ids
    added = tokenizer.encode("a", add_special_tokens=True).ids
    return added[:1] if len(added) > len(plain) and added[0] != plain[0] else []
