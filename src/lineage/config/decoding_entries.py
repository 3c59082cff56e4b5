"""A generative retriever searched in another way, as an experiment names it: the same checkpoint, another decoding."""

from typing import Literal

from lineage.config.decoding import GenerativeSearch
from lineage.config.names import ModelReference, Name


class DecodingEntry(GenerativeSearch):
    """Another search with a generative retriever that is trained anyway, to compare ways of decoding alone."""

    stage: Literal["decoding"]
    """Searches; trains nothing."""
    set: Name
    """Retrieval set that is searched; the retriever's own."""
    of: ModelReference
    """Generative retriever that writes: its last checkpoint, or one of its `checkpoints` (`contextual@200`)."""

    @property
    def retriever(self) -> str:
        """Name of the retriever that writes."""
        return self.of.partition("@")[0]
