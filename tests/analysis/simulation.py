"""Probe curves whose truth is known: by the study's recipe, and whole tables of a run and its twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from lineage.analysis.superposition import predicted_gain
from lineage.analysis.trajectories import Arm, Floats, Schedule

DECAY = 0.2
"""True decay a decade of the simulated curves."""


def noise(rows: int, steps: int, correlation: float, generator: np.random.Generator) -> Floats:
    """[row, step] Gaussian AR(1) of marginal deviation 1."""
    found = generator.standard_normal((rows, steps))
    for step in range(1, steps):
        found[:, step] *= np.sqrt(1 - correlation**2)
        found[:, step] += correlation * found[:, step - 1]
    return found


def forgetting(num_probes: int, gain: float, correlation: float, *, steps: int = 1600, seed: int = 0) -> Floats:
    """[probe, step] v[0] = e[0], v[t] = gain (1 - 0.2 log10 t) + e[t]: one encounter at step 0, its peak at step 1."""
    curves = noise(num_probes, steps + 1, correlation, np.random.default_rng(seed))
    curves[:, 1:] += gain * (1 - DECAY * np.log10(np.arange(1, steps + 1)))
    return curves


def arm_of(num_facts: int, schedule: Schedule, *, probes: int = 1, name: str = "once", offsets: Any = 0) -> Arm:
    """An arm whose facts have `probes` probes each, numbered fact by fact."""
    total = num_facts * probes
    return Arm(
        name=name,
        facts=tuple(f"fact-{number:04d}" for number in range(num_facts)),
        offsets=np.broadcast_to(np.asarray(offsets, dtype=np.int64), num_facts).copy(),
        schedule=schedule,
        probes=tuple(f"probe-{number}" for number in range(total)),
        rows=np.arange(total),
        fact=np.repeat(np.arange(num_facts), probes),
        depth=np.full(total, "memorization"),
        stated=np.ones((total, len(schedule.encounters)), dtype=np.bool_),
        tokens_per_byte=np.ones(total),
        injected=True,
    )


def once(steps: int = 1600, window: int = 50) -> Schedule:
    """One encounter, every step measured."""
    return Schedule(interval=100, window=window, encounters=np.asarray([0]), times=np.arange(steps + 1))


@dataclass(frozen=True)
class Run:
    """A run of four arms, as its plan and trajectories would be."""

    arms: Mapping[str, tuple[int, int]] = field(
        default_factory=lambda: {"duplicate": (6, 3), "paraphrase": (6, 3), "once": (6, 1), "never": (6, 0)}
    )
    """Facts and encounters by name."""
    interval: int = 12
    window: int = 10
    steps: int = 90
    groups: int = 3
    probes: int = 2
    """Probes a depth."""
    gains: Mapping[str, float] = field(
        default_factory=lambda: {"memorization": 3.0, "semantic": 2.0, "compositional": 1.0}
    )
    noise: float = 0.05
    drift: float = 0.02
    """Nats a step that every probe gains in run and twin alike."""
    spill: float = 0.0
    """Nats that every probe of the run gains at once at step 1, the never-injected too."""
    injected: bool = True
    seed: int = 0

    @property
    def longest(self) -> int:
        """Encounters of the longest schedule."""
        return max(max(encounters for _, encounters in self.arms.values()), 1)

    def facts(self) -> list[dict[str, Any]]:
        """Rows of the plan's `facts.parquet`."""
        rows: list[dict[str, Any]] = []
        for name, (count, encounters) in self.arms.items():
            for number in range(count):
                offset = round((len(rows) % self.groups) * self.interval / self.groups)
                planned = [offset + turn * self.interval for turn in range(self.longest)]
                met = planned[:encounters] if self.injected else []
                rows.append(
                    {
                        "fact": f"{name}-{number:02d}",
                        "arm": name,
                        "offset": offset,
                        "interval": self.interval,
                        "encounters": len(met),
                        "encounter_steps": met,
                        "schedule_steps": planned,
                        "probed_steps": self._probed(planned),
                    }
                )
        union = sorted({step for row in rows for step in row["probed_steps"]})
        for row in rows:
            if self.arms[row["arm"]][1] == 0:
                row["probed_steps"] = union
        return rows

    def _probed(self, planned: list[int]) -> list[int]:
        found = {0, self.steps}
        for number, begin in enumerate(planned):
            end = planned[number + 1] if number + 1 < len(planned) else self.steps
            found.update(range(begin, min(begin + self.window, end) + 1))
            lag = self.window
            while begin + lag < end:
                found.add(begin + lag)
                lag = max(lag + 1, round(lag * 1.1))
            found.add(end)
        return sorted(found)

    def probe_rows(self) -> list[dict[str, Any]]:
        """Rows of the plan's `probes.parquet`: in half of the paraphrases the target is missing."""
        rows: list[dict[str, Any]] = []
        for fact in self.facts():
            for depth in self.gains:
                for number in range(self.probes):
                    reworded = fact["arm"] == "paraphrase" and number % 2 == 1
                    rows.append(
                        {
                            "probe": len(rows),
                            "id": f"{fact['fact']}.{depth}.{number}",
                            "fact": fact["fact"],
                            "arm": fact["arm"],
                            "depth": depth,
                            "cue": "c",
                            "target": "t",
                            "target_tokens": 2,
                            "target_bytes": 8,
                            "flags": [],
                            "stated": [turn == 0 or not reworded for turn in range(fact["encounters"])],
                        }
                    )
        return rows

    def tables(self) -> dict[str, pa.Table]:
        """The plan's `facts`, `probes`, `injections`, and the trajectories `steps` and `twin`."""
        facts, probes = self.facts(), self.probe_rows()
        generator = np.random.default_rng(self.seed)
        by_fact = {row["fact"]: row for row in facts}
        met = [row["encounter_steps"] for row in facts]
        first = min((steps[0] for steps in met if steps), default=self.steps + 1)
        run, twin = [], []
        common = noise(1, self.steps + 1, 0.9, generator)[0] * self.noise
        for row in probes:
            fact = by_fact[row["fact"]]
            own = noise(2, self.steps + 1, 0.9, generator) * self.noise
            every = np.arange(self.steps + 1)
            base = -8.0 + self.drift * every + common
            gain = predicted_gain(every, fact["encounter_steps"], self.gains[row["depth"]], DECAY)
            after = every > first
            run.append(base + own[0] + (gain + self.spill) * after)
            twin.append(base + np.where(after, own[1], own[0]))
        measured = [by_fact[row["fact"]]["probed_steps"] for row in probes]
        injections = [
            {"step": step, "fact": row["fact"], "arm": row["arm"]} for row in facts for step in row["encounter_steps"]
        ]
        schema = pa.schema([("step", pa.int32()), ("fact", pa.string()), ("arm", pa.string())])
        return {
            "facts": pa.Table.from_pylist(facts),
            "probes": pa.Table.from_pylist(probes),
            "injections": pa.Table.from_pylist(injections, schema=schema),
            "steps": _steps(run, measured),
            "twin": _steps(run if not self.injected else twin, measured),
        }


def _steps(curves: list[Floats], measured: list[list[int]]) -> pa.Table:
    rows = sorted((step, probe) for probe, steps in enumerate(measured) for step in steps)
    steps, probes = np.asarray(rows).T
    values = np.asarray(curves)[probes, steps]
    return pa.table(
        {
            "step": pa.array(steps, pa.int32()),
            "probe": pa.array(probes, pa.int32()),
            "log_probability": pa.array(values, pa.float32()),
        }
    )
