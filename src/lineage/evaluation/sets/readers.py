"""Readers of prompt sets by the `source` of their config."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from lineage.config.prompt_sets import OutsideReading
from lineage.evaluation.sets.figstep import read_figstep
from lineage.evaluation.sets.licences import OF_SOURCE
from lineage.evaluation.sets.mm_safety_bench import read_mm_safety_bench
from lineage.evaluation.sets.mmbench import read_mmbench
from lineage.evaluation.sets.mme import read_mme
from lineage.evaluation.sets.reading import Entry, Files, PromptSet, take
from lineage.evaluation.sets.seed_bench import read_seed_bench
from lineage.evaluation.sets.siuo import read_siuo
from lineage.evaluation.sets.sorry_bench import read_sorry_bench
from lineage.evaluation.sets.vlguard import read_vlguard_test
from lineage.evaluation.sets.wildguard_test import read_wildguard_test
from lineage.evaluation.sets.xstest import read_xstest

Reader = Callable[[Any, Files], Iterator[Entry]]
"""Takes its own class of `lineage.config.prompt_sets`, and what the workflow found."""

READERS: dict[str, Reader] = {
    "xstest": read_xstest,
    "figstep": read_figstep,
    "sorry_bench": read_sorry_bench,
    "wildguard_test": read_wildguard_test,
    "mm_safety_bench": read_mm_safety_bench,
    "siuo": read_siuo,
    "vlguard": read_vlguard_test,
    "mmbench": read_mmbench,
    "mme": read_mme,
    "seed_bench": read_seed_bench,
}


def read_set(config: OutsideReading, files: Files) -> PromptSet:
    """The items of a set; its licence is said once.

    Raises:
        UserError: nothing there, another form, a row that cannot be used.
    """
    place = str(files.source or getattr(config, "name", None) or config.source)
    logging.getLogger(__name__).info("%s: %s", place, OF_SOURCE[config.source])
    return take(READERS[config.source](config, files), config, place=place)
