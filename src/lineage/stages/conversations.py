"""Write one set of conversations, from the generated world or from data of the user's, with its pictures."""

from __future__ import annotations

from pathlib import Path

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.conversations import Conversations
from lineage.conversations.intake import Inputs, check_conversation, take_in
from lineage.conversations.licences import announce
from lineage.conversations.sources import CONVERSATION_SOURCES
from lineage.conversations.table import CONVERSATION_SCHEMA, CONVERSATIONS


def conversations(
    config: Conversations,
    *,
    safety_data: Artifact | None,
    source: Path | None,
    images: Path | None,
    out: ArtifactWriter,
) -> None:
    """Writes `conversations.parquet`: every row checked, pictures read to their last byte, ids unique.

    Raises:
        UserError: nothing to read, a row that cannot be used (or more than may be dropped), a repeated id.
    """
    out.kind = "conversations"
    reading = config.root
    out.counts |= take_in(
        CONVERSATION_SOURCES[reading.source](reading, Inputs(safety_data, source, images)),
        reading,
        check=check_conversation,
        path=out.path(CONVERSATIONS),
        schema=CONVERSATION_SCHEMA,
        place=announce(reading, source, out),
    )
