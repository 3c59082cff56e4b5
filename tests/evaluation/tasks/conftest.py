"""A small world and its prompt set, made once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lineage.artifact import Artifact
from lineage.evaluation.items import ITEMS, Item, read_items
from lineage.evaluation.tasks.tables import WorldTables, read_tables
from tests.stages.building import run_stage
from tests.world.worlds import SAFETY_SIZES, SMALL, SMALL_SAFETY


@dataclass(frozen=True)
class Asked:
    """A prompt set of a world, and the tables that it is drawn from."""

    world: Artifact
    safety: Artifact
    prompts: Artifact
    tables: WorldTables
    items: list[Item]

    def of(self, task: str) -> list[Item]:
        """Items of one task."""
        return [item for item in self.items if item.task == task]


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder = tmp_path_factory.mktemp("asked")
    world = run_stage("world", folder / "world", {**SMALL, **SAFETY_SIZES})
    safety = run_stage("safety_data", folder / "safety", SMALL_SAFETY, inputs={"world": world})
    inputs = {"world": world, "safety_data": safety}
    prompts = run_stage("prompts", folder / "prompts" / "world", {"source": "world"}, inputs=inputs)
    return Asked(world, safety, prompts, read_tables(world, safety), read_items(prompts.path(ITEMS)))
