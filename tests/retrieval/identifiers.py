"""Ragged identifiers for the tests of the prefix tree and of decoding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from lineage.retrieval.prefix_tree import END, Ints, PrefixTree, build


def tree_of(identifiers: Sequence[Sequence[int]]) -> PrefixTree:
    """The tree of identifiers that are given without their end."""
    return build(*closed(identifiers))


def closed(identifiers: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """Symbols of all identifiers with their ends, and where each begins."""
    lengths = [len(one) + 1 for one in identifiers]
    symbols = [symbol for one in identifiers for symbol in (*one, END)]
    return np.array(symbols, dtype=np.int32), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def corpora(*, symbols: int = 5, longest: int = 4, most: int = 12) -> st.SearchStrategy[list[list[int]]]:
    """Ragged, nested and duplicate identifiers: few symbols make all three likely."""
    one = st.lists(st.integers(2, symbols + 1), min_size=1, max_size=longest)
    return st.lists(one, min_size=1, max_size=most)
