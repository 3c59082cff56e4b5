"""What one slice of the safety study measured: the answers of every model, curves of adaptation, tables of weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lineage.claims.claim import Measured, NotMeasured
from lineage.config.safety_study import SafetyStudy
from lineage.evaluation.examples import Example
from lineage.evaluation.paired import Draws, Resampled, draws

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """What one model said to every item that it could be asked."""

    name: str
    examples: Sequence[Example]

    @cached_property
    def by_task(self) -> dict[tuple[str, str], list[Example]]:
        """(task, split) to its examples, in order of their ids."""
        found: dict[tuple[str, str], list[Example]] = {}
        for one in sorted(self.examples, key=lambda one: one.id):
            found.setdefault((one.task, one.split), []).append(one)
        return found


@dataclass(frozen=True)
class Study:
    """Everything that the rows of the claims are measured from."""

    roles: SafetyStudy
    answers: Mapping[str, Answers]
    """By the artifact's name: `seeing@400`."""
    curves: Mapping[str, pa.Table] = field(default_factory=dict)
    """Log-probabilities along an adaptation (`evaluation.reference_probes`), by the name of its last checkpoint."""
    weights: pa.Table | None = None
    """`modules.parquet` of the task vectors."""
    layers: pa.Table | None = None
    """`ranges.parquet` of the safety layers."""
    interventions: pa.Table | None = None
    """`interventions.parquet`: layers of `chat` put back into `seeing`."""
    bootstrap_samples: int = 2000
    bootstrap_seed: int = 0
    _drawn: dict[tuple[tuple[str, str], ...], Draws] = field(default_factory=dict, repr=False)

    def model(self, part: str) -> str:
        """Name of the model that plays a part; of a list its first.

        Raises:
            NotMeasured: none does.
        """
        named = getattr(self.roles, part)
        name = named[0] if isinstance(named, list) and named else named
        if not name:
            raise NotMeasured(f"no model plays the part `{part}`")
        return str(name)

    def along(self, part: str) -> list[str]:
        """Checkpoints of an adaptation, from early to late.

        Raises:
            NotMeasured: no model plays the part.
        """
        self.model(part)
        return list(self.roles.checkpoints if part == "seeing" else self.roles.projector_checkpoints)

    def examples(self, model: str, task: str, *, split: str = "test", **equal: Any) -> list[Example]:
        """Examples of a model whose fields have these values, in order of their ids: the same for every model.

        Raises:
            NotMeasured: the model was not measured, or was asked none of them (a model without eyes, no picture).
        """
        if model not in self.answers:
            raise NotMeasured(f"model {model} was not measured")
        found = [
            one
            for one in self.answers[model].by_task.get((task, split), [])
            if all(getattr(one, name) == value for name, value in equal.items())
        ]
        if not found:
            raise NotMeasured(f"model {model} answers no items of task {task}")
        return found

    def figure(self, examples: Sequence[Example], values: Sequence[float] | Floats) -> Resampled:
        """Mean of one value an example, resampled with verbs and objects, or with whatever else examples share."""
        return self.drawn(examples).resampled(values)

    def drawn(self, examples: Sequence[Example]) -> Draws:
        """The resamples of these examples, for figures that are no means."""
        key = tuple((one.task, one.id) for one in examples)
        if key not in self._drawn:
            self._drawn[key] = draws(_factors(examples), samples=self.bootstrap_samples, seed=self.bootstrap_seed)
        return self._drawn[key]


def _factors(examples: Sequence[Example]) -> list[list[str]]:
    """Groups that are resampled together: verb pairs and object pairs of requests, clusters of anything else.

    A cell is `plants-3-07`: the verbs of block 3 and the objects of block 07, asked in the same words.
    """
    cells = [one.cell.split("-") for one in examples]
    if any(len(cell) != 3 for cell in cells):
        return [[one.cluster or one.id for one in examples]]
    crossed = [[f"{cell[0]} {name} {cell[place]}" for cell in cells] for name, place in (("verbs", 1), ("objects", 2))]
    return [groups for groups in crossed if len(set(groups)) > 1] or crossed[:1]


def measured(figure: Resampled, **more: Any) -> Measured:
    """A row's figure with its interval.

    Raises:
        NotMeasured: it is undefined.
    """
    if not math.isfinite(figure.value):
        raise NotMeasured("undefined: nothing to divide by")
    low, high = figure.bounds or (None, None)
    return Measured(figure.value, low, high, figure.items, **more)
