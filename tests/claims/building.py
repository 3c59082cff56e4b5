"""Slices, claims and acquisition tables made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lineage.analysis.schemas import SCHEMAS
from lineage.analysis.superposition import kernel, predicted_gain
from lineage.claims.claim import Claim, Gate, Measured, Row
from lineage.claims.knowledge.study import Recall, Run, Study
from lineage.claims.slices import FULL_WORLD, Statistic
from lineage.claims.statistics import Expectation, above
from lineage.config.knowledge import KnowledgeComparisons
from lineage.stages.forecast import FORECAST_SCHEMA

DIGEST = "0123456789abcdef"
"""Of the design `study`."""
DEPTHS = ("memorization", "semantic", "compositional", "all")
ESTIMATORS = ("split_half", "paper_iqr_1.5")
RESAMPLES = 200
LAGS = (10, 30, 100, 300)
PAIRS = ("memorization-semantic", "semantic-compositional", "memorization-compositional")


def never_measured(study: object) -> Measured:
    """For claims whose figures the test writes itself."""
    raise AssertionError("the test writes the figures")


def claim(
    expected: Expectation | None = None,
    *,
    name: str = "C1",
    gate: Gate | None = None,
    null_world: str | None = "no_cause",
    **changes: Any,
) -> Claim[Any]:
    """A claim of one row, `effect`."""
    expectation = expected or above(0)
    row: Row[Any] = Row("effect", "There is one.", "difference", expectation, measure=never_measured, gate=gate)
    return Claim(name, "Something has an effect.", "nowhere", **({"primary": row, "null_world": null_world} | changes))


def row(name: str, expected: Expectation | None = None, **changes: Any) -> Row[Any]:
    """A row that the test writes the figures of."""
    fields: dict[str, Any] = {"measure": never_measured} | changes
    return Row(name, "It holds.", "figure", expected or above(0), **fields)


def statistic(
    value: float | None, *, seed: int = 0, claim: str = "C1", row: str = "effect", half: float = 0.1, **changes: Any
) -> Statistic:
    """A figure of one slice, with an interval of `half` to both sides."""
    fields: dict[str, Any] = {
        "claim": claim,
        "row": row,
        "value": value,
        "low": None if value is None else value - half,
        "high": None if value is None else value + half,
        "gate": None,
        "gate_value": None,
        "items": 20,
        "forecast": None,
        "naive": None,
        "world": FULL_WORLD,
        "seed": seed,
        "data": "generated",
        "design": "study",
        "design_digest": DIGEST,
    }
    return Statistic(**(fields | changes))


def seeds(values: Sequence[float], **changes: Any) -> list[Statistic]:
    """One figure a seed."""
    return [statistic(value, seed=seed, **changes) for seed, value in enumerate(values)]


class Arm:
    """Facts whose gains follow the superposition of a kernel exactly."""

    def __init__(self, effect: float, a_star: float, *, encounters: int = 1, interval: int = 30, facts: int = 12):
        self.effect = effect
        self.a_star = a_star
        self.times = [interval * number for number in range(encounters)]
        self.interval = interval
        self.facts = facts

    def effectivity(self, depth: str) -> float:
        """Memorization gains most, compositional probes least."""
        return self.effect * {"memorization": 1.2, "semantic": 1.0, "compositional": 0.8, "all": 1.0}[depth]


def bounds(value: float, half: float = 0.02) -> dict[str, float]:
    """An estimate with its interval."""
    return {"value": value, "low": value - half, "high": value + half, "undefined": 0.0}


def acquisition(arms: Mapping[str, Arm], *, last: int = 300, noise: float = 0.01) -> dict[str, pa.Table]:
    """Tables of a run whose arms (and `never`) do exactly what their kernel says, with small draws around it."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SCHEMAS}
    generator = np.random.Generator(np.random.PCG64(7))
    drawn: dict[tuple[str, str, str, str], np.ndarray] = {}
    for name, arm in arms.items():
        for depth in DEPTHS:
            key = {"arm": name, "depth": depth}
            effect = arm.effectivity(depth)
            quantities = _quantities(effect, arm.a_star)
            for estimator in ESTIMATORS:
                for encounter in (-1, *range(len(arm.times))):
                    found = bounds(effect) | {"kept": 60, "total": 60}
                    rows["effectivity"].append(key | {"encounter": encounter, "estimator": estimator} | found)
                for (fit, quantity), value in quantities.items():
                    named = key | {"estimator": estimator, "fit": fit, "quantity": quantity}
                    rows["decay"].append(named | bounds(value))
                    if estimator == "split_half":
                        draws = value + noise * generator.standard_normal(RESAMPLES)
                        drawn[name, depth, fit, quantity] = draws
                        numbered = [{"resample": at, "value": one} for at, one in enumerate(draws.tolist())]
                        rows["samples"] += [named | one for one in numbered]
                for lag in range(1, 150, 3):
                    found = bounds(float(kernel(lag, arm.a_star))) | {"kept": 60, "total": 60}
                    rows["retention"].append(key | {"estimator": estimator, "lag": lag} | found)
            times = list(range(0, last, 2))
            gains = predicted_gain(times, arm.times, [effect] * len(arm.times), arm.a_star)
            for estimator in ("raw", "twin", "gain"):
                rows["curves"] += [
                    key
                    | {"time": time, "estimator": estimator, "mean": gain, "low": gain - 0.05, "high": gain + 0.05}
                    | {"probes": 60, "facts": arm.facts}
                    for time, gain in zip(times, gains.tolist(), strict=True)
                ]
            for encounter, gain in enumerate(
                predicted_gain(arm.times, arm.times, [effect] * len(arm.times), arm.a_star).tolist()
            ):
                if encounter:
                    share = gain / effect
                    gain_bounds = {"gain": gain, "gain_low": gain - 0.02, "gain_high": gain + 0.02}
                    share_bounds = {"share": share, "share_low": share - 0.02, "share_high": share + 0.02}
                    place = {"encounter": encounter, "interval": arm.interval}
                    rows["accumulation"].append(key | place | gain_bounds | share_bounds)
            rows["identification"] += [
                key | {"truth": truth, "chosen": chosen, "share": 0.9 if truth == chosen else 0.1 / 3}
                for truth in ("log_linear", "power", "shifted_power", "exponential")
                for chosen in ("log_linear", "power", "shifted_power", "exponential")
            ]
    rows["contrasts"] = list(_contrasts(arms))
    return {name: pa.Table.from_pylist(found, schema=SCHEMAS[name]) for name, found in rows.items()}


def _quantities(effect: float, a_star: float) -> dict[tuple[str, str], float]:
    fits = {
        (fit, name): value
        for fit in ("uniform_t", "uniform_log_t")
        for name, value in (
            ("a", a_star),
            ("r1", 1.0),
            ("a_star", a_star),
            ("r_squared", 0.95),
            ("log10_tau_steps", 1 / a_star),
        )
    }
    fixed = {("none", f"r_{lag}"): float(kernel(lag, a_star)) for lag in LAGS}
    once = {("none", "effectivity"): effect, ("none", "effectivity_first"): effect}
    return fits | fixed | once | {("none", "half_life_steps"): 10 ** (0.5 / a_star)}


def _contrasts(arms: Mapping[str, Arm]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def add(name: str, depth: str, quantity: tuple[str, str], value: float, estimator: str = "split_half") -> None:
        named = {"name": name, "depth": depth, "estimator": estimator, "fit": quantity[0], "quantity": quantity[1]}
        found.append(named | bounds(value) | {"facts": 24})

    weights = [arm.facts for arm in arms.values()]
    for estimator in (*ESTIMATORS, "placebo_subtracted"):
        for depth in DEPTHS:
            tables = [_quantities(arm.effectivity(depth), arm.a_star) for arm in arms.values()]
            for quantity in tables[0]:
                mean = float(np.average([table[quantity] for table in tables], weights=weights))
                name = "K1 effectivity" if quantity[1] == "effectivity" else "K1 decay"
                if name == "K1 effectivity" or quantity[1] == "a" or quantity[1].startswith("r_"):
                    add(name, depth, quantity, mean, estimator)
    for estimator in ESTIMATORS:
        for pair in PAIRS:
            first, second = pair.split("-")
            tables = [
                [_quantities(arm.effectivity(depth), arm.a_star) for arm in arms.values()] for depth in (first, second)
            ]
            for quantity in tables[0][0]:
                differences = [one[quantity] - other[quantity] for one, other in zip(*tables, strict=True)]
                add(f"K2 {pair}", pair, quantity, float(np.average(differences, weights=weights)), estimator)
                for arm, value in zip(arms, differences, strict=True):
                    add(f"K2 {pair} {arm}", pair, quantity, value, estimator)
        if {"duplicate", "paraphrase"} <= set(arms):
            add("K2 memorization-semantic duplicate-paraphrase", PAIRS[0], ("none", "effectivity"), 0.05, estimator)
            pair_tables = [_quantities(arms[name].effect, arms[name].a_star) for name in ("duplicate", "paraphrase")]
            for quantity in pair_tables[0]:
                value = pair_tables[0][quantity] - pair_tables[1][quantity]
                add("K5 duplicate-paraphrase", "all", quantity, value, estimator)
                if estimator == "split_half":
                    add("K5 duplicate-paraphrase at equal stated", "all", quantity, value)
            add("check first encounter duplicate-paraphrase", "all", ("none", "effectivity_first"), 0.0, estimator)
    for arm in arms:
        for law in ("power", "shifted_power", "exponential"):
            add(f"K4 log_linear-{law} {arm}", "all", ("none", "held_out_rmse"), -0.03)
    if {"duplicate", "once"} <= set(arms):
        value = arms["once"].effect - arms["duplicate"].effect
        add("once-duplicate", "all", ("none", "effectivity"), value)
    return found


def metrics(arms: Mapping[str, Arm], *, batch_tokens: int = 1024) -> dict[str, Any]:
    """What `metrics.json` says of such a run."""
    schedules = {
        name: {
            "interval": arm.interval,
            "encounters": len(arm.times),
            "times": arm.times,
            "facts": arm.facts,
            "probes": 60,
            "injected": True,
        }
        for name, arm in arms.items()
    }
    never = {"interval": 30, "encounters": 2, "times": [0, 30], "facts": 12, "probes": 60, "injected": False}
    return {
        "signal": "gain",
        "log_probability_before": {arm: dict.fromkeys(DEPTHS, -6.0) for arm in (*arms, "never")},
        "plan": {"batch_tokens": batch_tokens},
        "schedules": schedules | {"never": never},
        "twin_exact": 0.0,
        "share_failed": {arm: dict.fromkeys(DEPTHS, 0.05) for arm in (*arms, "never")},
        "identification": {arm: dict.fromkeys(DEPTHS, 0.9) for arm in arms},
    }


def plan(
    *, mode: str = "fixed_dose", dose: float = 0.125, rate: float = 1e-3, schedule: str = "constant"
) -> dict[str, Any]:
    """Spec of a run's injections, as far as the claims read it."""
    optimization = {"peak_learning_rate": rate, "schedule": schedule, "betas": [0.9, 0.95]}
    return {"optimization": optimization, "placement": {"mode": mode, "dose": dose, "token_share": 0.16}}


def run(name: str, arms: Mapping[str, Arm], *, batch_tokens: int = 1024, first: int = 60, **settings: Any) -> Run:
    """A run of these arms."""
    return Run(name, acquisition(arms), metrics(arms, batch_tokens=batch_tokens), plan(**settings), first)


def arms(*, effect: float = 1.0, a_star: float = 0.3) -> dict[str, Arm]:
    """Duplicates gain more and are forgotten faster."""
    return {
        "duplicate": Arm(effect, a_star, encounters=4),
        "paraphrase": Arm(0.8 * effect, 0.9 * a_star, encounters=4),
        "once": Arm(1.1 * effect, a_star),
    }


def sweep_arms(a_star: float = 0.6) -> dict[str, Arm]:
    """tau of 46 steps: something is left at 10 and 30, nothing at 100 (the longest)."""
    found = {f"every_{interval}": Arm(1.0, a_star, encounters=4, interval=interval) for interval in (10, 30, 100)}
    return found | {"once": Arm(1.0, a_star)}


def recall(name: str, *, slope: float = 0.8, seed: int = 0, lift: float = 0.0) -> Recall:
    """240 test facts of 60 subjects, whose recall rises with their level."""
    generator = np.random.Generator(np.random.PCG64(seed))
    level = np.tile([0, 1, 4, 16, 64], 48)
    probability = np.clip(0.05 + lift + slope * np.log2(1 + level) / 6.1, 0, 1)
    correct = (generator.random(240) < probability).astype(float)
    subjects = [f"person-{number // 4:04d}" for number in range(240)]
    bits = {f"doc{number}": (100.0 + number - 20 * lift, 80) for number in range(30)}
    return Recall(name, level, level, correct, probability, np.full(240, 0.05), subjects, bits)


def forecast_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A forecast from rows that may leave columns out."""
    empty = {"signal": "gain", "run": "", "arm": "", "depth": "", "quantity": "", "at": 0.0}
    naives = {"naive_no_forgetting": None, "naive_last_only": None}
    return pa.Table.from_pylist([empty | naives | dict(one) for one in rows], schema=FORECAST_SCHEMA)


def study(runs: Mapping[str, Run], *, forecast: pa.Table | None = None, **comparisons: Any) -> Study:
    """A slice with these runs, `late` being the reference."""
    recalls = comparisons.pop("recalls", {})
    named = KnowledgeComparisons.model_validate({"reference": "late"} | comparisons)
    return Study(named, runs, recalls, forecast, bootstrap_samples=200)
