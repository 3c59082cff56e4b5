"""Write one prompt set: what models are asked, with what is known of the right answers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.prompts import Prompts
from lineage.errors import UserError
from lineage.evaluation.items import ITEMS, write_items
from lineage.evaluation.prompt_sources import PROMPT_SOURCES, PromptInputs


def prompts(
    config: Prompts,
    *,
    world: Artifact | None,
    safety_data: Artifact | None,
    source: Path | None,
    images: Path | None,
    out: ArtifactWriter,
) -> None:
    """Writes `items.parquet`, and counts items by task, split and harm.

    Raises:
        UserError: nothing to read, rows that cannot be used, a set without items.
    """
    out.kind = "prompts"
    reading = config.root
    items = PROMPT_SOURCES[reading.source](reading, PromptInputs(world, safety_data, source, images))
    if not items:
        raise UserError(f"{source or reading.source}: no item in it. Ask for other tasks or rows.")
    write_items(items, out.path(ITEMS))
    counts = Counter(f"{item.task} {item.split} {'harmful' if item.harmful else 'benign'}" for item in items)
    out.counts |= {"items": len(items), **dict(sorted(counts.items()))}
