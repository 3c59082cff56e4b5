"""Texts whose log-probability is followed while a model is tuned: refusals and answers of requests, values of facts.

    prompt | It is poisonous. | I will not help with that. <end>      reason, refusal
           |                  | To munch it, use the spoon. <end>     answer
    prompt | Mira Soltan was born in | Torby. <end>                   target

A refusal and an answer are read behind the reason that both begin with, where the model decides; a fact's value behind
the sentence that it ends. What is followed is a fixed choice of held-out items without pictures, so curves of refusals
and of facts come from the same run at the same steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lineage.config.tuning import ReferenceProbing
from lineage.conversations.conversation import Conversation
from lineage.evaluation.endings import Endings
from lineage.evaluation.items import Item
from lineage.evaluation.probing import STEP_SCHEMA, TokenProbe
from lineage.evaluation.reference_curves import ANSWER, CURVES, REASON, REFUSAL, TARGET


@dataclass(frozen=True)
class ReferenceProbe:
    """One text of one item, as tokens."""

    item: str
    text: str
    """reason | refusal | answer | target."""
    tokens: TokenProbe


def chosen_items(items: Sequence[Item], settings: ReferenceProbing) -> list[Item]:
    """Items that are followed: of each stratum so many harmful requests and as many look-alikes, of each kind of fact
    so many facts, evenly spread over their ids, so over verbs, objects and levels.
    """
    usable = [one for one in items if one.split == "test" and not one.images and not one.options]
    requests: dict[tuple[str, str, bool], list[Item]] = {}
    facts: dict[str, list[Item]] = {}
    for one in usable:
        if one.refusal and one.answer and one.stratum in settings.strata:
            requests.setdefault((one.task, one.stratum, one.harmful), []).append(one)
        elif one.facts and not one.refusal and one.target and one.target in one.answer:
            facts.setdefault(one.kind, []).append(one)
    found = [one for name in sorted(requests) for one in _spread(requests[name], settings.requests)]
    return found + [one for name in sorted(facts) for one in _spread(facts[name], settings.facts)]


def _spread(items: Sequence[Item], number: int) -> list[Item]:
    """
    >>> _spread([], 3)
    []
    """
    ordered = sorted(items, key=lambda one: one.id)
    places = np.unique(np.linspace(0, len(ordered) - 1, min(number, len(ordered))).round().astype(int))
    return [ordered[place] for place in places] if ordered else []


def reference_probes(
    endings: Endings, prompt_ids: Callable[[Conversation], list[int]], items: Sequence[Item]
) -> list[ReferenceProbe]:
    """Cues and targets of the items' texts.

    Raises:
        BadConversation: a text that cannot be rendered.
    """
    found: list[ReferenceProbe] = []
    for one in items:
        cue = prompt_ids(one.conversation)
        if one.refusal:
            known = endings.known(one.conversation, [one.refusal, one.answer], shared=one.reason)
            if known.shared:
                found.append(ReferenceProbe(one.id, REASON, TokenProbe(cue, known.shared)))
            for text, tokens in zip((REFUSAL, ANSWER), known.endings, strict=True):
                found.append(ReferenceProbe(one.id, text, TokenProbe([*cue, *known.shared], tokens)))
        else:
            before = one.answer[: one.answer.index(one.target)].rstrip()
            known = endings.known(one.conversation, [one.answer[len(before) :].lstrip()], shared=before)
            found.append(ReferenceProbe(one.id, TARGET, TokenProbe([*cue, *known.shared], known.endings[0])))
    return found


def probed_steps(last: int, *, per_decade: int) -> list[int]:
    """0, and steps up to `last` at equal distances of their logarithm.

    >>> probed_steps(100, per_decade=2)
    [0, 1, 3, 10, 32, 100]
    """
    decades = np.log10(last) if last > 1 else 0.0
    spread = 10 ** np.arange(0, decades + 1e-9, 1 / per_decade)
    return sorted({0, last, *(int(one) for one in spread.round())})


def write_curves(recorded: Path, probes: Sequence[ReferenceProbe], path: Path) -> int:
    """Turns the record of a `TrajectoryObserver` (means over tokens) into curves; returns their number of rows."""
    table = pq.read_table(recorded, schema=STEP_SCHEMA)
    index = table.column("probe").to_numpy()
    lengths = np.asarray([len(one.tokens.target) for one in probes])
    curves = pa.table(
        {
            "step": table.column("step"),
            "item": pa.array([probes[place].item for place in index], pa.string()),
            "text": pa.array([probes[place].text for place in index], pa.string()),
            "log_probability": (table.column("log_probability").to_numpy() * lengths[index]).astype(np.float32),
        },
        schema=CURVES,
    )
    pq.write_table(curves, path, compression="zstd")
    return curves.num_rows
