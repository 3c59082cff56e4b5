"""The tidy tables of one run: curves, effectivity, retention, decay, laws, strata, accumulation, contrasts, draws.

Columns are in `lineage.analysis.schemas`, names of contrasts in `lineage.analysis.contrasts`. Estimators:
`paper_iqr_1.5` and `paper_iqr_2.0` (raw log-probabilities, each probe's own maximum, filtered),
`paper_successes_iqr_1.5` (failed acquisitions left out first), `placebo_subtracted`, `split_half` (on the best signal
that the run has), `split_half_per_byte`, `share_failed`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lineage.analysis.bootstrap import Estimate
from lineage.analysis.contrasts import contrasts, fits_laws
from lineage.analysis.forgetting_laws import LAWS, fit_laws, identification, log_linear_gate
from lineage.analysis.groups import Group, RunFigures
from lineage.analysis.names import PLACEBO_SUBTRACTED, POOLED, SPLIT_HALF, paper_name
from lineage.analysis.retention import inverse
from lineage.analysis.schemas import SCHEMAS
from lineage.analysis.summary import Summary, joined
from lineage.config.injection import PLACEBO

Row = dict[str, Any]
_SAMPLED = ("effectivity", "effectivity_first", "a", "r1", "a_star", "half_life_steps")
_NOISE_DRAWS = 100
"""Simulated curves behind each row of the identification of laws."""


def acquisition_tables(run: RunFigures, *, batch_tokens: int) -> dict[str, pa.Table]:
    """Every table by the name of its file."""
    rows: dict[str, list[Row]] = {name: [] for name in SCHEMAS}
    for group in run.groups.values():
        key = {"arm": group.arm.name, "depth": group.depth}
        rows["curves"] += [key | row for row in _curves(group)]
        rows["effectivity"] += [key | row for row in _effectivity(run, group)]
        rows["accumulation"] += [key | row for row in _accumulation(run, group)]
        rows["stratified"] += [
            key | {"stated": stated} | row
            for stated, estimate in group.stated.items()
            for row in _by_encounter(estimate, group.num_probes)
        ]
        if group.arm.name in run.injected:
            rows["laws"] += [key | row for row in _laws(run, group)]
            rows["identification"] += [key | row for row in _identification(group)]
        for estimator, summary in group.summaries(run.config.iqr_factors).items():
            named = key | {"estimator": estimator}
            rows["retention"] += [named | row for row in _retention(group, summary)]
            rows["decay"] += [named | row for row in _decay(summary, batch_tokens)]
    rows["contrasts"] = _contrasts(run)
    tables = {name: pa.Table.from_pylist(found, schema=SCHEMAS[name]) for name, found in rows.items()}
    return tables | {"samples": _samples(run)}


def run_metrics(run: RunFigures, tables: dict[str, pa.Table]) -> Row:
    """What is true of the whole run, for `metrics.json`."""
    gates: dict[str, dict[str, float]] = {}
    found: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
    for row in tables["identification"].to_pylist():
        found.setdefault((row["arm"], row["depth"]), {})[row["truth"], row["chosen"]] = row["share"]
    for (arm, depth), shares in found.items():
        gates.setdefault(arm, {})[depth] = log_linear_gate(
            np.asarray([[shares[truth, chosen] for chosen in LAWS] for truth in LAWS])
        )
    failed: dict[str, dict[str, float | None]] = {}
    placebo: dict[str, float | None] = {}
    before: dict[str, dict[str, float]] = {}
    for (arm, depth), group in run.groups.items():
        failed.setdefault(arm, {})[depth] = _defined(group.paper.failed.value[-1])
        before.setdefault(arm, {})[depth] = group.before
        if arm == PLACEBO:
            placebo[depth] = _defined(group.paper.summaries[0].pooled.value)
    return {
        "signal": run.signal,
        "twin_exact": run.twin_exact,
        "placebo_effectivity": placebo,
        "log_probability_before": before,
        "share_failed": failed,
        "identification": gates,
        "largest_lag": {
            name: int(lags[-1]) if len(lags := one.arm.schedule.lags()) else 0 for name, one in run.arms.items()
        },
        "schedules": {
            name: {
                "interval": one.arm.schedule.interval,
                "window_steps": one.arm.schedule.window,
                "encounters": len(one.arm.schedule.encounters),
                "times": one.arm.schedule.encounters.tolist(),
                "injected": one.arm.injected,
                "facts": len(one.arm.facts),
                "probes": len(one.arm.probes),
            }
            for name, one in run.arms.items()
        },
        "bootstrap_samples": run.config.bootstrap_samples,
        "splits": run.config.splits,
    }


def _defined(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def _bounds(estimate: Estimate) -> Row:
    low, high = estimate.interval()
    return {"value": _defined(estimate.value), "low": _defined(low), "high": _defined(high)}


def _bounded(estimate: Estimate) -> Row:
    return _bounds(estimate) | {"undefined": float(np.isnan(estimate.draws).mean())}


def _figures(estimate: Estimate, behind: NDArray[np.int64] | None = None) -> list[Row]:
    """A row an element of an estimate [n]; unfiltered ones keep all of the `behind` values."""
    low, high = estimate.interval()
    undefined = np.isnan(estimate.draws).mean(axis=0)
    kept = behind if estimate.kept is None else estimate.kept
    total = behind if estimate.total is None else estimate.total
    return [
        {
            "value": _defined(estimate.value[at]),
            "low": _defined(low[at]),
            "high": _defined(high[at]),
            "undefined": float(undefined[at]),
            "kept": None if kept is None else int(kept[at]),
            "total": None if total is None else int(total[at]),
        }
        for at in range(len(estimate.value))
    ]


def _curves(group: Group) -> Iterator[Row]:
    counts = {"probes": group.num_probes, "facts": group.num_facts}
    for estimator, estimate in group.curves.items():
        for time, row in zip(group.arm.schedule.times.tolist(), _figures(estimate), strict=True):
            figures = {"mean": row["value"], "low": row["low"], "high": row["high"]}
            yield {"time": time, "estimator": estimator, **figures, **counts}


def _effectivity(run: RunFigures, group: Group) -> Iterator[Row]:
    found = {
        name: joined(summary.effectivity, summary.pooled)
        for name, summary in group.summaries(run.config.iqr_factors).items()
    }
    found["split_half_per_byte"] = group.halves_per_byte
    found["share_failed"] = group.paper.failed
    if group.placebo_subtracted is not None:
        found[PLACEBO_SUBTRACTED] = group.placebo_subtracted
    for estimator, estimate in found.items():
        yield from ({"estimator": estimator, **row} for row in _by_encounter(estimate, group.num_probes))
    successes = f"paper_successes_iqr_{run.config.iqr_factors[0]}"
    for number, row in enumerate(_figures(group.paper.successes)):
        yield {"encounter": number, "estimator": successes, **row}


def _by_encounter(estimate: Estimate, num_probes: int) -> Iterator[Row]:
    """Rows of an estimate [encounter + 1], the last of which is the pooled one."""
    num_encounters = len(estimate.value) - 1
    behind = num_probes * np.append(np.ones(num_encounters, np.int64), num_encounters)
    for number, row in enumerate(_figures(estimate, behind)):
        yield {"encounter": POOLED if number == num_encounters else number, **row}


def _retention(group: Group, summary: Summary) -> Iterator[Row]:
    behind = np.full(len(summary.lags), group.num_probes)
    for lag, row in zip(summary.lags.tolist(), _figures(summary.retention, behind), strict=True):
        yield {"lag": lag, **row}


def _decay(summary: Summary, batch_tokens: int) -> Iterator[Row]:
    for (fit, quantity), estimate in summary.decay.items():
        figures = _bounded(estimate)
        yield {"fit": fit, "quantity": quantity, **figures}
        if quantity == "a_star":
            for name, row in _thresholds(estimate, batch_tokens, int(summary.lags[-1])).items():
                yield {"fit": fit, "quantity": name, "undefined": figures["undefined"], **row}


def _thresholds(a_star: Estimate, batch_tokens: int, longest: int) -> dict[str, Row]:
    """tau in steps, in tokens and beyond the data: functions of a*, so their bounds are those of a*, swapped."""
    low, high = a_star.interval()
    steps = {"value": inverse(a_star.value), "low": inverse(high), "high": inverse(low)}
    shifts = {
        "log10_tau_steps": 0.0,
        "log10_tau_tokens": np.log10(batch_tokens),
        "extrapolation_decades": -np.log10(longest),
    }
    return {name: {end: _defined(value + shift) for end, value in steps.items()} for name, shift in shifts.items()}


def _laws(run: RunFigures, group: Group) -> Iterator[Row]:
    summaries = group.summaries(run.config.iqr_factors)
    for estimator in (paper_name(run.config.iqr_factors[0]), SPLIT_HALF):
        summary = summaries[estimator]
        for fit in fit_laws(summary.lags, summary.retention.value) if fits_laws(summary) else ():
            yield {
                "estimator": estimator,
                "law": fit.law,
                "held_out_rmse": fit.held_out_rmse,
                "aic": fit.aic,
                "parameters": json.dumps(fit.parameters, sort_keys=True),
            }


def _identification(group: Group) -> Iterator[Row]:
    if not fits_laws(group.halves):
        return
    retention = group.halves.retention
    draws = retention.draws[~np.isnan(retention.draws).any(axis=1)][:_NOISE_DRAWS]
    if len(draws) == 0:
        return
    shares = identification(group.halves.lags, retention.value, draws - draws.mean(axis=0))
    for truth, row in zip(LAWS, shares, strict=True):
        for chosen, share in zip(LAWS, row, strict=True):
            yield {"truth": truth, "chosen": chosen, "share": float(share)}


def _accumulation(run: RunFigures, group: Group) -> Iterator[Row]:
    """Gains before each later encounter, and as shares of the first E (which the placebo does not have)."""
    for number in range(1, len(group.accumulated.value)):
        gain = group.accumulated[number]
        share = dict.fromkeys(("value", "low", "high"))
        if group.arm.name in run.injected:
            share = _bounds(gain / group.halves.effectivity[0])
        yield {
            "encounter": number,
            "interval": group.arm.schedule.interval,
            **dict(zip(("gain", "gain_low", "gain_high"), _bounds(gain).values(), strict=True)),
            **dict(zip(("share", "share_low", "share_high"), share.values(), strict=True)),
        }


def _contrasts(run: RunFigures) -> list[Row]:
    return [
        {
            "name": one.name,
            "depth": one.depth,
            "estimator": one.estimator,
            "fit": one.quantity[0],
            "quantity": one.quantity[1],
            "facts": one.facts,
            **_bounded(one.estimate),
        }
        for one in contrasts(run)
    ]


def _samples(run: RunFigures) -> pa.Table:
    """The draws that differences between runs are taken from."""
    estimators = (SPLIT_HALF, paper_name(run.config.iqr_factors[0]))
    labels: list[tuple[str, ...]] = []
    values: list[np.ndarray] = []
    for (arm, depth), group in run.groups.items():
        summaries = group.summaries(run.config.iqr_factors)
        for estimator in estimators:
            for quantity, estimate in summaries[estimator].quantities().items():
                if quantity[1] in _SAMPLED or quantity in summaries[estimator].fixed:
                    labels.append((arm, depth, estimator, *quantity))
                    values.append(estimate.draws)
    size = run.config.bootstrap_samples
    columns = {
        name: pa.array(np.repeat(np.asarray([label[at] for label in labels], dtype=object), size), pa.string())
        for at, name in enumerate(("arm", "depth", "estimator", "fit", "quantity"))
    }
    figures = np.concatenate(values).astype(np.float32) if values else np.zeros(0, np.float32)
    numbers = np.tile(np.arange(size, dtype=np.int32), len(labels))
    columns |= {"resample": pa.array(numbers), "value": pa.array(figures, mask=np.isnan(figures))}
    return pa.table([columns[name] for name in SCHEMAS["samples"].names], schema=SCHEMAS["samples"])
