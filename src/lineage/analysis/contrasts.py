"""Differences that the claims are about, draw by draw from the bootstrap.

Names, `<arm>` being every arm but the placebo; first minus second. The key is (name, depth, estimator, fit, quantity).

    K1 effectivity [<arm>]                      E; without arm: all arms weighted by facts. Also less the placebo's E
    K1 decay [<arm>]                            a and R at fixed lags
    K2 memorization-semantic [<arm>]            all quantities; also semantic-compositional, memorization-compositional
    K2 memorization-semantic duplicate-paraphrase    E: difference of the differences
    K4 log_linear-<law> <arm>                   error on the last third of the steps; negative: log-linear is closer
    K5 duplicate-paraphrase                     all quantities
    K5 duplicate-paraphrase at equal stated     probes weighted to the same mix of depth and dose
    first-later <arm>                           E of the first encounter less the mean of the later
    once-duplicate                              E
    check first encounter duplicate-paraphrase  E of the first encounter, where both met the same text: covers 0

Depths and estimators of one arm share their draws; different arms hold different facts and are drawn independently.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lineage.analysis.bootstrap import Estimate, weighted_mean
from lineage.analysis.forgetting_laws import LAWS, SHORTEST_CURVE, held_out_errors
from lineage.analysis.groups import Group, RunFigures, equally_stated
from lineage.analysis.names import ALL_DEPTHS, NO_FIT, PLACEBO_SUBTRACTED, SPLIT_HALF
from lineage.analysis.summary import Quantity, Summary
from lineage.data.facts import DEPTHS

DUPLICATE, PARAPHRASE, ONCE = "duplicate", "paraphrase", "once"
PAIRS = (("memorization", "semantic"), ("semantic", "compositional"), ("memorization", "compositional"))
EFFECTIVITY: Quantity = (NO_FIT, "effectivity")
FIRST: Quantity = (NO_FIT, "effectivity_first")


@dataclass(frozen=True)
class Contrast:
    """One named figure."""

    name: str
    depth: str
    estimator: str
    quantity: Quantity
    estimate: Estimate
    facts: int
    """Distinct facts behind it."""


def contrasts(run: RunFigures) -> list[Contrast]:
    """All contrasts that the arms and depths of the run allow, in the order of the module's list."""
    return [*_acquired(run), *_depths(run), *_laws(run), *_wordings(run), *_first_and_later(run)]


def _acquired(run: RunFigures) -> Iterator[Contrast]:
    """K1: everything of each arm, and of all arms by their facts."""
    for depth in (*DEPTHS, ALL_DEPTHS):
        members = [run.groups[name, depth] for name in run.injected if (name, depth) in run.groups]
        found: dict[tuple[str, str, Quantity], list[tuple[Estimate, Group]]] = {}
        for group in members:
            for name, estimator, quantity, estimate in _effect_and_decay(run, group):
                yield Contrast(f"{name} {group.arm.name}", depth, estimator, quantity, estimate, group.num_facts)
                found.setdefault((name, estimator, quantity), []).append((estimate, group))
        for (name, estimator, quantity), parts in found.items():
            if len(parts) == len(members):
                facts = [group.num_facts for _, group in parts]
                mean = weighted_mean([estimate for estimate, _ in parts], facts)
                yield Contrast(name, depth, estimator, quantity, mean, sum(facts))


def _effect_and_decay(run: RunFigures, group: Group) -> Iterator[tuple[str, str, Quantity, Estimate]]:
    for estimator, summary in group.summaries(run.config.iqr_factors).items():
        yield "K1 effectivity", estimator, EFFECTIVITY, summary.pooled
        for quantity, estimate in summary.decay.items():
            if quantity[1] == "a" or quantity in summary.fixed:
                yield "K1 decay", estimator, quantity, estimate
    if group.placebo_subtracted is not None:
        yield "K1 effectivity", PLACEBO_SUBTRACTED, EFFECTIVITY, group.placebo_subtracted[-1]


def _depths(run: RunFigures) -> Iterator[Contrast]:
    """K2, paired: the depths of an arm are probed on the same facts."""
    for first, second in PAIRS:
        name, pair = f"K2 {first}-{second}", f"{first}-{second}"
        found: dict[tuple[str, Quantity], dict[str, tuple[Estimate, int]]] = {}
        for arm in run.injected:
            if (arm, first) not in run.groups or (arm, second) not in run.groups:
                continue
            groups = run.groups[arm, first], run.groups[arm, second]
            facts = max(group.num_facts for group in groups)
            for estimator, quantity, estimate in _differences(run, *groups):
                yield Contrast(f"{name} {arm}", pair, estimator, quantity, estimate, facts)
                found.setdefault((estimator, quantity), {})[arm] = (estimate, facts)
        for (estimator, quantity), parts in found.items():
            weights = [facts for _, facts in parts.values()]
            mean = weighted_mean([estimate for estimate, _ in parts.values()], weights)
            yield Contrast(name, pair, estimator, quantity, mean, sum(weights))
            if quantity == EFFECTIVITY and {DUPLICATE, PARAPHRASE} <= set(parts):
                (one, some), (other, more) = parts[DUPLICATE], parts[PARAPHRASE]
                both = f"{name} {DUPLICATE}-{PARAPHRASE}"
                yield Contrast(both, pair, estimator, quantity, one - other, some + more)


def _differences(run: RunFigures, first: Group, second: Group) -> Iterator[tuple[str, Quantity, Estimate]]:
    summaries = second.summaries(run.config.iqr_factors)
    for estimator, summary in first.summaries(run.config.iqr_factors).items():
        for quantity, estimate in _compared(summary, summaries[estimator]):
            yield estimator, quantity, estimate


def _compared(first: Summary, second: Summary) -> Iterator[tuple[Quantity, Estimate]]:
    others = second.quantities()
    for quantity, estimate in first.quantities().items():
        if quantity in others:
            yield quantity, estimate - others[quantity]


def _laws(run: RunFigures) -> Iterator[Contrast]:
    """K4: held-out error of log-linear less that of each other law, all fitted anew in each resample."""
    straight = LAWS.index("log_linear")
    for (arm, depth), group in run.groups.items():
        retention = group.halves.retention
        if arm not in run.injected or not fits_laws(group.halves):
            continue
        defined = ~np.isnan(retention.rows).any(axis=1)
        errors = np.full((len(retention.rows), len(LAWS)), np.nan)
        errors[defined] = held_out_errors(group.halves.lags, retention.rows[defined])
        for number, law in enumerate(LAWS):
            if law != "log_linear":
                estimate = replace(retention, rows=errors[:, straight] - errors[:, number])
                name = f"K4 log_linear-{law} {arm}"
                yield Contrast(name, depth, SPLIT_HALF, (NO_FIT, "held_out_rmse"), estimate, group.num_facts)


def fits_laws(summary: Summary) -> bool:
    """Whether R(t) is there, and long enough to tell laws apart."""
    return len(summary.lags) >= SHORTEST_CURVE and not np.isnan(summary.retention.value).any()


def _wordings(run: RunFigures) -> Iterator[Contrast]:
    """K5, and the check that both arms start alike."""
    pair = f"{DUPLICATE}-{PARAPHRASE}"
    for depth in (*DEPTHS, ALL_DEPTHS):
        if (DUPLICATE, depth) not in run.groups or (PARAPHRASE, depth) not in run.groups:
            continue
        groups = run.groups[DUPLICATE, depth], run.groups[PARAPHRASE, depth]
        facts = sum(group.num_facts for group in groups)
        for estimator, quantity, estimate in _differences(run, *groups):
            yield Contrast(f"K5 {pair}", depth, estimator, quantity, estimate, facts)
            if quantity == FIRST:
                yield Contrast(f"check first encounter {pair}", depth, estimator, quantity, estimate, facts)
        matched = equally_stated(run, DUPLICATE, PARAPHRASE, depth)
        for quantity, estimate in _compared(*matched) if matched else ():
            yield Contrast(f"K5 {pair} at equal stated", depth, SPLIT_HALF, quantity, estimate, facts)


def _first_and_later(run: RunFigures) -> Iterator[Contrast]:
    for (arm, depth), group in run.groups.items():
        for estimator, summary in group.summaries(run.config.iqr_factors).items():
            each = summary.effectivity
            if arm in run.injected and len(each.value) > 1:
                estimate = each[0] - replace(each, rows=each.rows[:, 1:].mean(axis=1))
                yield Contrast(f"first-later {arm}", depth, estimator, EFFECTIVITY, estimate, group.num_facts)
    for depth in (*DEPTHS, ALL_DEPTHS):
        if (ONCE, depth) in run.groups and (DUPLICATE, depth) in run.groups:
            groups = run.groups[ONCE, depth], run.groups[DUPLICATE, depth]
            facts = sum(group.num_facts for group in groups)
            for estimator, quantity, estimate in _differences(run, *groups):
                if quantity == EFFECTIVITY:
                    yield Contrast(f"{ONCE}-{DUPLICATE}", depth, estimator, quantity, estimate, facts)
