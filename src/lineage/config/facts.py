"""Configs of the facts that are injected during pretraining: where they come from."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, RootModel, model_validator

from lineage.config.base import Frozen


class FactSource(Frozen):
    """What every source of facts has."""

    skip: NonNegativeInt = 0
    """Leave out so many facts, the first ones: two sets of one source then have none in common."""
    limit: PositiveInt | None = None
    """Take at most so many facts behind those."""

    @property
    def stop(self) -> int | None:
        """The first fact that is not taken any more; None takes all."""
        return None if self.limit is None else self.skip + self.limit


class WorldFacts(FactSource):
    """Passages about the people whom the generated world keeps for injection."""

    source: Literal["world"]
    """The people that `world.injection_people` sets aside; one fact each."""
    seed: NonNegativeInt = 0
    """Seed of wordings and of the order of sentences; who these people are is the world's seed."""
    paraphrases: Annotated[int, Field(ge=0, le=99)] = 9
    """Other wordings of each passage. An arm of `texts: paraphrases` with n encounters needs n - 1 of them."""
    compositions: Annotated[int, Field(ge=0, le=7)] = 3
    """Compositional probes of each fact at most, each with a sentence of about eleven tokens more in the passage."""


class FictionalKnowledge(FactSource):
    """Fictional Knowledge of Chang et al. 2024 (arXiv 2406.11813), or data of the same form."""

    source: Literal["fictional_knowledge"]
    """The authors' JSON: `train_context`, `paraphrases`, and inputs and targets of three depths."""
    path: str | None = None
    """JSON file, or folder that `datasets` loads, relative to `data_root`; the workflow hands it to the stage, and it
    is no part of the spec."""
    name: str | None = None
    """Hub id, such as `kaist-ai/fictional-knowledge`; null when `path` names a file or folder."""
    revision: str | None = None
    """Commit hash (or tag) of the hub data set; required with `name`, so that the same config reads the same data."""
    split: str = "train"
    """Split of the data set; unused with a JSON file."""

    @model_validator(mode="after")
    def _one_place(self) -> "FictionalKnowledge":
        if self.name is not None and self.path is not None:
            raise ValueError(f"name is '{self.name}' and path is '{self.path}': give one of them (hub id or file)")
        if self.name is not None and self.revision is None:
            raise ValueError(f"'{self.name}' is read from the hub and needs a `revision` (commit hash on its page)")
        return self


FactReading = Annotated[WorldFacts | FictionalKnowledge, Field(discriminator="source")]


class Facts(RootModel[FactReading]):
    """One set of facts; `source` says where they come from."""
