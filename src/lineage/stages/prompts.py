"""Write one prompt set of the generated world: what models are asked, with what is known of the right answers."""

from __future__ import annotations

from collections import Counter

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.prompts import WorldPrompts
from lineage.errors import UserError
from lineage.evaluation.items import ITEMS, Item, write_items
from lineage.evaluation.tasks import TASKS, task_items
from lineage.evaluation.tasks.tables import read_tables


def prompts(config: WorldPrompts, *, world: Artifact, safety_data: Artifact, out: ArtifactWriter) -> None:
    """Writes `items.parquet`, and counts items by task, split and harm.

    Raises:
        UserError: a set without items, a stratum that no request of these tasks has.
    """
    out.kind = "prompts"
    tables = read_tables(world, safety_data)
    items = [item for name in config.tasks or TASKS for item in task_items(name, tables)]
    if config.strata is not None:
        items = _of_strata(items, config.strata)
    if not items:
        raise UserError(f"{safety_data.folder}: no item in it. Ask for other tasks.")
    write_items(items, out.path(ITEMS))
    counts = Counter(f"{item.task} {item.split} {'harmful' if item.harmful else 'benign'}" for item in items)
    out.counts |= {"items": len(items), **dict(sorted(counts.items()))}


def _of_strata(items: list[Item], strata: list[str]) -> list[Item]:
    """Requests of these strata, and everything that is no request."""
    found = {item.stratum for item in items if item.stratum}
    if unknown := [name for name in strata if name not in found]:
        raise UserError(
            f"strata: no request of these tasks has the stratum '{unknown[0]}'.\n"
            f"  strata in them: {', '.join(sorted(found)) or 'none'}"
        )
    return [item for item in items if not item.stratum or item.stratum in strata]
