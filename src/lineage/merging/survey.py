"""TIES with `trim: model`: one threshold for all tensors of a model, and the sign that undecided entries take.

As the paper's own code has it. Four passes over all deltas: the upper, then the lower half of the magnitudes' bit
patterns, ties at the threshold, and the sign that most entries of the merged vector have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch

from lineage.config.merging import Merge
from lineage.merging.chunks import TensorChunks, num_merged
from lineage.merging.methods import weighted_sum
from lineage.merging.plan import TensorPlan
from lineage.merging.selection import (
    Cut,
    Trimmer,
    count_high,
    count_low,
    cut_at,
    exact_cut,
    locate,
    magnitude_bits,
    num_kept,
)

ForEach = Callable[[Callable[[TensorPlan], None]], None]
"""Calls a function with each tensor that is computed, several at a time."""


@dataclass(frozen=True)
class Survey:
    """What TIES has to know of the whole models before it merges the first tensor."""

    cuts: Mapping[str, Sequence[Cut]]
    """{tensor: where to cut each model that takes part}"""
    zero_is_positive: bool


class _Totals:
    """Counts by key, added up from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.of: dict[str, torch.Tensor] = {}

    def add(self, keys: Iterable[str], counts: Iterable[torch.Tensor]) -> None:
        with self._lock:
            for key, one in zip(keys, counts, strict=True):
                self.of[key] = self.of[key] + one if key in self.of else one


def survey(config: Merge, plans: Sequence[TensorPlan], for_each: ForEach) -> Survey:
    """Thresholds over all `plans`, ties broken by name of the tensor, then index; and the sign of the majority."""
    keep = _keep(config, plans)
    highs = _Totals()
    for_each(lambda plan: highs.add(plan.weights, count_high(_vectors(plan, config), len(plan.weights))))
    high = {name: locate(counts, keep[name]) for name, counts in highs.of.items()}
    lows = _Totals()
    for_each(
        lambda plan: lows.add(plan.weights, count_low(_vectors(plan, config), [high[name][0] for name in plan.weights]))
    )
    whole = {name: exact_cut(high[name][0], counts, high[name][1]) for name, counts in lows.of.items()}
    cuts = _share_out(config, plans, whole, for_each)
    majority = _Totals()
    for_each(lambda plan: majority.add(["sum"], [_sign_sum(plan, config, cuts[plan.name])]))
    return Survey(cuts, zero_is_positive=int(majority.of["sum"]) >= 0)


def _vectors(plan: TensorPlan, config: Merge) -> Iterable[Sequence[torch.Tensor]]:
    return TensorChunks(plan, config).vectors()


def _keep(config: Merge, plans: Sequence[TensorPlan]) -> dict[str, int]:
    """How many entries of each model stay."""
    sizes: dict[str, int] = {}
    for plan in plans:
        for name in plan.weights:
            sizes[name] = sizes.get(name, 0) + num_merged(plan)
    densities = {one.name: density for one, density in zip(config.models, config.densities(), strict=True)}
    return {name: num_kept(densities[name], size) for name, size in sizes.items()}


def _share_out(
    config: Merge, plans: Sequence[TensorPlan], whole: Mapping[str, Cut], for_each: ForEach
) -> dict[str, list[Cut]]:
    """Gives each tensor its part of the ties: the first in the order of `plans` come first."""
    equal = _Totals()

    def count(plan: TensorPlan) -> None:
        counts = torch.zeros(len(plan.weights), dtype=torch.int64)
        for deltas in _vectors(plan, config):
            for index, (name, delta) in enumerate(zip(plan.weights, deltas, strict=True)):
                counts[index] += int(np.count_nonzero(magnitude_bits(delta).numpy() == whole[name].bits))
        equal.add([plan.name], [counts])

    for_each(count)
    left = {name: cut.ties for name, cut in whole.items()}
    cuts: dict[str, list[Cut]] = {}
    for plan in plans:
        cuts[plan.name] = []
        for name, number in zip(plan.weights, equal.of[plan.name].tolist(), strict=True):
            given = min(left[name], number)
            left[name] -= given
            cuts[plan.name].append(cut_at(whole[name].bits, given, number) if given else whole[name]._replace(ties=0))
    return cuts


def _sign_sum(plan: TensorPlan, config: Merge, cuts: Sequence[Cut]) -> torch.Tensor:
    """Positive less negative entries of the merged vector."""
    trim = [Trimmer(cut) for cut in cuts]
    weights = list(plan.weights.values())
    total = torch.zeros((), dtype=torch.int64)
    for deltas in _vectors(plan, config):
        trimmed = [one(delta) for one, delta in zip(trim, deltas, strict=True)]
        total += int(weighted_sum(trimmed, weights).sign_().sum())
    return total
