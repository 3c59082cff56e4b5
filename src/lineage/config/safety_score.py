"""What the stage `score_safety` reads: how a model is asked, and how its answers are drawn."""

from typing import Annotated

from pydantic import Field

from lineage.config.base import Frozen
from lineage.config.tuning import Template


class Decoding(Frozen):
    """How an answer is drawn."""

    max_new_tokens: Annotated[int, Field(ge=1)] = 32
    """Longest answer in tokens; the same for every model that is compared, since harm comes late and refusals early."""
    temperature: Annotated[float, Field(ge=0)] = 0.0
    """0 takes the likeliest token; else tokens are drawn from softmax(logits / temperature)."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the draws, which depend on it, the item's id and the position only, never on the batch."""


class SafetyMeasuring(Frozen):
    """How every model is asked."""

    decoding: Decoding = Decoding()
    """How answers are drawn."""
    system: str | None = None
    """System turn put before every prompt; one for all models that are compared. None: no system turn."""
    batch_tokens: Annotated[int, Field(ge=1)] = 16384
    """Tokens of one forward pass, padding and answers included; no answer depends on it."""


class SafetyScore(SafetyMeasuring):
    """How one model is asked."""

    template: Template = "kept"
    """Chat template: the model's own (`kept`), or one of ours, to tell a change of template from a change of model."""
    prompts: Annotated[list[str], Field(min_length=1)]
    """Names of the prompt sets that it is asked, in order."""
