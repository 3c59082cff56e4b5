"""What the stages read that make generative retrievers: their vocabularies and their training."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lineage.config.base import Frozen


class Clustering(Frozen):
    """k-means of the vectors of one token; the defaults are those of scikit-learn when the paper was written."""

    backend: Literal["torch", "faiss", "sklearn"] = "torch"
    """`torch`: all tokens together. The others: one token after the other, to compare with."""
    n_init: Annotated[int, Field(ge=1)] = 10
    """Restarts, of which the one with the least inertia is kept."""
    max_iter: Annotated[int, Field(ge=1)] = 300
    """Iterations of a restart at most."""
    tol: Annotated[float, Field(ge=0)] = 1e-4
    """A restart ends when its centers move less: squared, as a share of the mean variance."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of k-means++, together with the number of the token's group."""


class T5Architecture(Frozen):
    """Sizes of a T5 that is built from scratch; encoder and decoder have the same."""

    width: Annotated[int, Field(ge=8)] = 64
    """Width of the states (d_model)."""
    layers: Annotated[int, Field(ge=1)] = 2
    """Layers of each half."""
    heads: Annotated[int, Field(ge=1)] = 4
    """Attention heads; they share the width."""
    feed_forward: Annotated[int, Field(ge=8)] = 256
    """Width of the feed-forward layers."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout; T5 was trained with 0.1."""

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> "T5Architecture":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of heads {self.heads}")
        return self
