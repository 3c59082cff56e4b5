"""What the stage `knowledge` reads: which run plays which part in which claim, and which slice this is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lineage.config.base import Frozen
from lineage.config.messages import NAME_PATTERN
from lineage.config.names import ModelReference

RunName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A run from `knowledge.runs`."""


class Batches(Frozen):
    """Runs that differ in their batch, from small to large, by what stays the same when the batch grows (K6)."""

    fixed_dose: list[RunName] = []
    """An encounter takes the same share of the batch: the ones that decide the claim, three or more sizes."""
    fixed_share: list[RunName] = []
    """Injected tokens are the same share of the batch."""
    fixed_rows: list[RunName] = []
    """An encounter takes one row, as in the paper: the share falls as the batch grows."""


class Deduplication(Frozen):
    """Two models trained on equally many tokens, one with fresh text in place of the planted duplicates (K8)."""

    deduplicated: ModelReference
    """Model whose corpus had its duplicates removed."""
    duplicated: ModelReference
    """Model whose corpus kept them."""


class KnowledgeComparisons(Frozen):
    """Runs and models by their part in the claims; a claim without its runs is *not testable here*."""

    reference: RunName
    """Run with the arms `paraphrase`, `duplicate`, `once` and `never` (K1, K2, K4, K5, K9)."""
    stages: list[RunName] = []
    """Runs from earlier to later checkpoints at one constant learning rate (K3a, K3b)."""
    stages_own_rate: list[RunName] = []
    """The same, each at its checkpoint's own, decaying rate; secondary rows only."""
    sizes: list[RunName] = []
    """Runs of a small and a large model at one learning rate (K3c)."""
    batches: Batches = Batches()
    """Runs from small to large batches (K6)."""
    intervals: RunName | None = None
    """Run with arms that differ in their interval, aligned at the last encounter (K7)."""
    long_tail: ModelReference | None = None
    """Model whose recall is read by exposure (K8)."""
    deduplication: Deduplication | None = None
    """Models with and without duplicates (K8)."""

    @property
    def runs(self) -> list[str]:
        """Every run that is named, once."""
        batches = [*self.batches.fixed_dose, *self.batches.fixed_share, *self.batches.fixed_rows]
        named = [self.reference, *self.stages, *self.stages_own_rate, *self.sizes, *batches]
        return list(dict.fromkeys([*named, *([self.intervals] if self.intervals else [])]))

    @property
    def models(self) -> list[str]:
        """Every model whose scores are read, once."""
        named = [self.long_tail] if self.long_tail else []
        if self.deduplication:
            named += [self.deduplication.deduplicated, self.deduplication.duplicated]
        return list(dict.fromkeys(named))

    @model_validator(mode="after")
    def _comparisons_compare(self) -> KnowledgeComparisons:
        for path, runs in self._lists():
            if len(set(runs)) != len(runs):
                raise ValueError(f"{path} is {runs}: a run is compared with itself; name each once")
            if len(runs) == 1:
                raise ValueError(f"{path} is {runs}: a comparison needs two runs; add one or leave it empty")
        if len(self.sizes) > 2:
            raise ValueError(f"sizes is {self.sizes}: give two runs, of the small model and of the large one")
        pair = self.deduplication
        if pair and pair.deduplicated == pair.duplicated:
            raise ValueError(f"deduplication compares '{pair.duplicated}' with itself: name two models")
        return self

    def _lists(self) -> Iterator[tuple[str, list[str]]]:
        for name in ("stages", "stages_own_rate", "sizes"):
            yield name, getattr(self, name)
        for name in Batches.model_fields:
            yield f"batches.{name}", getattr(self.batches, name)


class Knowledge(KnowledgeComparisons):
    """The comparisons, and the slice that they are made in."""

    null: Literal["none", "no_injection", "permuted_cues", "same_text", "equal_exposures"] = "none"
    """Presumed cause that the world or the runs of this slice lack."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of world and training together."""
    data: Literal["generated", "real data"] = "generated"
    """Where facts and background come from."""
    design: RunName = "default"
    """Name of what all slices share that are judged together (models, runs, steps): slices of different designs are
    never mixed."""
    design_digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    """Digest of the specs of all that, made by the plan: slices of one name and different digests are refused."""
    bootstrap_samples: Annotated[int, Field(ge=100)] = 2000
    """Resamples of the intervals that are made here (recall by exposure, over subjects)."""
    bootstrap_seed: int = 0
    """Seed of the bootstrap."""
