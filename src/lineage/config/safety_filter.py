"""What the stage `filter_conversations` reads: who judges text and pictures, and when a row goes."""

import re
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from lineage.config.base import Frozen

Spoken = Literal["all", "user", "assistant"]


class NoVerdict(Frozen):
    """Nobody judges."""

    by: Literal["none"]
    """Nobody judges; no row goes."""


class TruthVerdict(Frozen):
    """The column `harmful`, with as many misses as asked for."""

    by: Literal["truth"]
    """A row is unsafe where its column `harmful` says so (of pictures: and it shows one). It must be known of all."""
    recall: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of the harmful rows that are found, drawn by seed and id; rows found at one recall are found at a higher
    one too. The rest leaks, for a dose curve."""
    seed: NonNegativeInt = 0
    """Seed of which are found."""


class RulesVerdict(Frozen):
    """Words and regular expressions."""

    by: Literal["rules"]
    """A row is unsafe where one of the words or patterns is found."""
    words: list[Annotated[str, Field(min_length=1)]] = []
    """Whole words, or several in a row, in any case of letters."""
    patterns: list[Annotated[str, Field(min_length=1)]] = []
    """Regular expressions of Python; put `(?i)` first for any case of letters."""
    reads: Spoken = "all"
    """Whose turns are read."""

    @model_validator(mode="after")
    def _rules_can_be_used(self) -> "RulesVerdict":
        if not self.words and not self.patterns:
            raise ValueError("no `words` and no `patterns`: nothing would be found. Give some, or set `by: none`")
        for pattern in self.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"patterns: {pattern!r} is no regular expression: {error}") from error
        return self


class Classifier(Frozen):
    """A classifier of transformers, from a folder or from the hub; safetensors only, no code of its own."""

    path: str | None = None
    """Folder of the model, relative to `data_root`; the workflow hands it to the stage, and it is no part of the
    spec."""
    name: str | None = None
    """Repository on the Hugging Face hub; null when `path` names a folder."""
    revision: str | None = None
    """Commit hash (or tag) of the repository; required with `name`, so that the same config reads the same model."""
    unsafe: Annotated[list[str], Field(min_length=1)]
    """Labels that mean unsafe, as its config names them (`id2label`)."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """A row is unsafe where these labels together have this probability or more (of several labels that do not exclude
    each other: where one of them has)."""
    batch_rows: PositiveInt = 32
    """Texts or pictures of one forward pass."""

    @model_validator(mode="after")
    def _one_place(self) -> "Classifier":
        if self.name is not None and self.path is not None:
            raise ValueError(f"name is '{self.name}' and path is '{self.path}': give one of them (hub id or folder)")
        if self.name is not None and self.revision is None:
            raise ValueError(f"'{self.name}' is read from the hub and needs a `revision` (commit hash on its page)")
        return self


class TextClassifierVerdict(Classifier):
    """A sequence classifier reads the turns."""

    by: Literal["classifier"]
    """A model of the class `AutoModelForSequenceClassification`."""
    reads: Spoken = "all"
    """Whose turns are read."""
    window_tokens: Annotated[int, Field(ge=8)] = 512
    """Tokens that the model reads at once; of a longer text every window is read, and the worst one counts."""


class ImageClassifierVerdict(Classifier):
    """An image classifier sees every picture; the worst one counts."""

    by: Literal["classifier"]
    """A model of the class `AutoModelForImageClassification`."""


TextJudge = Annotated[
    NoVerdict | TruthVerdict | RulesVerdict | TextClassifierVerdict,
    Field(discriminator="by"),
]
ImageJudge = Annotated[NoVerdict | TruthVerdict | ImageClassifierVerdict, Field(discriminator="by")]


class SafetyFilter(Frozen):
    """Which conversations of a set are left out because text or picture is unsafe."""

    text: TextJudge = NoVerdict(by="none")
    """Who judges the turns."""
    image: ImageJudge = NoVerdict(by="none")
    """Who judges the pictures; rows without one are not judged."""

    @model_validator(mode="after")
    def _somebody_judges(self) -> "SafetyFilter":
        if self.text.by == self.image.by == "none":
            raise ValueError("neither `text` nor `image` is judged: set `by` of one of them, or leave the filter out")
        return self
