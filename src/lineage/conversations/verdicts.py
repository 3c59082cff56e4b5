"""Who says that a row is unsafe: the truth, rules, or a classifier; of its text or of its pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from lineage.config.safety_filter import NoVerdict, RulesVerdict, Spoken, TruthVerdict
from lineage.conversations.conversation import IMAGE_MARK
from lineage.conversations.intake import share_of
from lineage.errors import UserError

Row = Mapping[str, Any]
"""A row of `conversations.parquet`."""


class Verdict(NamedTuple):
    """What a judge says of one row."""

    unsafe: bool
    score: float | None = None
    """Probability of a classifier's unsafe labels."""
    detail: str | None = None
    """The rule that was met, the label that weighs most."""


Judge = Callable[[Sequence[Row]], list[Verdict | None]]
"""A verdict a row; None where there is nothing to judge."""


def unjudged(rows: Sequence[Row]) -> list[Verdict | None]:
    """No verdict on any row."""
    return [None for _ in rows]


def simple_judge(config: NoVerdict | TruthVerdict | RulesVerdict, *, of: str) -> Judge:
    """The judges that need no model; `of` is `text` or `image`."""
    if isinstance(config, NoVerdict):
        return unjudged
    if isinstance(config, RulesVerdict):
        return _by_rules(config)
    return _by_truth(config, of=of)


def _by_truth(config: TruthVerdict, *, of: str) -> Judge:
    def judge(row: Row) -> Verdict | None:
        if of == "image" and not row["images"]:
            return None
        if row["harmful"] is None:
            raise UserError(
                f"conversation {row['id']}: nobody knows whether it is harmful (its column `harmful` is null), so that"
                " `by: truth` cannot judge.\n  Choose rules or a classifier, or a set whose truth is known."
            )
        found = share_of(config.seed, f"{of} {row['id']}".encode()) < config.recall
        return Verdict(row["harmful"] and found)

    return lambda rows: [judge(row) for row in rows]


def _by_rules(config: RulesVerdict) -> Judge:
    rules = {word: re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE) for word in config.words}
    rules |= {pattern: re.compile(pattern) for pattern in config.patterns}

    def judge(row: Row) -> Verdict:
        text = said(row, config.reads)
        met = next((name for name, rule in rules.items() if rule.search(text)), None)
        return Verdict(met is not None, detail=met)

    return lambda rows: [judge(row) for row in rows]


def said(row: Row, reads: Spoken) -> str:
    """What is said in these turns, a line each, without the marks of pictures."""
    turns = [turn for turn in row["messages"] if reads == "all" or turn["role"] == reads]
    return "\n".join(turn["content"].replace(IMAGE_MARK, "").strip() for turn in turns)
