"""What a search may write: the prefix tree and the vocabulary rows of its symbols, as tensors on the model's device.

Shapes: Q queries, B beams, W children (padded), K rows of a symbol (padded).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from lineage.retrieval.prefix_tree import END, Ints, PrefixTree, build
from lineage.retrieval.vocabulary import Vocabulary

PLACEHOLDER = 1
"""The node that pads lists of children; it exists in every tree and is masked."""


@dataclass(frozen=True)
class SearchSpace:
    """A tree over symbols, each of which owns a run of consecutive rows of the decoder's vocabulary."""

    tree: PrefixTree
    first_child: Tensor
    symbol: Tensor
    leaf: Tensor
    """The tree's arrays of these names."""
    first_row: Tensor
    """[symbol + 1] int64; the rows of symbol g are first_row[g] to first_row[g + 1] - 1."""
    symbol_of_row: Tensor
    """[row] int64."""
    most_rows: list[int]
    """[level] the most rows that a symbol after a node of this level has."""

    @classmethod
    def of(cls, tree: PrefixTree, first_row: Ints, device: torch.device) -> SearchSpace:
        """Moves the tree to the device.

        `first_row` [symbol + 1]: with groups of rows, where each group begins; where every symbol is a row (titles in
        the ordinary vocabulary, or own paths) `np.arange(rows + 1)`.

        Raises:
            ValueError: a symbol of the tree has no rows.
        """
        num_rows = np.diff(first_row)
        largest = int(tree.symbol.max())
        if largest >= len(num_rows):
            raise ValueError(f"the tree holds symbol {largest}, but the vocabulary has only {len(num_rows)}")
        rows_of_node = num_rows[tree.symbol[1:]]
        if rows_of_node.min() < 1:
            empty = int(tree.symbol[1 + int(np.argmin(rows_of_node))])
            raise ValueError(f"symbol {empty} of the tree has no row in the vocabulary")
        starts = (tree.first_node[1:-1] - 1).astype(np.int64)
        return cls(
            tree=tree,
            first_child=_moved(tree.first_child, device),
            symbol=_moved(tree.symbol, device),
            leaf=_moved(tree.leaf, device),
            first_row=_moved(first_row.astype(np.int64), device),
            symbol_of_row=_moved(np.repeat(np.arange(len(num_rows)), num_rows), device),
            most_rows=np.maximum.reduceat(rows_of_node, starts).tolist(),
        )

    @property
    def num_rows(self) -> int:
        """Rows of all symbols."""
        return len(self.symbol_of_row)

    def children(self, nodes: Tensor, level: int, blocked: Tensor | None) -> tuple[Tensor, Tensor]:
        """[Q, B, W] children of [Q, B] nodes of one level, and whether each may be written.

        `blocked` [Q, node] marks what a query may no longer write.
        """
        first = self.first_child[nodes].long()
        count = self.first_child[nodes + 1].long() - first
        # Reading a count back costs nothing on the CPU; elsewhere it would stop the device at every step.
        width = max(1, int(count.max())) if nodes.device.type == "cpu" else int(self.tree.widest[level])
        place = torch.arange(width, device=nodes.device)
        legal = place < count.unsqueeze(-1)
        child = torch.where(legal, first.unsqueeze(-1) + place, PLACEHOLDER)
        if blocked is not None:
            legal = legal & ~blocked.gather(1, child.flatten(1)).view_as(child)
        return child, legal

    def rows_of(self, nodes: Tensor, level: int) -> tuple[Tensor, Tensor]:
        """[..., K] rows of the symbols that lead to [...] nodes below `level`, and which of them are there."""
        symbol = self.symbol[nodes].long()
        first = self.first_row[symbol].unsqueeze(-1)
        place = torch.arange(self.most_rows[level], device=nodes.device)
        present = place < self.first_row[symbol + 1].unsqueeze(-1) - first
        return torch.where(present, first + place, first), present

    def is_end(self, nodes: Tensor) -> Tensor:
        """Whether an identifier is complete at each node."""
        return self.symbol[nodes] == END


def tree_and_rows(vocabulary: Vocabulary, mode: Literal["all", "max", "marginal", "exact"]) -> tuple[PrefixTree, Ints]:
    """The tree that a mode searches, and [symbol + 1] where the rows of its symbols begin.

    Symbols are groups of rows; in `exact` the rows themselves, so that documents are tied to their own paths.
    """
    if mode == "exact":
        return build(vocabulary.path_row, vocabulary.path_first), np.arange(vocabulary.num_rows + 1)
    return build(vocabulary.path_group(), vocabulary.path_first), vocabulary.group_first


def _moved(values: Ints, device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(values)).to(device)
