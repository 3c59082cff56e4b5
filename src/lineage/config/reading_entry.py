"""The section `reading` of an experiment: who answers, behind which retrievers."""

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt

from lineage.config.names import ModelReference, Name
from lineage.config.reading import QueryKind, ReadingValidation
from lineage.config.safety_score import SafetyMeasuring


class ReadingEntry(SafetyMeasuring):
    """Retrieve, then read: who answers, and which retrievers find what is read."""

    set: Name
    """Retrieval set, of the generated world."""
    runs: Annotated[list[Name], Field(min_length=1)]
    """Retrievers on that set whose first document is read."""
    model: ModelReference
    """The reader: a model tuned on conversations of `source: reading`, and on questions without a passage beside
    them."""
    kind: QueryKind = "described"
    """Queries whose documents are read."""
    validation: ReadingValidation = ReadingValidation()
    """Passages about disjoint facts, which the forecast is made from."""
    samples: PositiveInt = 2000
    """Resamples of subjects behind each interval."""
    seed: NonNegativeInt = 0
    """Seed of random passages, swapped values and resamples."""
