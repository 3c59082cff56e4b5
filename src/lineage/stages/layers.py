"""Look into the layers of a base model and its descendants: gap curves, drift, scaling, restoring."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn

from lineage.analysis.layers.asked import Asked, ask, item_draws
from lineage.analysis.layers.changed import restored, scaled
from lineage.analysis.layers.gap import Pairs, draw_pairs
from lineage.analysis.layers.parts import language_layers
from lineage.analysis.layers.ranges import Range, windows
from lineage.analysis.layers.refusing import Decided, decide
from lineage.analysis.layers.requests import choose, limited
from lineage.analysis.layers.schemas import (
    CURVES,
    DONOR,
    NONE,
    POSITIONS,
    RANGES,
    RESTORE,
    RESTORED,
    SCALED,
)
from lineage.analysis.layers.states import Patch, read_states
from lineage.analysis.layers.tables import (
    Intervention,
    Labelled,
    Measured,
    Reading,
    Row,
    base_range_rows,
    drift_rows,
    intervention_rows,
    measure,
    range_rows,
    scaling_rows,
)
from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.layers import Layers, Restoring, Scaling
from lineage.conversations.start import Opened, open_conversational
from lineage.errors import UserError
from lineage.evaluation.items import ITEMS, Item, read_items
from lineage.evaluation.judges.rules import rules_judge
from lineage.evaluation.paired import Draws
from lineage.models.device import device_for
from lineage.parts import Parts
from lineage.progress import Progress

SCHEMAS = {"curves": CURVES, "ranges": RANGES, "scaling": SCALED, "interventions": RESTORED}


def layers(
    config: Layers,
    *,
    base: Artifact,
    models: list[Artifact],
    prompts: Artifact,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Writes `curves.parquet`, `ranges.parquet`, `scaling.parquet`, `interventions.parquet` and `metrics.json`.

    `models` come in the order of `config.models`. The range is found on the base before any other model is opened.

    Raises:
        UserError: requests that the set lacks or a model cannot read, a range beyond the last layer.
        StoppedEarly: before the time limit; models that were read and trials that were made are kept.
    """
    out.kind = "layers"
    torch.set_num_threads(execution.threads)
    items = choose(read_items(prompts.path(ITEMS)), config.requests, seed=config.seed, place=str(prompts.folder))
    study = _Study(config, execution, items, base, Parts(out, execution))
    study.read_base()
    for model in models:
        study.read(model)
    if config.restoring is not None and study.safety is not None:
        study.restore(config.restoring, next(one for one in models if one.folder.name == config.restoring.into))
    for name, schema in SCHEMAS.items():
        pq.write_table(pa.Table.from_pylist(study.rows[name], schema=schema), out.path(f"{name}.parquet"))
    metrics = study.metrics()
    out.path("metrics.json").write_text(json.dumps(metrics, indent=1, sort_keys=True) + "\n")
    out.counts |= {"requests": metrics["requests"], "layers": metrics["layers"], "models": 1 + len(models)}


@dataclass
class _Study:
    """What is known of the base when its descendants are read."""

    config: Layers
    execution: Execution
    items: dict[str, list[Item]]
    """{task: requests, in one order}"""
    base: Artifact
    parts: Parts
    """The base's states, the rows of each descendant, and what each trial decided."""
    rows: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in SCHEMAS})
    measured: dict[tuple[str, str], Measured] = field(default_factory=dict)
    """{(task, position): the base's gap curve}"""
    states: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    """{(task, position): the base's states [request, depth, hidden]}"""
    safety: Range | None = None
    """Layers that are taken for the safety layers; None: the rule finds none."""
    num_layers: int = 0

    @property
    def first(self) -> list[Item]:
        """The requests as the range is found on."""
        return self.items[self.config.requests.tasks[0]]

    @property
    def pairs(self) -> Pairs:
        """Pairs of requests; the same in every task."""
        return draw_pairs([one.harmful for one in self.first], pairs=self.config.pairs, seed=self.config.seed)

    def draws(self, items: Sequence[Item]) -> Draws:
        """Resamples of requests."""
        return item_draws(items, samples=self.config.bootstrap_samples, seed=self.config.seed)

    def open(self, artifact: Artifact) -> Opened:
        """A model where the job runs."""
        opened = open_conversational(artifact, self.config.template)
        nn.Module.to(opened.model, device_for(self.execution))
        return opened

    def read_base(self) -> None:
        """Gap curves of the base, the range, and what scaling does to the base."""
        opened = self.open(self.base)
        self.num_layers = len(language_layers(opened.model))
        if opened.reading is None and any(one.images for one in self.first):
            raise UserError(
                f"requests.tasks: '{self.config.requests.tasks[0]}' comes first and has pictures, but"
                f" {self.base.folder.name} reads text only: begin with a task in text."
            )
        for key, read in self._read(opened):
            name = " ".join(("states of the base", *key))
            states = self.states[key] = torch.from_numpy(self.parts.array(name, lambda read=read: read().numpy()))
            self.measured[key] = self._measure(self.base.folder.name, key, states)
            self.rows["curves"] += self.measured[key].rows()
        own = self._base_of(self.config.requests.tasks[0], self.config.positions[0])
        self.safety = self._range(own)
        self.rows["ranges"] += base_range_rows(own, self.safety, self.config.rule)
        if self.config.scaling is not None:
            self._scale(opened, self.config.scaling)

    def _range(self, measured: Measured) -> Range | None:
        if self.config.range is None:
            return measured.found(self.config.rule)
        given = Range(*self.config.range)
        if given.stop > self.num_layers:
            raise UserError(
                f"range is {self.config.range}, but {self.base.folder.name} has {self.num_layers} layers: end it at"
                f" {self.num_layers} or before."
            )
        return given

    def _base_of(self, task: str, position: str) -> Measured:
        """The base's curve that a model is compared with: on the same task, or in text where the base has no eyes."""
        return self.measured.get((task, position)) or self.measured[self.config.requests.tasks[0], position]

    def _read(self, opened: Opened) -> Iterator[tuple[tuple[str, str], Callable[[], Tensor]]]:
        """((task, position), what reads the states) of every task that the model can read."""
        for task, items in self.items.items():
            if opened.reading is None and any(one.images for one in items):
                continue
            asked = ask(opened.renderer, items)
            for position in self.config.positions:
                yield (task, position), partial(read_states, opened, asked, position)

    def _measure(self, model: str, key: tuple[str, str], states: Tensor) -> Measured:
        return measure(
            Reading(model, *key),
            states,
            self.items[key[0]],
            self.pairs,
            self.draws(self.items[key[0]]),
            permutations=self.config.permutations,
            seed=self.config.seed,
        )

    def read(self, artifact: Artifact) -> None:
        """Gap curves of a descendant, and how far it has moved from the base."""
        found = self.parts.json(f"rows of {artifact.folder.name}", partial(self._descendant, artifact))
        for table, rows in found.items():
            self.rows[table] += rows

    def _descendant(self, artifact: Artifact) -> dict[str, list[Row]]:
        opened, name = self.open(artifact), artifact.folder.name
        rows: dict[str, list[Row]] = {"curves": [], "ranges": []}
        for key, read in self._read(opened):
            states = read()
            found = self._measure(name, key, states)
            rows["curves"] += found.rows()
            if key in self.states:
                rows["curves"] += drift_rows(found.reading, states, self.states[key], self.draws(self.items[key[0]]))
            if self.safety is not None:
                rows["ranges"] += range_rows(found, self._base_of(*key), self.safety, self.config.rule)
        return rows

    def _decide(self, name: str, opened: Opened, asked: Sequence[Asked], position: str, patch: Patch | None) -> Decided:
        """What a trial decides; `name` says which trial it is, of all of this job."""

        def made() -> tuple[list[float], list[float]]:
            found = decide(
                opened, asked, position, rules_judge(), max_new_tokens=self.config.max_new_tokens, patch=patch
            )
            return found.refused.tolist(), found.margin.tolist()

        refused, margin = self.parts.json(name, made)
        return Decided(np.asarray(refused), np.asarray(margin))

    def _scale(self, opened: Opened, scaling: Scaling) -> None:
        """Every window of layers of the base, scaled by every factor."""
        items = [self.first[number] for number in limited(self.first, scaling.per_label)]
        asked, labelled = ask(opened.renderer, items), self._labelled(items)
        every = [one for width in range(1, self.num_layers + 1) for one in windows(self.num_layers, width)]
        name = self.base.folder.name

        def answers(layers: Range | None, factor: float) -> Decided:
            return self._decide(f"layers {layers} scaled by {factor}", opened, asked, POSITIONS[0], None)

        self.rows["scaling"] += scaling_rows(name, None, 1.0, answers(None, 1.0), labelled)
        with Progress("scaling layers", total=len(every) * len(scaling.factors), unit="windows") as progress:
            for factor in scaling.factors:
                for window in every:
                    with scaled(opened.model, window, factor):
                        self.rows["scaling"] += scaling_rows(name, window, factor, answers(window, factor), labelled)
                    progress.advance()

    def _labelled(self, items: Sequence[Item]) -> Labelled:
        return Labelled(torch.tensor([one.harmful for one in items]).numpy(), self.draws(items))

    def restore(self, restoring: Restoring, into: Artifact) -> None:
        """Layers of one model restored from the base: the range, every other window of its width, and all layers."""
        assert self.safety is not None
        numbers = limited(self.first, restoring.per_label)
        items = [self.first[number] for number in numbers]
        donor, model = self.open(self.base), self.open(into)
        names = (into.folder.name, self.base.folder.name)
        by_donor, asked = ask(donor.renderer, items), ask(model.renderer, items)
        everything = Range(0, self.num_layers)
        ranges = [(one, _role(one, self.safety)) for one in windows(self.num_layers, self.safety.width)]
        ranges += [(everything, "whole")] if everything != self.safety else []
        done: dict[Intervention, Decided] = {}
        total = len(POSITIONS) * (2 + len(ranges) * len(restoring.modes))
        with Progress("restoring layers", total=total, unit="trials") as progress:
            for position in POSITIONS:
                states = read_states(donor, by_donor, position)
                for trial, opened, prompts in (
                    (Intervention(*names, NONE, None, "none", position), model, asked),
                    (Intervention(*names, DONOR, None, "none", position), donor, by_donor),
                ):
                    done[trial] = self._decide(str(trial), opened, prompts, position, None)
                progress.advance(2)
                for mode in restoring.modes:
                    for window, role in ranges:
                        trial = Intervention(*names, mode, window, role, position)
                        if mode == RESTORE:
                            with restored(model.model, donor.model, window):
                                done[trial] = self._decide(str(trial), model, asked, position, None)
                        else:
                            patch = Patch(mode, window, states)
                            done[trial] = self._decide(str(trial), model, asked, position, patch)
                        progress.advance()
        self.rows["interventions"] += intervention_rows(done, self._labelled(items))

    def metrics(self) -> dict[str, Any]:
        """What stands on top."""
        return {
            "requests": len(self.first),
            "condition": self.config.requests.tasks[0],
            "position": self.config.positions[0],
            "layers": self.num_layers,
            "range": None if self.safety is None else list(self.safety),
            "range_found_by": self.config.rule if self.config.range is None else "config",
        }


def _role(window: Range, safety: Range) -> str:
    return "range" if window == safety else "control"
