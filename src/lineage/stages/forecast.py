"""Predict from facts met once, before anything else is measured: gains of other schedules, and recall by exposure.

An exposure of effectivity E leaves E r(s) after s steps, r(s) = max(0, 1 - a* log10 s), and exposures add up; nothing
is fitted to what is predicted. Of the runs that are predicted only plans are read, of models only when training showed
them which fact. Assumed and not corrected: rate, batch and stage of the calibration run hold for all of them.

Nothing is repaired: a negative a* is a kernel that grows, and predicts so. Whether the kernel is known well enough, and
is that of the signal that the predicted runs are measured by, is for the claims to judge: both stand in the table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lineage.analysis.names import EVERY_LEVEL, POOLED, SPLIT_HALF
from lineage.analysis.superposition import kernel, predicted_gain
from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.forecast import Forecast
from lineage.data.sharing import check_disjoint
from lineage.errors import UserError
from lineage.world.tables import TEST_ROLE

Floats = NDArray[np.float64]
Row = dict[str, Any]

FORECAST_SCHEMA = pa.schema(
    [
        pa.field("signal", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("arm", pa.string(), nullable=False),
        pa.field("depth", pa.string(), nullable=False),
        pa.field("quantity", pa.string(), nullable=False),
        pa.field("at", pa.float64(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("naive_no_forgetting", pa.float64()),
        pa.field("naive_last_only", pa.float64()),
    ]
)
"""`signal`: what the calibration's gains were taken against, so what a predicted gain has to be measured by.

`target` and what `at` means: `kernel` (0; both figures with the ends of their 95 % intervals, `a_star_low`), `gain`
(steps since the fact's first encounter), `accumulation` (the encounter that comes next; share of the first
effectivity), `recall` (exposure level, -1 for all test facts)."""


@dataclass(frozen=True)
class Kernel:
    """What one exposure leaves, by depth of the probe."""

    effectivity: float
    """Nats per target token just after it."""
    a_star: float
    """Share of it that is lost with each decade of steps; negative: it grows."""
    ends: Mapping[str, float] = field(default_factory=dict)
    """Ends of the 95 % intervals of both by their names, `a_star_low`; none where the interval is undefined."""

    @property
    def tau_steps(self) -> float:
        """Steps after which nothing is left; infinite without forgetting."""
        return float(10 ** (1 / self.a_star)) if self.a_star > 0 else float("inf")

    def gains(self, times: Sequence[int], encounters: Sequence[int]) -> Floats:
        """[forecast, time]: superposition, no forgetting, last exposure only."""
        lag = np.asarray(times, dtype=np.float64)[:, None] - np.asarray(encounters, dtype=np.float64)
        met = lag > 0
        last = np.where(met, lag, np.inf).min(axis=1)
        left = np.where(np.isinf(last), 0.0, kernel(np.where(np.isinf(last), 1.0, last), self.a_star))
        superposed = predicted_gain(times, encounters, [self.effectivity] * len(encounters), self.a_star)
        return np.stack([superposed, self.effectivity * met.sum(axis=1), self.effectivity * left])


def forecast(
    config: Forecast,
    *,
    calibration: Artifact,
    plan: Artifact,
    injections: list[Artifact],
    exposures: list[Artifact],
    world: Artifact | None,
    out: ArtifactWriter,
) -> None:
    """Writes `forecast.parquet`: what the plans `injections` will gain, and what models with `exposures` will recall.

    `calibration` is what was measured in the run that `plan` planned.
    A depth in which the calibration run shows no decay constant is left out; `depths` in the counts are those that are
    there, `growing_depths` those of them whose a* is not above 0.

    Raises:
        UserError: an input of another kind, a calibration run with facts met more than once, or one that is predicted
            or shares facts with one that is.
    """
    out.kind = "forecast"
    _check_inputs(calibration, [plan, *injections], exposures, world)
    check_disjoint(_probes(plan), {one.folder.name: _probes(one) for one in injections})
    metrics = json.loads(calibration.path("metrics.json").read_text())
    _check_calibration(config, calibration.folder.name, metrics["schedules"])
    kernels = read_kernels(config, calibration)
    rows = [row for depth, one in kernels.items() for row in _kernel_rows(calibration.folder.name, config, depth, one)]
    for predicted in injections:
        facts = pq.read_table(predicted.path("facts.parquet")).to_pylist()
        rows += [row | {"run": predicted.folder.name} for row in gain_rows(facts, kernels)]
    if world is not None and config.recall_depth in kernels:
        for seen in exposures:
            found = recall_rows(_tested(world), _ages(seen), kernels[config.recall_depth])
            rows += [row | {"run": seen.folder.name, "depth": config.recall_depth} for row in found]
    table = pa.Table.from_pylist([{"signal": metrics["signal"], **row} for row in rows], schema=FORECAST_SCHEMA)
    pq.write_table(table, out.path("forecast.parquet"), compression="zstd")
    growing = sorted(depth for depth, one in kernels.items() if one.a_star <= 0)
    out.counts |= {"predictions": len(rows), "depths": sorted(kernels), "growing_depths": growing}


def _probes(plan: Artifact) -> pa.Table:
    return pq.read_table(plan.path("probes.parquet"), columns=["fact", "cue", "target"])


def _check_inputs(
    calibration: Artifact, injections: Sequence[Artifact], exposures: Sequence[Artifact], world: Artifact | None
) -> None:
    given = [(calibration, "acquisition"), *((one, "injections") for one in injections)]
    given += [(one, "exposures") for one in exposures] + ([(world, "world")] if world else [])
    for artifact, kind in given:
        if artifact.kind != kind:
            raise UserError(f"{artifact.folder}: an artifact of kind '{artifact.kind}', but '{kind}' is needed here.")


def _check_calibration(config: Forecast, run: str, schedules: Mapping[str, Row]) -> None:
    often = [name for name, one in schedules.items() if one["injected"] and one["encounters"] > 1]
    if often or config.once not in schedules:
        found = f"meets facts several times in {', '.join(often)}" if often else f"has no arm '{config.once}'"
        raise UserError(
            f"run {run} {found}, so it cannot calibrate a forecast.\n"
            "  Give it the arms `once` (encounters: 1) and `never` only."
        )


def read_kernels(config: Forecast, calibration: Artifact) -> dict[str, Kernel]:
    """Kernels by depth, from the once arm of the calibration run; depths without a decay constant are left out."""
    wanted = {"arm": config.once, "estimator": SPLIT_HALF}
    effects = _by_depth(calibration, "effectivity", wanted | {"encounter": POOLED})
    decays = _by_depth(calibration, "decay", wanted | {"fit": config.fit, "quantity": "a_star"})
    return {
        depth: Kernel(effects[depth]["value"], decays[depth]["value"], _ends(effects[depth], decays[depth]))
        for depth in effects
        if depth in decays
    }


def _by_depth(calibration: Artifact, table: str, wanted: Row) -> dict[str, Row]:
    """The row of each depth with these values, where its figure is defined."""
    rows = pq.read_table(calibration.path(f"{table}.parquet")).to_pylist()
    found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return {row["depth"]: row for row in found if row["value"] is not None}


def _ends(effect: Row, decay: Row) -> dict[str, float]:
    figures = {"effectivity": effect, "a_star": decay}
    return {
        f"{name}_{end}": row[end] for name, row in figures.items() for end in ("low", "high") if row[end] is not None
    }


def _kernel_rows(run: str, config: Forecast, depth: str, one: Kernel) -> Iterator[Row]:
    figures = {"effectivity": one.effectivity, "a_star": one.a_star, "tau_steps": one.tau_steps, **one.ends}
    for quantity, value in figures.items():
        key = {"target": "kernel", "run": run, "arm": config.once, "depth": depth, "quantity": quantity}
        yield key | {"at": 0.0, "value": value}


def gain_rows(facts: Sequence[Row], kernels: Mapping[str, Kernel]) -> Iterator[Row]:
    """Gain curves at the probed times of every injected arm of a plan, and what stands before each encounter."""
    arms: dict[str, list[Row]] = {}
    for fact in facts:
        if fact["encounter_steps"]:
            arms.setdefault(fact["arm"], []).append(fact)
    for arm, members in arms.items():
        schedules = {tuple(step - one["offset"] for step in one["encounter_steps"]) for one in members}
        assert len(schedules) == 1, f"facts of arm {arm} follow one schedule"
        [encounters] = schedules
        times = sorted({step - one["offset"] for one in members for step in one["probed_steps"]})
        times = [time for time in times if time >= 0]
        for depth, one in kernels.items():
            key = {"arm": arm, "depth": depth}
            yield from _rows(key | {"target": "gain", "quantity": "gain"}, times, one.gains(times, encounters))
            shares = Kernel(1.0, one.a_star).gains(encounters[1:], encounters)
            numbers = list(range(1, len(encounters)))
            yield from _rows(key | {"target": "accumulation", "quantity": "share"}, numbers, shares)


def _rows(key: Row, places: Sequence[float], forecasts: Floats) -> Iterator[Row]:
    for place, (value, no_forgetting, last_only) in zip(places, forecasts.T.tolist(), strict=True):
        yield key | {
            "at": float(place),
            "value": value,
            "naive_no_forgetting": no_forgetting,
            "naive_last_only": last_only,
        }


@dataclass(frozen=True)
class AskedFact:
    """A fact whose recall is predicted."""

    level: int
    candidates: int
    """Values that it could have: what a model that knows none of them spreads its probability over."""


def _tested(world: Artifact) -> dict[str, AskedFact]:
    attributes = pq.read_table(world.path("attributes.parquet"), columns=["attribute", "values"]).to_pylist()
    candidates = {row["attribute"]: len(row["values"]) for row in attributes}
    facts = pq.read_table(world.path("facts.parquet"), columns=["id", "attribute", "role", "level"]).to_pylist()
    return {
        fact["id"]: AskedFact(fact["level"], candidates[fact["attribute"]])
        for fact in facts
        if fact["role"] == TEST_ROLE
    }


def _ages(exposures: Artifact) -> dict[str, Floats]:
    """Steps between each exposure of a fact and the model; none for a fact that was never shown."""
    found: dict[str, list[int]] = {}
    for row in pq.read_table(exposures.path("ages.parquet")).to_pylist():
        found.setdefault(row["fact"], []).append(row["age_steps"])
    return {fact: np.asarray(ages, dtype=np.float64) for fact, ages in found.items()}


def recall_rows(facts: Mapping[str, AskedFact], ages: Mapping[str, Floats], one: Kernel) -> Iterator[Row]:
    """Mean probability of the target at each exposure level: exp(min(0, log chance + gain)).

    Never seen, a target has the probability of a guess among the values that it could have.
    """
    levels = np.asarray([fact.level for fact in facts.values()])
    chance = np.log([1 / fact.candidates for fact in facts.values()])
    gains = np.stack([_exposed(ages.get(name, np.zeros(0)), one) for name in facts], axis=1)
    probabilities = np.exp(np.minimum(0.0, chance + gains))
    key = {"target": "recall", "arm": "", "quantity": "probability"}
    for level in sorted(set(levels.tolist())):
        yield from _rows(key, [level], probabilities[:, levels == level].mean(axis=1, keepdims=True))
    yield from _rows(key, [EVERY_LEVEL], probabilities.mean(axis=1, keepdims=True))


def _exposed(ages: Floats, one: Kernel) -> Floats:
    """[forecast] gain of one fact: superposition, no forgetting, last exposure only."""
    if len(ages) == 0:
        return np.zeros(3)
    left = kernel(np.maximum(1.0, ages), one.a_star)
    return one.effectivity * np.asarray([left.sum(), len(ages), left[ages.argmin()]])
