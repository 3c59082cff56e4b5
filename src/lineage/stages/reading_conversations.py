"""Write the conversations that a reader is tuned on: passages of disjoint facts, questions about each, answers."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.reading import ReadingConversations
from lineage.conversations.table import CONVERSATION_SCHEMA, CONVERSATIONS
from lineage.reading.passages import answer, question, reading_passages
from lineage.reading.world import read_world
from lineage.world.randomness import stream

_WORDINGS = 12
"""A number that every number of wordings divides, so that each is as likely."""


def reading_conversations(config: ReadingConversations, *, world: Artifact, out: ArtifactWriter) -> None:
    """Writes `conversations.parquet`, in the form of every set that models are tuned on.

    Raises:
        UserError: a world without open entities.
    """
    out.kind = "conversations"
    rows = []
    passages = reading_passages(config, read_world(world))
    for one in passages:
        random = stream(config.seed, "reading questions", one.id)
        turns: list[tuple[str, str]] = []
        for fact in one.facts:
            asked = question(one.subject, fact, random.randrange(_WORDINGS))
            turns += [("user", asked if turns else f"{one.text} {asked}"), ("assistant", answer(one.subject, fact))]
        rows.append(
            {
                "id": one.id,
                "kind": one.kind,
                "harmful": False,
                "messages": [{"role": role, "content": content} for role, content in turns],
                "images": [],
                "captions": [],
            }
        )
    table = pa.Table.from_pylist(rows, schema=CONVERSATION_SCHEMA)
    pq.write_table(table, out.path(CONVERSATIONS), compression="zstd")
    kinds = Counter(one.kind for one in passages)
    out.counts |= {"conversations": len(rows), "kinds": dict(sorted(kinds.items()))}
