"""The prefix tree of all identifiers: what may follow what has been written, and which documents an end names.

Nodes are numbered level by level, and the children of a node one after the other, ordered by symbol. So three arrays
hold the tree: the first child of each node (its last is the one before the next node's first), the symbol that leads
to it, and the leaf it is, if any. An end symbol closes every identifier, so that one may begin another: with 2 = Cape
and 3 = Town, "Cape" is [2] and "Cape Town" [2, 3],

    level            0    1    2       3
    node             0    1    2    3  4
    symbol           -1   2    1    3  1
    first_child      1    2    4    4  5   5
    leaf             -1   -1   0   -1  1
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer]

END = 1
"""The symbol that closes every identifier; 0 is left to padding."""
FIRST_SYMBOL = 2
"""The smallest symbol of an identifier."""


@dataclass(frozen=True)
class PrefixTree:
    """Compressed rows of children in breadth-first order, in memory or mapped from files."""

    first_child: Ints
    """[node + 1] int32; the children of node n are first_child[n] to first_child[n + 1] - 1."""
    symbol: Ints
    """[node] int32; -1 at the root."""
    leaf: Ints
    """[node] int32; number of the identifier that ends here, -1 at all others. Leaves are numbered as nodes are."""
    first_document: Ints
    """[leaf + 1] int64; where the documents of a leaf begin in `documents`."""
    documents: Ints
    """[document] int64; documents with equal identifiers stand together, in their own order."""
    first_node: Ints
    """[level + 1] int64; where each level begins; the root is level 0."""
    widest: Ints
    """[level] int64; the most children of a node of each level."""
    branching: Ints
    """[level] int64; how many nodes of each level have children."""

    @property
    def num_nodes(self) -> int:
        """Nodes, the root and the ends included."""
        return len(self.symbol)

    @property
    def num_leaves(self) -> int:
        """Different identifiers."""
        return len(self.first_document) - 1

    @property
    def num_documents(self) -> int:
        """Documents, those that share an identifier included."""
        return len(self.documents)

    @property
    def depth(self) -> int:
        """Symbols of the longest identifier, its end included: steps of a search."""
        return len(self.first_node) - 2

    @property
    def num_bytes(self) -> int:
        """Bytes of all arrays."""
        return sum(getattr(self, field.name).nbytes for field in fields(self))

    def children(self, node: int) -> range:
        """The nodes one symbol further."""
        return range(int(self.first_child[node]), int(self.first_child[node + 1]))

    def documents_of(self, leaf: int) -> Ints:
        """The documents that the identifier of a leaf names, in their order."""
        return self.documents[self.first_document[leaf] : self.first_document[leaf + 1]]

    def parents(self) -> Ints:
        """[node] the node one symbol before; -1 of the root."""
        counts = np.diff(self.first_child)
        return np.concatenate([[-1], np.repeat(np.arange(self.num_nodes), counts)])

    def leaves_below(self) -> Ints:
        """[node] how many identifiers begin with what has been written there."""
        below = (self.leaf >= 0).astype(np.int64)
        parents = self.parents()
        for level in range(self.depth, 0, -1):
            nodes = slice(int(self.first_node[level]), int(self.first_node[level + 1]))
            np.add.at(below, parents[nodes], below[nodes])
        return below

    def save(self, folder: Path) -> None:
        """Writes one `.npy` an array into a folder that is made."""
        folder.mkdir(parents=True)
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name), allow_pickle=False)

    @classmethod
    def open(cls, folder: Path) -> PrefixTree:
        """A saved tree, mapped: pages are read when they are looked at."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names))


def build(symbols: Ints, offsets: Ints) -> PrefixTree:
    """The tree of ragged identifiers: that of document i is `symbols[offsets[i] : offsets[i + 1]]`, its end included.

    One column after the other, documents are sorted by the node they are at and the symbol that follows; runs of equal
    pairs are the nodes of the next level. Time is that of sorting the documents once a column; memory grows with the
    number of documents plus nodes.

    Raises:
        ValueError: no documents, an identifier that is empty, or holds padding, or whose one end is not at its end.
    """
    _check(symbols, offsets)
    num_symbols = int(symbols.max()) + 1
    waiting = np.arange(len(offsets) - 1)
    at = np.zeros(len(waiting), dtype=np.int64)
    levels: list[_Level] = []
    while len(waiting):
        symbol = symbols[offsets[waiting] + len(levels)].astype(np.int64)
        level, order, number = _grow(at * num_symbols + symbol, num_symbols, len(levels[-1].symbol) if levels else 1)
        waiting, ended = waiting[order], level.symbol[number] == END
        level.documents, level.ends_at = waiting[ended], number[ended]
        waiting, at = waiting[~ended], number[~ended]
        levels.append(level)
    return _joined(levels)


@dataclass
class _Level:
    """The nodes one symbol further than the level before."""

    symbol: Ints
    """[node]"""
    children_of_parent: Ints
    """[node of the level before] how many of these nodes are its children."""
    documents: Ints
    """[document that ends here] ordered by node, then by number."""
    ends_at: Ints
    """[document that ends here] its node."""


def _check(symbols: Ints, offsets: Ints) -> None:
    lengths = np.diff(offsets)
    if len(lengths) == 0:
        raise ValueError("a prefix tree needs one document or more, and there is none")
    if lengths.min() < 2:
        raise ValueError(f"document {int(np.argmin(lengths))} has an empty identifier: nothing would lead to it")
    special = symbols < FIRST_SYMBOL
    is_last = np.zeros(len(symbols), dtype=bool)
    is_last[offsets[1:] - 1] = True
    wrong = np.flatnonzero((special != is_last) | (special & (symbols != END)))
    if len(wrong):
        document = int(np.searchsorted(offsets, wrong[0], side="right")) - 1
        raise ValueError(
            f"the identifier of document {document} is {symbols[offsets[document] : offsets[document + 1]].tolist()}:"
            f" it must hold symbols of {FIRST_SYMBOL} and above, and the end ({END}) once, last"
        )


def _grow(keys: Ints, num_symbols: int, parents: int) -> tuple[_Level, Ints, Ints]:
    """The level below, the order that sorts the documents into it, and [document in that order] its node there."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    number = np.cumsum(starts) - 1
    nodes = ordered[starts]
    counts = np.bincount(nodes // num_symbols, minlength=parents)
    nothing = np.empty(0, dtype=np.int64)
    return _Level((nodes % num_symbols).astype(np.int32), counts, nothing, nothing), order, number


def _joined(levels: list[_Level]) -> PrefixTree:
    """The levels one after the other under a root."""
    sizes = [1, *(len(level.symbol) for level in levels)]
    counts = [*(level.children_of_parent for level in levels), np.zeros(sizes[-1], dtype=np.int64)]
    symbol = np.concatenate([np.array([-1], dtype=np.int32), *(level.symbol for level in levels)])
    if len(symbol) > np.iinfo(np.int32).max:
        raise ValueError(f"{len(symbol)} nodes are more than 32 bits can number; shorten the identifiers")
    is_leaf = symbol == END
    documents_at_leaf = np.concatenate([np.unique(level.ends_at, return_counts=True)[1] for level in levels])
    return PrefixTree(
        first_child=np.concatenate([[1], 1 + np.cumsum(np.concatenate(counts))]).astype(np.int32),
        symbol=symbol,
        leaf=np.where(is_leaf, np.cumsum(is_leaf) - 1, -1).astype(np.int32),
        first_document=np.concatenate([[0], np.cumsum(documents_at_leaf)]).astype(np.int64),
        documents=np.concatenate([level.documents for level in levels]).astype(np.int64),
        first_node=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        widest=np.array([part.max() for part in counts], dtype=np.int64),
        branching=np.array([np.count_nonzero(part) for part in counts], dtype=np.int64),
    )
