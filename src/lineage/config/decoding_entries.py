"""A generative retriever searched in another way, as an experiment names it: the same checkpoint, another decoding."""

from typing import Literal

from lineage.config.decoding import GenerativeSearch
from lineage.config.models import Name


class DecodingEntry(GenerativeSearch):
    """Another search with a generative retriever that is trained anyway, to compare ways of decoding alone."""

    stage: Literal["decoding"]
    """Searches; trains nothing."""
    set: Name
    """Retrieval set that is searched; the retriever's own."""
    of: Name
    """Generative retriever whose last checkpoint writes."""
