"""Where the items of a prompt set come from: what the stages `prompts` and `outside_prompts` read."""

from typing import Annotated, Literal

from pydantic import Field, RootModel

from lineage.config.base import Frozen
from lineage.config.prompt_sets import OutsideReading

TaskName = Literal[
    "request_text",
    "request_picture",
    "request_blank",
    "request_typographic",
    "request_read",
    "open_request",
    "visual",
    "visual_blank",
    "visual_shuffled",
    "fact",
    "instruction",
    "choice",
]
"""Tasks of the generated world; see docs/safety.md."""


class WorldPrompts(Frozen):
    """Held-out items of the generated world, whose truth is known."""

    source: Literal["world"]
    """Requests, visual questions, facts and instructions of `safety_data` and the world."""
    tasks: Annotated[list[TaskName], Field(min_length=1)] | None = None
    """Tasks that are taken, in this order; null takes all."""
    strata: Annotated[list[str], Field(min_length=1)] | None = None
    """Strata of requests that are taken (`unseen_pair`, `unseen_object`, `unseen_verb`); null takes all. Items that are
    no requests have no stratum and are always taken."""


OutsideSet = Annotated[OutsideReading, Field(discriminator="source")]


class OutsidePromptSet(RootModel[OutsideSet]):
    """A prompt set from outside, what the stage `outside_prompts` reads; `source` says whose."""


PromptReading = Annotated[WorldPrompts | OutsideReading, Field(discriminator="source")]
"""Every source of prompts."""
