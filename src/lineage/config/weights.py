"""What the stage `weights` reads: which task vectors are measured, and which losses along them."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lineage.config.base import Frozen
from lineage.config.messages import NAME_PATTERN
from lineage.config.names import ModelReference
from lineage.config.tuning import Template

VectorName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""Small letters, digits and underscores."""


class Vector(Frozen):
    """What training added to the weights of a language model: those of one model minus those of another."""

    end: ModelReference
    """The trained model."""
    start: ModelReference | None = None
    """The model that it was trained from; None: the base of all."""

    @model_validator(mode="after")
    def _two_models(self) -> "Vector":
        if self.start == self.end:
            raise ValueError(f"start and end are both '{self.end}': nothing lies between them")
        return self


class AlongLoss(Frozen):
    """A loss that is followed along the vectors: next tokens of what the assistant says in a set of conversations."""

    conversations: VectorName
    """Set of conversations."""
    requests: Literal["all", "harmful", "benign"] = "all"
    """Those that are read, by the set's column `harmful`."""
    limit: Annotated[int, Field(ge=2)] = 64
    """Conversations that are read, drawn with `seed`."""


class Weights(Frozen):
    """Task vectors of one family of models, and what two losses do along them."""

    vectors: Annotated[dict[VectorName, Vector], Field(min_length=1)]
    """Task vectors by name; every two are compared."""
    losses: dict[VectorName, AlongLoss] = {}
    """Losses by name, for the first-order check; none leaves it out."""
    fractions: Annotated[list[float], Field(min_length=1)] = [0.0, 0.25, 0.5, 0.75, 1.0]
    """Points on the way from the base along each vector at which the losses are measured."""
    batch_conversations: Annotated[int, Field(ge=1)] = 8
    """Conversations of one batch; intervals are over batches."""
    template: Template = "kept"
    """How conversations are written; the base's own by default."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the draw of conversations."""

    @property
    def models(self) -> list[str]:
        """Every model that the vectors name, once."""
        return list(
            dict.fromkeys(name for one in self.vectors.values() for name in (one.end, one.start) if name is not None)
        )


class WeightsEntry(Weights):
    """One analysis of task vectors."""

    base: ModelReference
    """Model that all of them come from; to follow a loss on pictures, one that sees."""
