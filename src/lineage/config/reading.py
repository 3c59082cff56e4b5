"""Configs of reading: what a reader learns from, what it is asked, and what is forecast of it."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from lineage.config.base import Frozen

QueryKind = Literal["described", "named"]
Split = Literal["train", "validation"]


class ReadingConversations(Frozen):
    """Passages with a question each about facts that no test asks for; every value is drawn anew."""

    passages: PositiveInt = 1000
    """Number of passages."""
    questions: PositiveInt = 3
    """Questions about each passage, one turn after the other, about different facts; fewer where it tells fewer."""
    known_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the passages about people and things that pretraining and chats tell of, with other values than there:
    whoever recalls in place of reading is wrong. The others are about names that stand nowhere else."""
    split: Split = "train"
    """Passages to learn from; those of `validation` are about other people and things."""
    seed: NonNegativeInt = 0
    """Seed of subjects, values, wordings and questions."""


class ReadingConversationsEntry(ReadingConversations):
    """A set of conversations for a reader."""

    source: Literal["reading"]
    """Passages in the form of the world's articles, a question about each, and its answer."""


class ReadingPrompts(Frozen):
    """What a reader is asked: facts of known exposure without a passage and behind several."""

    kind: QueryKind = "described"
    """Queries whose documents are read: what a retriever found for them stands before the question."""
    runs: list[str]
    """Retrievers whose first document is read."""
    seed: NonNegativeInt = 0
    """Seed of the random passages and of the swapped values."""


class ReadingValidation(Frozen):
    """What a reader is asked before anything about a test fact is measured: disjoint facts behind a passage."""

    passages: PositiveInt = 200
    """Number of passages, each asked about with itself in front, and behind another one."""
    seed: NonNegativeInt = 0
    """Seed of the passages."""


class ReadingForecast(Frozen):
    """What is predicted of the reader before it is asked for a test fact."""

    kind: QueryKind = "described"
    """Kind of the validation queries."""
    runs: list[str]
    """Retrievers, in the order of the inputs."""
    closed_book: str | None = None
    """Checkpoint whose recall by exposure study 1 forecasts: `base@592`; None: nobody does."""


class ReadingStudy(Frozen):
    """How recall by exposure is tabulated."""

    runs: list[str]
    """Retrievers in the order of the figure."""
    samples: PositiveInt = 2000
    """Resamples of subjects behind each interval."""
    seed: NonNegativeInt = 0
    """Seed of the resamples."""
