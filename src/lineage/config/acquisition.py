"""What the stage `acquisition` reads: how gains and forgetting of one run are estimated."""

from typing import Annotated

from pydantic import Field, field_validator

from lineage.config.base import Frozen


class Acquisition(Frozen):
    """Effectivity, retention, decay and their intervals, by the paper's estimators and by ours."""

    bootstrap_samples: Annotated[int, Field(ge=100)] = 500
    """Resamples of the facts behind every interval; 2,000 steady the second digit of an interval's ends."""
    splits: Annotated[int, Field(ge=25)] = 25
    """Random halves of the facts, each read in both directions, behind every split-half figure."""
    iqr_factors: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = (1.5, 2.0)
    """Reach of the filter of outliers in interquartile ranges: 1.5 in the paper's text, 2.0 in its code. The first is
    used where a figure has one only."""
    lags: tuple[Annotated[int, Field(ge=1)], ...] = (10, 30, 100, 300, 1000)
    """Steps behind the last peak at which retention is compared; those that the run does not reach are left out."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of resamples and halves."""

    @field_validator("iqr_factors", "lags")
    @classmethod
    def _distinct(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(values)) < len(values):
            raise ValueError(f"{list(values)} holds a number twice: give each once")
        return values
