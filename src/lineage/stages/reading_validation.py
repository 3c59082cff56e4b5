"""Write what a reader is asked beforehand: disjoint facts that it was not tuned on, behind right and wrong passages."""

from __future__ import annotations

from collections import Counter

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.reading import ReadingConversations, ReadingValidation
from lineage.evaluation.items import ITEMS, write_items
from lineage.reading.items import validation_items
from lineage.reading.passages import reading_passages
from lineage.reading.world import read_world


def reading_validation(config: ReadingValidation, *, world: Artifact, out: ArtifactWriter) -> None:
    """Writes `items.parquet`.

    Raises:
        UserError: a world without open entities.
    """
    out.kind = "prompts"
    wanted = ReadingConversations(passages=config.passages, questions=1, split="validation", seed=config.seed)
    known = read_world(world)
    items = validation_items(reading_passages(wanted, known), known.values)
    write_items(items, out.path(ITEMS))
    out.counts |= {"items": len(items), **dict(sorted(Counter(f"{one.kind} {one.subset}" for one in items).items()))}
