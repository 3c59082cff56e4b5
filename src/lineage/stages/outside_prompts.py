"""Write a prompt set that its authors published, in the form that every measuring reads."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from lineage.artifact import ArtifactWriter
from lineage.config.prompts import OutsidePromptSet
from lineage.errors import UserError
from lineage.evaluation.items import ITEMS, write_items
from lineage.evaluation.sets.licences import OF_SOURCE
from lineage.evaluation.sets.readers import read_set
from lineage.evaluation.sets.reading import Files


def outside_prompts(config: OutsidePromptSet, *, source: Path | None, images: Path | None, out: ArtifactWriter) -> None:
    """Writes `items.parquet`; counts items by task and harm, and what was left out by reason.

    Raises:
        UserError: nothing there, another form or another file than is pinned, a row that cannot be used, no item.
    """
    out.kind = "prompts"
    reading = config.root
    out.run["licence"] = OF_SOURCE[reading.source]
    found = read_set(reading, Files(source, images))
    if not found.items:
        left_out = ", ".join(f"{reason}: {count}" for reason, count in found.left_out.items()) or "it is empty"
        raise UserError(f"{source or reading.source}: no item is left ({left_out}).")
    try:
        write_items(found.items, out.path(ITEMS))
    except ValueError as error:
        raise UserError(f"{source or reading.source}: {error}.\n  The file names a row twice: mend it.") from error
    counts = Counter(f"{item.task} {'harmful' if item.harmful else 'benign'}" for item in found.items)
    out.counts |= {"items": len(found.items), "left_out": found.left_out, **dict(sorted(counts.items()))}
