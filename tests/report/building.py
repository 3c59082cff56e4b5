"""Tables like those of a real run, made from a forgetting kernel and noise, for the tests of the figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

INTERVAL = 30
ENCOUNTERS = {"paraphrase": 5, "duplicate": 5, "once": 1}
GAIN = {"memorization": 1.3, "semantic": 0.9, "compositional": 0.35}
ARM_GAIN = {"paraphrase": 0.75, "duplicate": 1.0, "once": 1.05}
DECAY = {"paraphrase": 0.30, "duplicate": 0.36, "once": 0.36}
PROBE_NOISE = 0.06
LAST = 250
PAPER_BIAS = 1.6 * PROBE_NOISE


def schedule(arm: str) -> list[int]:
    """Steps of the arm's encounters since its first."""
    return [encounter * INTERVAL for encounter in range(ENCOUNTERS[arm])]


def kernel(lag: float, decay: float) -> float:
    """Rises over ten steps, then falls linearly in log10 of the lag."""
    if lag <= 0:
        return 0.0
    return max(0.0, 1 - decay * math.log10(lag)) * (1 - math.exp(-lag / 3))


def gain(arm: str, depth: str, time: int) -> float:
    """Superposed kernels of the encounters before `time`; later ones add less."""
    total = 0.0
    for number, start in enumerate(schedule(arm)):
        size = GAIN[depth] * ARM_GAIN[arm] * (1.0 if number == 0 else 0.62)
        total += size * kernel(time - start, DECAY[arm])
    return total


def noise(rng: np.random.Generator, steps: int) -> np.ndarray:
    """AR(1) noise, coefficient 0.9."""
    shocks = rng.normal(0, PROBE_NOISE * math.sqrt(1 - 0.81), steps)
    values = np.empty(steps)
    values[0] = rng.normal(0, PROBE_NOISE)
    for step in range(1, steps):
        values[step] = 0.9 * values[step - 1] + shocks[step]
    return values


def table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pa.Table:
    """Rows as a table with these columns, also where there are no rows."""
    return pa.table({column: [row.get(column) for row in rows] for column in columns})


def curves(
    arms: Sequence[str] = tuple(ENCOUNTERS),
    estimators: Sequence[str] = ("raw", "twin", "gain"),
    *,
    with_never: bool = True,
    every: int = 1,
) -> pa.Table:
    """Arms at every so many steps; `raw` drifts with the run, `gain` and `drift` have no placebo."""
    rng = np.random.default_rng(5)
    drift = 0.25 * np.log1p(np.arange(LAST + 1) / 60)
    spill = 0.08 * np.tanh(np.arange(LAST + 1) / 40)
    rows = []
    for arm in [*arms, *(["never"] if with_never else [])]:
        for depth in GAIN:
            own = np.array([0.0 if arm == "never" else gain(arm, depth, time) for time in range(LAST + 1)])
            wobble = noise(rng, LAST + 1)
            wobble -= wobble[0]
            for estimator in estimators:
                if arm == "never" and estimator in ("gain", "drift"):
                    continue
                mean = own + wobble + {"raw": drift + spill, "twin": spill}.get(estimator, 0.0)
                width = 0.05 + 0.14 * np.sqrt(np.maximum(own, 0))
                rows += [
                    {"arm": arm, "depth": depth, "time": time, "estimator": estimator, "mean": float(mean[time])}
                    | {"low": float(mean[time] - width[time]), "high": float(mean[time] + width[time])}
                    | {"probes": 60, "facts": 12}
                    for time in range(0, LAST + 1, every)
                ]
    return table(rows, ["arm", "depth", "time", "estimator", "mean", "low", "high", "probes", "facts"])


def effectivity(
    arms: Sequence[str] = tuple(ENCOUNTERS),
    estimators: Sequence[str] = ("paper_iqr_1.5", "paper_iqr_2.0", "placebo_subtracted", "split_half"),
    *,
    with_never: bool = True,
    scale: float = 1.0,
    seed: int = 0,
) -> pa.Table:
    """Pooled (-1) and by encounter; the paper's estimator gives the arm `never` a gain for nothing."""
    rng = np.random.default_rng(seed)
    rows = []
    for arm in [*arms, *(["never"] if with_never else [])]:
        for depth in GAIN:
            true = [
                0.0 if arm == "never" else scale * GAIN[depth] * ARM_GAIN[arm] * (1.0 if number == 0 else 0.62)
                for number in range(ENCOUNTERS.get(arm, 5))
            ]
            for estimator in estimators:
                bias = PAPER_BIAS * 2 if estimator.startswith("paper") else 0.0
                for encounter, size in [(-1, float(np.mean(true))), *enumerate(true)]:
                    half = 0.03 + 0.1 * math.sqrt(size) * (1.0 if encounter == -1 else 1.8)
                    value = size + bias + float(rng.normal(0, half / 3))
                    rows.append(
                        {"arm": arm, "depth": depth, "encounter": encounter, "estimator": estimator, "value": value}
                        | {"low": value - half, "high": value + half, "kept": 57, "total": 60}
                    )
    return table(rows, ["arm", "depth", "encounter", "estimator", "value", "low", "high", "kept", "total"])


def lags() -> list[int]:
    """0, then about 24 a decade up to what is left after the last encounter."""
    return [0, *sorted({round(10 ** (place / 24)) for place in range(int(24 * math.log10(LAST - 125)) + 1)})]


def retention(
    arms: Sequence[str] = tuple(ENCOUNTERS),
    estimators: Sequence[str] = ("paper_iqr_1.5", "paper_iqr_2.0", "split_half"),
    *,
    scale: float = 1.0,
    seed: int = 0,
) -> pa.Table:
    """R(t), linear in log t; the paper's estimator drops at once by its bias and is noisier."""
    rng = np.random.default_rng(seed)
    rows = []
    for arm in arms:
        for depth in GAIN:
            for estimator in estimators:
                start, wobble = _start(depth, estimator), noise(rng, len(lags())) * (0.5 / GAIN[depth])
                for place, lag in enumerate(lags()):
                    value = 1.0
                    if lag:
                        value = start * (1 - scale * DECAY[arm] * math.log10(lag)) + float(wobble[place])
                    half = 0.0 if lag == 0 else 0.05 + 0.05 / GAIN[depth]
                    rows.append(
                        {"arm": arm, "depth": depth, "estimator": estimator, "lag": lag, "value": value}
                        | {"low": value - half, "high": value + half, "kept": 55, "total": 60}
                    )
    return table(rows, ["arm", "depth", "estimator", "lag", "value", "low", "high", "kept", "total"])


def decay(
    arms: Sequence[str] = tuple(ENCOUNTERS),
    estimators: Sequence[str] = ("paper_iqr_1.5", "paper_iqr_2.0", "split_half"),
) -> pa.Table:
    """Both fits of each curve, with the true constants, and half-lives (infinite where the data do not reach)."""
    rows = []
    for arm in arms:
        for depth in GAIN:
            for estimator in estimators:
                start = _start(depth, estimator)
                key = {"arm": arm, "depth": depth, "estimator": estimator}
                quantities = {"a": start * DECAY[arm], "r1": start, "a_star": DECAY[arm], "r_squared": 0.9}
                for fit in ("uniform_t", "uniform_log_t"):
                    rows += [
                        key | {"fit": fit, "quantity": name, "value": value, "low": 0.9 * value, "high": 1.1 * value}
                        for name, value in quantities.items()
                    ]
                rows.append(key | {"fit": "none", "quantity": "half_life_steps", "value": math.inf})
    return table(rows, ["arm", "depth", "estimator", "fit", "quantity", "value", "low", "high"])


def _start(depth: str, estimator: str) -> float:
    return GAIN[depth] / (GAIN[depth] + 2 * PAPER_BIAS) if estimator.startswith("paper") else 0.99


def sweep(decay_constant: float = 0.36, *, intervals: Sequence[int] = (10, 25, 50, 100, 200, 400, 800)) -> pa.Table:
    """Superposition of eleven encounters; the measured gain lies a little above it."""
    rng = np.random.default_rng(3)
    rows = []
    for interval in intervals:
        predicted = sum(max(0.0, 1 - decay_constant * math.log10(number * interval)) for number in range(1, 11))
        value = 1.12 * predicted + float(rng.normal(0.01, 0.02))
        half = 0.05 + 0.08 * predicted
        rows.append(
            {"interval": interval, "value": value, "low": value - half, "high": value + half, "predicted": predicted}
        )
    return table(rows, ["interval", "value", "low", "high", "predicted"])


def recall(models: Sequence[str] = ("deduplicated", "duplicated"), *, with_forecast: bool = True) -> pa.Table:
    """Logistic in log exposures, from chance at 0."""
    rng = np.random.default_rng(7)
    rows = []
    for place, model in enumerate(models):
        for exposures in (0, 1, 2, 4, 6, 8, 11, 16, 23, 32, 64):
            middle = math.log(13 + 9 * place)
            curve = 0.05 + 0.93 / (1 + math.exp(-2.4 * (math.log1p(exposures) - middle)))
            value = min(1.0, max(0.0, curve + float(rng.normal(0, 0.03))))
            half = 1.96 * math.sqrt(max(value * (1 - value), 0.01) / 40)
            rows.append(
                {"model": model, "exposures": exposures, "value": value, "chance": 0.05}
                | {"low": max(0.0, value - half), "high": min(1.0, value + half)}
                | {"forecast": 0.05 + 0.9 / (1 + math.exp(-2 * (math.log1p(exposures) - middle - 0.15)))}
            )
    if not with_forecast:
        rows = [row | {"forecast": None} for row in rows]
    return table(rows, ["model", "exposures", "value", "low", "high", "chance", "forecast"])


def forecasts() -> pa.Table:
    """Gains of the arms and recall by exposures, two quantities with two naive forecasts each."""
    rng = np.random.default_rng(11)
    rows = []
    for arm in ("paraphrase", "duplicate"):
        for depth in GAIN:
            for encounter in (2, 3, 4, 5):
                time = encounter * INTERVAL - 1
                outcome = gain(arm, depth, time)
                rows.append(
                    {"target": f"{arm} {depth}, encounter {encounter}", "quantity": "gain", "outcome": outcome}
                    | {"forecast": 0.9 * outcome + float(rng.normal(0, 0.08)), "low": outcome - 0.12}
                    | {"high": outcome + 0.12, "naive_no_forgetting": GAIN[depth] * ARM_GAIN[arm] * encounter * 0.7}
                    | {"naive_last_only": GAIN[depth] * ARM_GAIN[arm] * kernel(INTERVAL, DECAY[arm])}
                )
    for exposures in (1, 4, 8, 16, 32):
        outcome = 1 - math.exp(-exposures / 12)
        rows.append(
            {"target": f"{exposures} exposures", "quantity": "recall", "outcome": outcome, "low": outcome - 0.1}
            | {"high": min(1.0, outcome + 0.1), "forecast": 1 - math.exp(-exposures / 10)}
            | {"naive_no_forgetting": min(1.0, exposures / 8), "naive_last_only": 0.08}
        )
    names = ["target", "quantity", "forecast", "outcome", "low", "high", "naive_no_forgetting", "naive_last_only"]
    return table(rows, names)
