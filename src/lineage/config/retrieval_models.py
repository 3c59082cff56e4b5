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


Assignment = Literal["kmeans", "shuffled", "random_rows"]
"""How occurrences get their rows, and two controls; see `ContextualVocabulary.assignment`."""


class ContextualVocabulary(Frozen):
    """Rows of a decoder vocabulary: encoder states of the tokens of identifiers, clustered token by token."""

    paragraphs: Annotated[int, Field(ge=0)] = 5
    """Paragraphs of a document that its identifier is read with; 0 reads it alone."""
    max_tokens: Annotated[int, Field(ge=1)] = 2000
    """Tokens of identifier and paragraphs together; the rest is cut."""
    clusters: Annotated[int, Field(ge=1)] | Literal["all"] = 5
    """Rows of one token at most; `all` keeps every distinct state."""
    clustering: Clustering = Clustering()
    """How they are found."""
    assignment: Assignment = "kmeans"
    """`kmeans`: the row of the own state. Controls: `shuffled` deals the rows of a token to its occurrences at random;
    `random_rows` keeps which occurrences share a row, and gives rows random directions."""
