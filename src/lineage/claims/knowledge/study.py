"""What one slice of the study measured: tables of runs, recall of models, the forecast; and figures read from them."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lineage.analysis.bootstrap import interval
from lineage.analysis.names import ALL_DEPTHS, NO_FIT, SPLIT_HALF
from lineage.claims.claim import Measured, NotMeasured
from lineage.config.injection import PLACEBO
from lineage.config.knowledge import KnowledgeComparisons

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """One run of the experiment: the tables of its acquisition, and what its plan says."""

    name: str
    tables: Mapping[str, pa.Table]
    metrics: Mapping[str, Any]
    plan: Mapping[str, Any]
    """Spec of the injections: arms, placement, optimization."""
    first_encounter_step: int
    """Step of the run at which the first fact meets its text, or would."""

    @property
    def batch_tokens(self) -> int:
        """Tokens of one step."""
        return int(self.metrics["plan"]["batch_tokens"])

    @property
    def arms(self) -> list[str]:
        """Arms that the claims are about: all but the placebo, in a run without injection too."""
        return [name for name in self.metrics["schedules"] if name != PLACEBO]

    @property
    def signal(self) -> str:
        """What its gains were taken against: `gain`, `twin`, `drift`, `raw`."""
        return str(self.metrics["signal"])

    def num_facts(self, arm: str) -> int:
        """Facts of an arm."""
        return int(self.metrics["schedules"][arm]["facts"])

    @property
    def dealt(self) -> dict[str, tuple[int, int]]:
        """(facts, encounters) of each injected arm."""
        schedules = self.metrics["schedules"]
        return {arm: (int(schedules[arm]["facts"]), int(schedules[arm]["encounters"])) for arm in self.arms}

    def select(self, table: str, **equal: Any) -> pa.Table:
        """Rows of a table whose columns have these values."""
        return rows_where(self.tables[table], **equal)

    def cell(self, table: str, **equal: Any) -> dict[str, Any]:
        """The one row with these values.

        Raises:
            NotMeasured: the run has none, or its value is undefined.
        """
        rows = self.select(table, **equal).to_pylist()
        asked = ", ".join(str(value) for value in equal.values())
        assert len(rows) < 2, f"{self.name}, {table}: {len(rows)} rows for {asked}"
        if not rows:
            raise NotMeasured(f"run {self.name} has no {table} of {asked}")
        value = rows[0].get("value")
        if "value" in rows[0] and (value is None or math.isnan(value)):
            raise NotMeasured(f"undefined in run {self.name}: {table} of {asked}")
        return rows[0]

    def contrast(
        self, name: str, quantity: str, *, depth: str, estimator: str = SPLIT_HALF, fit: str = NO_FIT
    ) -> Measured:
        """A contrast that the run's own bootstrap made.

        Raises:
            NotMeasured: the run lacks the arms or depths.
        """
        row = self.cell("contrasts", name=name, depth=depth, estimator=estimator, fit=fit, quantity=quantity)
        return Measured(row["value"], row["low"], row["high"], row["facts"])

    def figure(
        self, arm: str, quantity: str, *, depth: str = ALL_DEPTHS, estimator: str = SPLIT_HALF, fit: str
    ) -> Measured:
        """A figure of an arm's forgetting: a, a_star, r_100, ...

        Raises:
            NotMeasured: the run lacks the arm or depth, or the figure is undefined.
        """
        row = self.cell("decay", arm=arm, depth=depth, estimator=estimator, fit=fit, quantity=quantity)
        return Measured(row["value"], row["low"], row["high"], self.num_facts(arm))

    def effectivity(self, arm: str, *, encounter: int, depth: str = ALL_DEPTHS) -> Measured:
        """E of an arm at one encounter, or over all (`POOLED`).

        Raises:
            NotMeasured: the run lacks the arm or depth, or the figure is undefined.
        """
        row = self.cell("effectivity", arm=arm, depth=depth, encounter=encounter, estimator=SPLIT_HALF)
        return Measured(row["value"], row["low"], row["high"], self.num_facts(arm))

    def draws(self, arm: str, quantity: str, *, depth: str = ALL_DEPTHS, fit: str = NO_FIT) -> Floats:
        """[resample] the figure in each bootstrap draw, NaN where it is undefined.

        Raises:
            NotMeasured: the run kept none.
        """
        found = self.select("samples", arm=arm, depth=depth, estimator=SPLIT_HALF, fit=fit, quantity=quantity)
        if found.num_rows == 0:
            raise NotMeasured(f"run {self.name} has no bootstrap draws of {quantity}, {arm}, {depth}")
        found = found.sort_by("resample")
        return found.column("value").to_numpy(zero_copy_only=False).astype(np.float64)

    def pooled_draws(self, quantity: str, *, fit: str = NO_FIT) -> Floats:
        """[resample] the mean over injected arms, weighted by facts: the draws behind the contrasts `K1 ...`."""
        weights = np.asarray([self.num_facts(arm) for arm in self.arms], dtype=np.float64)
        draws = np.stack([self.draws(arm, quantity, fit=fit) for arm in self.arms])
        return weights @ draws / weights.sum()

    @property
    def fixed_lags(self) -> list[int]:
        """Lags at which all injected arms have R, rising, in steps."""
        return _lags(self.select("contrasts", name="K1 decay", depth=ALL_DEPTHS, estimator=SPLIT_HALF, fit=NO_FIT))

    def fixed_lags_of(self, arm: str) -> list[int]:
        """Lags at which one arm has R, rising, in steps."""
        return _lags(self.select("decay", arm=arm, depth=ALL_DEPTHS, estimator=SPLIT_HALF, fit=NO_FIT))


@dataclass(frozen=True)
class Recall:
    """Closed-book recall of one model, one entry a test fact."""

    name: str
    level: NDArray[np.int64]
    """Designed exposure level: a label that stays when a null world changes the exposures."""
    exposures: NDArray[np.int64]
    """How often training showed the fact."""
    correct: Floats
    probability: Floats
    """Of the target, given the cue."""
    chance: Floats
    subjects: Sequence[str]
    bits: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    """Held-out documents: id to (bits, bytes)."""


@dataclass(frozen=True)
class Study:
    """Everything that the rows of the claims are measured from."""

    comparisons: KnowledgeComparisons
    runs: Mapping[str, Run]
    recalls: Mapping[str, Recall] = field(default_factory=dict)
    forecast: pa.Table | None = None
    bootstrap_samples: int = 2000
    bootstrap_seed: int = 0

    @property
    def reference(self) -> Run:
        """The run with all arms."""
        return self.run(self.comparisons.reference)

    def run(self, name: str | None) -> Run:
        """A run by its name.

        Raises:
            NotMeasured: it is not there, or no run plays the part.
        """
        if name is None or name not in self.runs:
            raise NotMeasured("no run for it in this experiment")
        return self.runs[name]

    def series(self, names: Sequence[str], *, at_least: int = 2) -> list[Run]:
        """Runs that are compared, in order.

        Raises:
            NotMeasured: fewer than needed, or arms of other sizes: figures pooled over arms would differ by the mix.
        """
        if len(names) < at_least:
            text = "no run for it in this experiment" if not names else f"fewer than {at_least} runs to compare"
            raise NotMeasured(text, float(len(names)))
        runs = [self.run(name) for name in names]
        for one in runs[1:]:
            if one.dealt != runs[0].dealt:
                raise NotMeasured(f"runs {runs[0].name} and {one.name} have different arms")
        return runs

    def recall(self, name: str | None) -> Recall:
        """Recall of a model.

        Raises:
            NotMeasured: no model plays the part, or it was not asked.
        """
        if name is None or name not in self.recalls:
            raise NotMeasured("no model for it in this experiment")
        return self.recalls[name]

    def predicted(self, **equal: Any) -> pa.Table:
        """Rows of the forecast, in order of `at`.

        Raises:
            NotMeasured: nothing was forecast, or not this.
        """
        if self.forecast is None:
            raise NotMeasured("no forecast in this experiment")
        found = rows_where(self.forecast, **equal)
        if found.num_rows == 0:
            raise NotMeasured(f"no forecast of {', '.join(str(value) for value in equal.values())}")
        return found.sort_by("at")

    def kernel(self, quantity: str) -> float:
        """A figure of the forecast's kernel, all depths pooled: `a_star`, `tau_steps`, `a_star_low`, ...

        Raises:
            NotMeasured: nothing was forecast, or the calibration could not tell it.
        """
        [row] = self.predicted(target="kernel", quantity=quantity, depth=ALL_DEPTHS).to_pylist()
        return float(row["value"])

    def foretold(self, run: Run) -> None:
        """Checks that the gains of a run are measured as those that its forecast comes from.

        Raises:
            NotMeasured: nothing was forecast, or the calibration's signal is another (a drift that one of them holds
                would pass for forgetting).
        """
        [signal, *_] = self.predicted(target="kernel").column("signal").to_pylist()
        if signal != run.signal:
            raise NotMeasured(f"the calibration's signal is '{signal}', that of run {run.name} '{run.signal}'")

    def generator(self, purpose: str = "") -> np.random.Generator:
        """The bootstrap's random numbers for one purpose, from the start: equal for equal purposes."""
        seed = np.random.SeedSequence((self.bootstrap_seed, zlib.crc32(purpose.encode())))
        return np.random.Generator(np.random.PCG64(seed))

    def subject_draws(self, subjects: Sequence[str]) -> NDArray[np.int64]:
        """[resample, item] how often each item is drawn when whole subjects are drawn with replacement."""
        index = {name: position for position, name in enumerate(dict.fromkeys(subjects))}
        of_item = np.asarray([index[name] for name in subjects])
        drawn = self.generator().integers(0, len(index), size=(self.bootstrap_samples, len(index)))
        counts = np.zeros((self.bootstrap_samples, len(index)), np.int64)
        np.add.at(counts, (np.arange(self.bootstrap_samples)[:, None], drawn), 1)
        return counts[:, of_item]


def _lags(table: pa.Table) -> list[int]:
    names = [name.removeprefix("r_") for name in table.column("quantity").to_pylist()]
    return sorted(int(name) for name in names if name.isdigit())


def rows_where(table: pa.Table, **equal: Any) -> pa.Table:
    """Rows whose columns have these values, in their order (which filtering by an expression does not promise)."""
    masks = [pc.call_function("equal", [table.column(column), pa.scalar(value)]) for column, value in equal.items()]
    return table.filter(reduce(lambda one, other: pc.call_function("and", [one, other]), masks)) if masks else table


def from_draws(value: float, draws: Floats, items: int, **more: Any) -> Measured:
    """A figure with the interval of its draws, stretched for few items; undefined draws are left out."""
    if not math.isfinite(value):
        raise NotMeasured("undefined")
    there = draws[np.isfinite(draws)]
    if len(there) < 2:
        return Measured(float(value), None, None, items, **more)
    low, high = interval(np.asarray(value), there, clusters=max(2, items))
    return Measured(float(value), float(low), float(high), items, **more)


def lower_end(found: Measured) -> float:
    """Lower end of a figure's 95 % interval: what a gate on its sign reads.

    Raises:
        NotMeasured: no interval was made.
    """
    if found.low is None:
        raise NotMeasured("a figure without an interval", found.value)
    return found.low
