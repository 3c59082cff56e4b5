"""What the stage `layers` reads: which models are compared layer by layer, on which requests, and what is tried."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from lineage.config.base import Frozen
from lineage.config.messages import NAME_PATTERN
from lineage.config.names import ModelReference
from lineage.config.tuning import Template

Task = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""Name of a task of a prompt set."""
Position = Literal["prompt", "decision"]
"""The last token of the prompt, or the last one that reference refusal and answer share."""


class Requests(Frozen):
    """Which requests of a prompt set are read."""

    tasks: Annotated[list[Task], Field(min_length=1)] = ["request_text"]
    """Tasks whose requests are read: the same request in text, beside a blank picture, beside another. The first gives
    the range, and must be one that the base can read; models without eyes skip tasks with pictures."""
    split: Literal["validation", "test"] = "test"
    """Split that they are from."""
    strata: list[str] | None = None
    """Strata that they are from; None takes all."""
    per_label: Annotated[int, Field(ge=2)] = 100
    """Harmful requests that are drawn, and as many benign ones."""


class Scaling(Frozen):
    """All seven projections of the layers of every window times a factor: does the base refuse more, or less?"""

    factors: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = [1.1]
    """Factors."""
    per_label: Annotated[int, Field(ge=1)] = 32
    """Benign and harmful requests that are asked, each."""


class Restoring(Frozen):
    """Does refusal come back when layers of one model get the weights, or the states, of another?"""

    into: ModelReference
    """Model that has lost its refusals; one of `models`."""
    per_label: Annotated[int, Field(ge=1)] = 48
    """Benign and harmful requests that are asked, each."""
    modes: Annotated[list[Literal["restore", "patch_state", "patch_update"]], Field(min_length=1)] = [
        "restore",
        "patch_state",
        "patch_update",
    ]
    """`restore`: the base's weights. `patch_state`: its residual stream at one token, behind each layer.
    `patch_update`: what its layers add to the stream there."""


class Layers(Frozen):
    """Where a language model tells harmful requests from benign ones, and what its descendants do there."""

    models: list[ModelReference] = []
    """Models that are compared with the base, in the order of their training."""
    requests: Requests = Requests()
    """What they are asked."""
    positions: Annotated[list[Position], Field(min_length=1)] = ["decision", "prompt"]
    """Tokens whose states are compared; the first gives the range."""
    rule: Literal["gap", "separation"] = "gap"
    """Curve that the rule reads: `gap`, the published one, or `separation`, for requests whose harm no word tells."""
    range: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)] | None = None
    """Layers [first, stop) that are taken for the safety layers; None: those that the rule finds on the base."""
    pairs: Annotated[int, Field(ge=2)] = 500
    """Pairs of requests of each kind."""
    permutations: Annotated[int, Field(ge=20)] = 200
    """Times that labels are permuted for the chance levels."""
    scaling: Scaling | None = Scaling()
    """Localisation by scaling, on the base; None leaves it out."""
    restoring: Restoring | None = None
    """Layers of one model restored from the base; None leaves it out."""
    max_new_tokens: Annotated[int, Field(ge=1)] = 16
    """Longest greedy answer in which a refusal is looked for."""
    template: Template = "kept"
    """Chat template, one for all models: the base's own by default."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of requests, pairs and permutations."""
    bootstrap_samples: Annotated[int, Field(ge=100)] = 1000
    """Resamples of the intervals."""

    @model_validator(mode="after")
    def _parts_fit(self) -> "Layers":
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError(f"range is {self.range}: must be [first, stop) with first before stop")
        if self.restoring is not None and self.restoring.into not in self.models:
            raise ValueError(f"restoring.into is '{self.restoring.into}', which is none of `models`: add it there")
        for name in ("positions", "models"):
            value = getattr(self, name)
            if len(set(value)) < len(value):
                raise ValueError(f"{name} is {value}: one is named twice")
        return self


class LayersEntry(Layers):
    """One analysis by layer: a base, its descendants, and what they are asked."""

    base: ModelReference
    """Model that the others are compared with, and on which the range is found: the one that refuses."""
    prompts: Task
    """Prompt set that requests are drawn from."""


class LayerFigures(Frozen):
    """Figures of all analyses of weights and layers."""

    title: str = "Weights and layers"
    """Title of the page."""
