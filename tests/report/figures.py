"""Every figure once, on full tables and on poor ones, for the tests that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa

from lineage.report import knowledge
from lineage.report.theme import Chart
from tests.report import building

SCHEDULES = {arm: building.schedule(arm) for arm in building.ENCOUNTERS}
STAGES = ("early", "mid", "late")
BATCHES = {"512": 512, "2,048": 2048}
GAIN = "(nats per target token)"


class Figure(NamedTuple):
    """How to draw it, and words that its axes must show, units included."""

    draw: Callable[[], Chart]
    axes: tuple[str, ...]


def by_depth() -> pa.Table:
    """Sweeps of two depths, of which only the second falls below the threshold."""
    intervals = (10, 25, 50, 100)
    depths = {"memorization": 0.3, "compositional": 0.6}
    parts = [
        building.sweep(decay, intervals=intervals).append_column("depth", pa.array([depth] * len(intervals)))
        for depth, decay in depths.items()
    ]
    return pa.concat_tables(parts)


FIGURES: dict[str, Figure] = {
    "trajectories": Figure(
        lambda: knowledge.trajectories(building.curves(every=5), SCHEDULES),
        ("steps since the fact's first encounter", "gain since the first encounter", GAIN),
    ),
    "effectivity_bars": Figure(
        lambda: knowledge.effectivity_bars(building.effectivity()), ("depth of the probe", f"effectivity {GAIN}")
    ),
    "effectivity_across_runs": Figure(
        lambda: knowledge.effectivity_across_runs(
            {name: building.effectivity(seed=seed) for seed, name in enumerate(STAGES)}, compared="stage"
        ),
        ("stage", f"effectivity {GAIN}"),
    ),
    "effectivity_by_encounter": Figure(
        lambda: knowledge.effectivity_by_encounter(building.effectivity()),
        ("encounter (number)", f"effectivity {GAIN}"),
    ),
    "retainability": Figure(
        lambda: knowledge.retainability(building.retention(), building.decay()),
        ("t: steps since the last local maximum (log scale)", "retainability R(t)", "(share of the gain that is left)"),
    ),
    "retainability_across_runs": Figure(
        lambda: knowledge.retainability_across_runs(
            {name: building.retention(seed=seed) for seed, name in enumerate(BATCHES)},
            batch_tokens=BATCHES,
            compared="tokens in a batch",
        ),
        ("t: tokens since the last local maximum (log scale)", "(share of the gain that is left)"),
    ),
    "threshold_sweep": Figure(
        lambda: knowledge.threshold_sweep(by_depth(), expected={"tau of once": 40.0, "tau of duplicate": 9000.0}),
        ("interval between encounters (steps, log scale)", "(share of the first encounter's, log scale from 0)"),
    ),
    "long_tail": Figure(
        lambda: knowledge.long_tail(building.recall()),
        ("exposures of the fact (times met, log scale from 0)", "recall (share of facts)"),
    ),
    "forecast_against_outcome": Figure(
        lambda: knowledge.forecast_against_outcome(building.forecasts(), units={"recall": "share of facts"}),
        (f"forecast {GAIN}", f"outcome {GAIN}", "forecast (share of facts)", "outcome (share of facts)"),
    ),
}

NOTHING_TO_DRAW: dict[str, Callable[[], Chart]] = {
    "trajectories": lambda: knowledge.trajectories(building.curves([], with_never=True, every=50), SCHEDULES),
    "effectivity_bars": lambda: knowledge.effectivity_bars(building.effectivity([], with_never=False)),
    "effectivity_across_runs": lambda: knowledge.effectivity_across_runs({"late": building.effectivity([])}),
    "no runs": lambda: knowledge.effectivity_across_runs({}),
    "effectivity_by_encounter": lambda: knowledge.effectivity_by_encounter(building.effectivity([])),
    "retainability": lambda: knowledge.retainability(building.retention(["once"]), building.decay()),
    "retainability_across_runs": lambda: knowledge.retainability_across_runs({"late": building.retention([])}),
    "threshold_sweep": lambda: knowledge.threshold_sweep(building.sweep(intervals=())),
    "long_tail": lambda: knowledge.long_tail(building.recall([])),
    "forecast_against_outcome": lambda: knowledge.forecast_against_outcome(building.forecasts().slice(0, 0)),
}
