"""Dense retrievers as an experiment names them: trained here, taken as they are, or a table under a frozen body."""

from typing import Literal

from pydantic import model_validator

from lineage.config.dense import BiEncoder, DenseIndex
from lineage.config.names import ModelReference, Name


class DenseEntry(DenseIndex):
    """Vectors of documents and queries, an index, and its run."""

    stage: Literal["dense"]
    """Encodes, indexes and searches."""
    set: Name
    """Retrieval set that is searched, and trained on."""
    encoder: ModelReference
    """Encoder (or encoder-decoder, of which the encoder is taken) that reads queries and documents."""
    training: BiEncoder | None = None
    """Train it as a bi-encoder on the set's training queries first; null searches with it as it is."""
    vocabulary: Name | None = None
    """Contextual vocabulary (from `vocabularies`) of this set: documents are the means of their own rows in its table,
    and the encoder, unchanged, reads queries only."""

    @model_validator(mode="after")
    def _body_of_a_table_is_frozen(self) -> "DenseEntry":
        if self.training is not None and self.vocabulary is not None:
            raise ValueError(
                "training and vocabulary are both set, but a table is searched by the encoder that made it, unchanged:"
                " leave one out"
            )
        return self
