"""BM25 as Lucene computes it, in NumPy: document lengths are stored in one byte, so longer ones are coarse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

EXACT_BELOW = 40
_FREE = 24
_BITS = 4


def coarse_length(length: int) -> int:
    """What Lucene's byte gives back: exact below 40; behind that, above 24, the 4 leading binary digits.

    >>> [coarse_length(one) for one in (39, 40, 41, 57)]
    [39, 40, 40, 56]
    """
    if length < EXACT_BELOW:
        return length
    above = length - _FREE
    shift = max(above.bit_length() - _BITS, 0)
    return _FREE + (above >> shift << shift)


class LuceneBm25:
    """Scores every document for a query of terms."""

    def __init__(self, documents: Sequence[Sequence[str]], *, k1: float, b: float, coarse: bool = True):
        self._counts = [Counter(one) for one in documents]
        self._frequency = Counter(term for one in self._counts for term in one)
        lengths = [len(one) for one in documents]
        kept = np.array([coarse_length(one) if coarse else one for one in lengths], dtype=np.float64)
        self._norm = k1 * (1 - b + b * kept / np.mean(lengths))

    def scores(self, query: Sequence[str]) -> NDArray[np.float64]:
        """[document]; a term counts as often as it stands in the query."""
        total = np.zeros(len(self._counts))
        for term in query:
            frequency = self._frequency[term]
            idf = np.log(1 + (len(self._counts) - frequency + 0.5) / (frequency + 0.5))
            counts = np.array([one[term] for one in self._counts], dtype=np.float64)
            total += idf * counts / (counts + self._norm)
        return total
