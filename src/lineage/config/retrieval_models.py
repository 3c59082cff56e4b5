"""What the stages read that make generative retrievers: their vocabularies and their training."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lineage.config.base import Frozen
from lineage.config.training import Optimizer


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


class SequenceOptimization(Optimizer):
    """The optimizer, and the batches of an encoder-decoder model."""

    batch_pairs: Annotated[int, Field(ge=1)] = 64
    """Pairs of a text that is read and a text that is written, of one optimizer step."""


class T5Pretraining(Frozen):
    """Span corruption (arXiv 1910.10683, section 3.1.4) on the documents of a retrieval set, from scratch."""

    architecture: T5Architecture = T5Architecture()
    """Sizes of the model."""
    row_tokens: Annotated[int, Field(ge=8)] = 64
    """Tokens of a document that are read at once; of longer ones a window that is drawn."""
    masked_share: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of the tokens that are masked."""
    mean_span: Annotated[float, Field(ge=1)] = 3.0
    """Mean tokens of a masked span."""
    optimization: SequenceOptimization = SequenceOptimization()
    """Batches, learning rate, optimizer, seed."""
    steps: Annotated[int, Field(ge=0)]
    """Optimizer steps; 0 keeps the random weights, as a control for what pretraining is worth."""


class DecoderTable(Frozen):
    """How the decoder uses its contextual rows."""

    table: Literal["trainable", "frozen"] = "trainable"
    """Whether rows change in training (the code of arXiv 2210.02068) or stay (its text)."""
    logit_scale: Literal["by_table", "none", "inverse_root"] = "by_table"
    """Logits times 1 (`none`) or d^-0.5 (`inverse_root`). `by_table`: `none` for a trainable table, `inverse_root` for
    a frozen one, as in the code."""
    input_scale: Annotated[float, Field(gt=0)] | Literal["match"] = 1.0
    """What rows are multiplied by where the decoder reads them; `match`: to the mean length of the encoder's table."""

    @property
    def scales_logits(self) -> bool:
        """Whether logits are multiplied by d^-0.5."""
        by_table = "none" if self.table == "trainable" else "inverse_root"
        return (by_table if self.logit_scale == "by_table" else self.logit_scale) == "inverse_root"


class RetrieverRun(Frozen):
    """The part of a generative retriever's training that all its segments share."""

    query_tokens: Annotated[int, Field(ge=2)] = 64
    """Tokens of a query, end included; the rest is cut."""
    document_tokens: Annotated[int, Field(ge=2)] = 128
    """Tokens of a document's text where it is read instead of a query."""
    document_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of what is read that is documents, whose own identifier is the answer; so an ordinary vocabulary sees the
    text that a contextual one was made of."""
    decoder: DecoderTable | None = DecoderTable()
    """How contextual rows are used; None: the ordinary vocabulary of the T5, tied and scaled as it is."""
    measure_every: Annotated[int, Field(ge=1)] = 100
    """Steps between two measurements on the validation queries."""
    optimization: SequenceOptimization = SequenceOptimization()
    """Batches, learning rate, optimizer, seed."""
    steps: Annotated[int, Field(ge=1)]
    """Horizon of the run in optimizer steps: the learning-rate schedule ends here."""


class Retriever(RetrieverRun):
    """One segment: steps `first_step` to `last_step` of the run; between two segments the vocabulary may be renewed."""

    first_step: Annotated[int, Field(ge=0)] = 0
    """Optimizer steps already taken by the retriever that the segment goes on with."""
    last_step: Annotated[int, Field(ge=1)]
    """Optimizer steps taken when the segment ends."""

    @model_validator(mode="after")
    def _segment_is_ordered(self) -> "Retriever":
        if not self.first_step < self.last_step <= self.steps:
            raise ValueError(
                f"a segment from step {self.first_step} to {self.last_step} of a run of {self.steps} steps"
            )
        return self


class TokenContrast(Frozen):
    """Stage 1 of CONTRA: the decoder's first state of a query meets the rows of its identifier's tokens."""

    rivals: Literal["base", "total"] = "base"
    """`base`: the rows of the other examples of the step; `total`: all rows of the vocabulary."""
    mask_same_row: bool = False
    """With `base`: leave out rivals that are the row that is sought; the paper's code keeps them."""
    query_tokens: Annotated[int, Field(ge=2)] = 64
    """Tokens of a query, end included; the rest is cut."""
    optimization: SequenceOptimization = SequenceOptimization()
    """Batches, learning rate, optimizer, seed; with `base` a pair is a query and one token of its identifier."""
    steps: Annotated[int, Field(ge=1)]
    """Optimizer steps."""
