"""Write one set of preferences (a prompt, a better and a worse answer), from the generated world or the user's data."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.conversations import Preferences
from lineage.conversations.intake import Inputs, check_pair, take_in
from lineage.conversations.licences import announce
from lineage.conversations.sources import PREFERENCE_SOURCES
from lineage.conversations.table import PREFERENCE_SCHEMA, PREFERENCES


def preferences(
    config: Preferences,
    *,
    safety_data: Artifact | None,
    source: Path | None,
    images: Path | None,
    out: ArtifactWriter,
) -> None:
    """Writes `preferences.parquet`: every pair checked, pictures read to their last byte, ids unique.

    Raises:
        UserError: nothing to read, a pair that cannot be used (or more than may be dropped), equal answers, a repeated
            id.
    """
    out.kind = "preferences"
    reading = config.root
    out.counts |= take_in(
        PREFERENCE_SOURCES[reading.source](reading, Inputs(safety_data, source, images)),
        reading,
        check=partial(check_pair, drop_equal=reading.drop_equal),
        path=out.path(PREFERENCES),
        schema=PREFERENCE_SCHEMA,
        place=announce(reading, source, out),
    )
