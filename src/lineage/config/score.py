"""What the stage `score_language` reads: first scores of every language model."""

from typing import Annotated

from pydantic import Field

from lineage.config.base import Frozen


class LanguageScore(Frozen):
    """Held-out bits per byte, and closed-book recall of world facts by how often training showed them."""

    held_out_documents: Annotated[int, Field(ge=1)] | None = None
    """Held-out documents that are read, in the order of the file; None reads all."""
    context_tokens: Annotated[int, Field(ge=8)] = 256
    """Longest context of the held-out measurement; longer documents are read in pieces of this length."""
    batch_tokens: Annotated[int, Field(ge=1)] = 8192
    """Tokens of one forward pass, padding included."""
    bootstrap_samples: Annotated[int, Field(ge=100)] = 2000
    """Resamples of the 95 % intervals (over documents for bits per byte, over subjects for recall)."""
    seed: int = 0
    """Seed of the bootstrap."""
