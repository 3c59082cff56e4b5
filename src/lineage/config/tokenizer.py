"""Configs of tokenizer training and of tokenization."""

import string
from typing import Literal

from pydantic import Field, field_validator, model_validator

from lineage.config.base import Frozen


class ExistingTokenizer(Frozen):
    """A tokenizer made elsewhere: a hub model's, or a folder's."""

    path: str | None = None
    """Folder with `tokenizer.json`, relative to `data_root`; the workflow hands it to the stage as `source`."""
    name: str | None = None
    """Hub id of a model or tokenizer, such as `EleutherAI/pythia-14m`; null when `path` names a folder."""
    revision: str | None = None
    """Commit hash (or tag); required with `name`."""

    @model_validator(mode="after")
    def _one_place(self) -> "ExistingTokenizer":
        if self.name is not None and self.path is not None:
            raise ValueError(f"name is '{self.name}' and path is '{self.path}': give one of them (hub id or folder)")
        if self.name is not None and self.revision is None:
            raise ValueError(f"'{self.name}' is read from the hub and needs a `revision` (commit hash on its page)")
        return self


class Tokenizer(Frozen):
    """A byte-level BPE trained on the corpus, or an existing tokenizer."""

    existing: ExistingTokenizer | None = None
    """Take this tokenizer instead of training one; the other keys are then unused."""
    vocab_size: int = Field(default=4096, ge=1)
    """Entries at most: special tokens, 256 bytes, merges and the world's words together."""
    min_frequency: int = Field(default=2, ge=1)
    """A pair that occurs less often is not merged."""
    sample_characters: int | None = Field(default=None, ge=1)
    """Train on about so many characters, drawn document by document from the whole corpus; on all when null."""
    seed: int = 0
    """Seed of that draw."""


class Tokens(Frozen):
    """How documents become tokens."""

    part: Literal["training", "continuation"] = "training"
    """Part of the corpus: what models are trained on, or what is kept back for runs that go on from a checkpoint."""
    template: str = "{text}"
    """The string that is tokenized for a document; may hold {text} and {title}."""

    @field_validator("template")
    @classmethod
    def _known_fields(cls, template: str) -> str:
        parsed = list(string.Formatter().parse(template))
        fields = [name for _, name, _, _ in parsed if name is not None]
        plain = all(not spec and conversion is None for _, _, spec, conversion in parsed)
        if not plain or "text" not in fields or set(fields) - {"text", "title"}:
            raise ValueError(f"'{template}' must hold {{text}}, may hold {{title}}, and nothing else in braces")
        return template
