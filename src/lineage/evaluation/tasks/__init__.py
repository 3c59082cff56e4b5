"""Tasks of the generated world, one file each: a version, and the items that it makes of the world's tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lineage.evaluation.items import Item
from lineage.evaluation.tasks import (
    choice,
    fact,
    instruction,
    open_request,
    request_blank,
    request_picture,
    request_read,
    request_text,
    request_typographic,
    visual,
    visual_blank,
    visual_shuffled,
)
from lineage.evaluation.tasks.tables import WorldTables


@dataclass(frozen=True)
class Task:
    """How the items of one task are made."""

    version: int
    """Goes up when its items change on purpose: rates of two versions are never compared."""
    items: Callable[[WorldTables], list[Item]]


TASKS: dict[str, Task] = {
    "request_text": Task(request_text.VERSION, request_text.items),
    "request_picture": Task(request_picture.VERSION, request_picture.items),
    "request_blank": Task(request_blank.VERSION, request_blank.items),
    "request_typographic": Task(request_typographic.VERSION, request_typographic.items),
    "request_read": Task(request_read.VERSION, request_read.items),
    "open_request": Task(open_request.VERSION, open_request.items),
    "visual": Task(visual.VERSION, visual.items),
    "visual_blank": Task(visual_blank.VERSION, visual_blank.items),
    "visual_shuffled": Task(visual_shuffled.VERSION, visual_shuffled.items),
    "fact": Task(fact.VERSION, fact.items),
    "instruction": Task(instruction.VERSION, instruction.items),
    "choice": Task(choice.VERSION, choice.items),
}


def task_items(name: str, tables: WorldTables) -> list[Item]:
    """Items of one task, their ids told apart from those of other tasks: `request_text/request-munch-0012-07`."""
    task = TASKS[name]
    return [replace(item, id=f"{name}/{item.id}", task=name, version=task.version) for item in task.items(tables)]
