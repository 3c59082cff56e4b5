"""A slice in which every claim has its runs, and ways to change one thing of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa

from lineage.analysis.superposition import accumulated_gain
from lineage.claims.knowledge import CLAIMS
from lineage.claims.knowledge.study import Run, Study
from lineage.claims.ledger import LedgerRow, make_ledger
from lineage.claims.slices import Slice, Statistic, measure
from tests.claims.building import DIGEST, arms, forecast_table, recall, run, study, sweep_arms

LATE = run("late", arms())
ONLY = Slice("full", 0, "generated", "study", DIGEST)


def with_metrics(one: Run, **changes: Any) -> Run:
    return replace(one, metrics={**one.metrics, **changes})


def changed(one: Run, table: str, edit: Any) -> Run:
    """The run with every row of a table edited."""
    rows = [edit(dict(row)) for row in one.tables[table].to_pylist()]
    return replace(one, tables={**one.tables, table: pa.Table.from_pylist(rows, schema=one.tables[table].schema)})


def full_forecast() -> pa.Table:
    """Exact for the arms of `late`, off for the naive ones; recall too low by .05, naively by .3."""
    known = {"tau_steps": 10 ** (1 / 0.6), "a_star": 0.6, "a_star_low": 0.5, "effectivity": 1.0, "effectivity_low": 0.9}
    key = {"target": "kernel", "run": "calibration", "arm": "once", "depth": "all"}
    rows: list[dict[str, Any]] = [key | {"quantity": name, "value": value} for name, value in known.items()]
    for arm in ("duplicate", "paraphrase"):
        for row in LATE.select("curves", arm=arm, estimator="gain").to_pylist():
            key = {"target": "gain", "run": "late", "arm": arm, "depth": row["depth"], "at": row["time"]}
            wrong = {"naive_no_forgetting": row["mean"] + 1.0, "naive_last_only": row["mean"] - 0.5}
            rows.append(key | {"quantity": "gain", "value": row["mean"] + 0.1} | wrong)
    for name, lift in (("base@592", 0.0), ("dedup@592", 0.1)):
        found = recall(name, lift=lift)
        for level in (-1, 0, 1, 4, 16, 64):
            chosen = found.level >= 0 if level < 0 else found.level == level
            truth = float(found.probability[chosen].mean())
            wrong = {"naive_no_forgetting": truth + 0.3 + lift, "naive_last_only": truth - 0.3 - lift}
            key = {"target": "recall", "run": name, "depth": "semantic", "at": level}
            rows.append(key | {"quantity": "probability", "value": truth - 0.05 + lift / 10} | wrong)
    every = accumulated_gain(0.6, 10, 3)
    key = {"target": "accumulation", "run": "sweep", "arm": "every_10", "depth": "all", "at": 3, "quantity": "share"}
    rows.append(key | {"value": every, "naive_no_forgetting": 3.0, "naive_last_only": 0.4})
    return forecast_table(rows)


def full_study() -> Study:
    """A slice in which every claim has its runs."""
    early = run("early", arms(effect=1.05))
    batches = {
        f"batch_{size}": run(f"batch_{size}", arms(a_star=a), batch_tokens=size)
        for size, a in ((1024, 0.34), (2048, 0.3), (4096, 0.26))
    }
    large = run("large", arms(effect=1.4))
    runs = {"late": LATE, "early": early, "large": large, "sweep": run("sweep", sweep_arms()), **batches}
    return study(
        runs,
        forecast=full_forecast(),
        recalls={name: recall(name, lift=lift) for name, lift in (("base@592", 0.0), ("dedup@592", 0.1))},
        stages=["early", "late"],
        stages_own_rate=["early", "late"],
        sizes=["late", "large"],
        batches={"fixed_dose": list(batches)},
        intervals="sweep",
        long_tail="base@592",
        deduplication={"deduplicated": "dedup@592", "duplicated": "base@592"},
    )


FULL = full_study()


def measured(one: Study, claim: str, row: str) -> Statistic:
    found = measure([next(each for each in CLAIMS if each.id == claim)], one, ONLY)
    return next(each for each in found if each.row == row)


def ledger_of(one: Study, num_seeds: int = 1) -> dict[str, LedgerRow]:
    """Primary rows by claim; every seed measured the same."""
    first = measure(CLAIMS, one, ONLY)
    table = [replace(each, seed=seed) for seed in range(num_seeds) for each in first]
    return {row.claim: row for row in make_ledger(CLAIMS, table).rows if row.primary}
