"""Which requests are compared: drawn once, the same for every model and in every form in which they are asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lineage.config.layers import Requests
from lineage.config.messages import did_you_mean, listed
from lineage.errors import UserError
from lineage.evaluation.items import Item

LABELS = {"harmful": True, "benign": False}


def choose(items: Sequence[Item], wanted: Requests, *, seed: int, place: str) -> dict[str, list[Item]]:
    """{task: requests in one order}; of the requests that all tasks ask, so many harmful and benign ones are drawn.

    Raises:
        UserError: a task, split or stratum that the set lacks, or fewer than two requests of one label.
    """
    by_task = {task: _keyed(items, task, wanted, place) for task in wanted.tasks}
    first = by_task[wanted.tasks[0]]
    shared = [key for key in first if all(key in others for others in by_task.values())]
    chosen: list[str] = []
    for number, (label, harmful) in enumerate(LABELS.items()):
        there = [key for key in shared if first[key].harmful == harmful]
        if len(there) < 2:
            raise UserError(
                f"{place}: {len(there)} {label} requests are in all of the tasks {listed(wanted.tasks)} (split"
                f" {wanted.split}, strata {listed(wanted.strata) if wanted.strata else 'all'}), two are needed.\n"
                "  Name other tasks or strata in `requests`."
            )
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, number))))
        chosen += [there[at] for at in sorted(generator.permutation(len(there))[: wanted.per_label])]
    return {task: [keyed[key] for key in chosen] for task, keyed in by_task.items()}


def _keyed(items: Sequence[Item], task: str, wanted: Requests, place: str) -> dict[str, Item]:
    tasks = {one.task for one in items}
    if task not in tasks:
        raise UserError(f"{place}: has no task '{task}'.{did_you_mean(task, tasks)}\n  tasks: {listed(sorted(tasks))}")
    found = [one for one in items if one.task == task and one.split == wanted.split]
    if wanted.strata is not None:
        strata = {one.stratum for one in found}
        for one in wanted.strata:
            if one not in strata:
                raise UserError(
                    f"{place}: task {task} has no stratum '{one}' in split {wanted.split}.{did_you_mean(one, strata)}\n"
                    f"  strata: {listed(sorted(strata))}"
                )
        found = [one for one in found if one.stratum in wanted.strata]
    return {one.request or one.id: one for one in found}


def limited(items: Sequence[Item], per_label: int) -> list[int]:
    """Numbers of the first `per_label` harmful and benign requests, in order."""
    found = []
    for harmful in LABELS.values():
        found += [number for number, one in enumerate(items) if one.harmful == harmful][:per_label]
    return sorted(found)
