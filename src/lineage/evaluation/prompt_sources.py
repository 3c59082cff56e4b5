"""Sources of prompt sets, a function each: (config, inputs) -> items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineage.artifact import Artifact
from lineage.config.prompts import WorldPrompts
from lineage.errors import UserError
from lineage.evaluation.items import Item
from lineage.evaluation.tasks import TASKS, task_items
from lineage.evaluation.tasks.tables import read_tables


@dataclass(frozen=True)
class PromptInputs:
    """What the workflow found for a prompt set."""

    world: Artifact | None = None
    safety_data: Artifact | None = None
    source: Path | None = None
    """File or folder that the config names."""
    images: Path | None = None
    """Folder of its pictures."""


def world_prompts(config: WorldPrompts, inputs: PromptInputs) -> list[Item]:
    """Items of the tasks that are asked for.

    Raises:
        UserError: no generated world.
    """
    if inputs.world is None or inputs.safety_data is None:
        raise UserError("`source: world` needs the generated world: set `world` and `safety_data`, or another source")
    tables = read_tables(inputs.world, inputs.safety_data)
    return [item for name in config.tasks or TASKS for item in task_items(name, tables)]


PromptSource = Callable[[Any, PromptInputs], list[Item]]
"""Takes its own class of `lineage.config.prompts`."""

PROMPT_SOURCES: dict[str, PromptSource] = {"world": world_prompts}
"""By the `source` of the config."""
