"""What the stage `judged` reads: outputs of a model, judged again by a judge whose error is known."""

from typing import Annotated

from pydantic import Field

from lineage.config.base import Frozen
from lineage.config.judges import GenerativeJudging


class Judging(Frozen):
    """How rates are given."""

    samples: Annotated[int, Field(ge=100)] = 2000
    """Resamples of the intervals that hold the judge's error."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the resamples."""


class Judged(Judging):
    """One judge reads what one model said to some prompt sets."""

    prompts: Annotated[list[str], Field(min_length=1)]
    """Names of the prompt sets, in order."""
    generative: GenerativeJudging | None = None
    """How a generative judge is asked; null for the others."""
