"""From queries to ranked documents: batches that fit in memory, shared titles, and the paper's repeated passes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineage.config.decoding import Decoding
from lineage.retrieval.decoding.cached import CachedDecoder
from lineage.retrieval.decoding.scores import PADDING
from lineage.retrieval.decoding.search import Finished, search
from lineage.retrieval.decoding.space import SearchSpace

STEP_BYTES = 2**28
"""Memory that one step may take for logits and continuations: so many queries are decoded together."""
BYTES_OF_CONTINUATION = 32
"""Two node or row numbers of 8 bytes, scores, and masks."""


@dataclass
class Ranking:
    """Documents found for one query, best first, each once."""

    documents: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    """Of the identifier; documents that share it have the same."""
    leaves: list[int] = field(default_factory=list)
    """The identifier that named each document."""


def retrieve(
    model: Any, space: SearchSpace, input_ids: Tensor, attention_mask: Tensor, settings: Decoding, *, depth: int
) -> list[Ranking]:
    """The first `depth` documents of each of [query, token] padded queries, on the device of the model.

    Deterministic; float32 scores change in their last digits with the number of queries that are decoded together.

    Args:
        model: an encoder-decoder in evaluation mode; row i of its decoder vocabulary is row i of `space`. Mode `exact`
            needs a space over own paths, the other modes one over symbols.

    Raises:
        ValueError: the model has another vocabulary than the space.
    """
    rows = model.get_output_embeddings().weight.shape[0]
    if rows < space.num_rows:
        raise ValueError(f"the model's decoder has {rows} rows, but the tree was built for {space.num_rows}")
    passes = _in_rounds if settings.rounds == "paper" else _in_one
    together = queries_together(space, settings, num_rows=rows)
    found: list[Ranking] = []
    for ids, mask in zip(input_ids.split(together), attention_mask.split(together), strict=True):
        found += passes(model, space, ids, mask, settings, depth)
    return found


def queries_together(space: SearchSpace, settings: Decoding, *, num_rows: int, step_bytes: int = STEP_BYTES) -> int:
    """How many queries fit into the memory of a step: logits, and continuations at the widest level."""
    widest = max(int(wide) * rows for wide, rows in zip(space.tree.widest, space.most_rows, strict=False))
    of_beam = 2 * 4 * num_rows + BYTES_OF_CONTINUATION * min(widest, PADDING * num_rows)
    nodes = space.tree.num_nodes if settings.rounds == "paper" else 0
    return max(1, step_bytes // (settings.beam * of_beam + nodes))


def ranked(space: SearchSpace, finished: Finished, wanted: int) -> list[Ranking]:
    """The first `wanted` documents of each query: by score, equal ones by their number."""
    scores, leaves = finished.score.cpu().numpy(), finished.leaf.cpu().numpy()
    return [_ranking(space, *one, wanted) for one in zip(scores, leaves, strict=True)]


def _ranking(space: SearchSpace, scores: NDArray[np.float32], leaves: NDArray[np.int64], wanted: int) -> Ranking:
    tree, found, seen = space.tree, Ranking(), set[int]()
    real = leaves >= 0
    scores, leaves = scores[real], leaves[real]
    for place in np.lexsort((tree.documents[tree.first_document[leaves]], -scores)):
        leaf = int(leaves[place])
        if leaf in seen:  # mode `all` finds an identifier by several paths; the first is the best
            continue
        seen.add(leaf)
        for document in tree.documents_of(leaf)[: wanted - len(found.documents)].tolist():
            found.documents.append(document)
            found.scores.append(float(scores[place]))
            found.leaves.append(leaf)
    return found


def _in_one(model: Any, space: SearchSpace, ids: Tensor, mask: Tensor, settings: Decoding, depth: int) -> list[Ranking]:
    decoder = CachedDecoder(model, ids, mask)
    return ranked(space, search(decoder, space, settings, queries=len(ids)), depth)


def _in_rounds(
    model: Any, space: SearchSpace, ids: Tensor, mask: Tensor, settings: Decoding, depth: int
) -> list[Ranking]:
    """Passes over what earlier passes did not find, as the released code ranks: by pass first, by score second."""
    found = [Ranking() for _ in ids]
    removals = Removals.of(space, len(ids))
    for _ in range(2 * depth):
        waiting = [at for at, one in enumerate(found) if len(one.documents) < depth and removals.left(at)]
        if not waiting:
            break
        chosen = torch.tensor(waiting, device=ids.device)
        decoder = CachedDecoder(model, ids[chosen], mask[chosen])
        blocked = removals.blocked[chosen]
        finished = search(decoder, space, settings, queries=len(waiting), blocked=blocked)
        for at, one in zip(waiting, ranked(space, finished, depth), strict=True):
            _append(found[at], one, depth)
            removals.remove(at, sorted(set(one.leaves)))
    return found


def _append(found: Ranking, more: Ranking, wanted: int) -> None:
    left = wanted - len(found.documents)
    found.documents += more.documents[:left]
    found.scores += more.scores[:left]
    found.leaves += more.leaves[:left]


@dataclass
class Removals:
    """Which nodes each query may no longer write, because every identifier below has been found."""

    blocked: Tensor
    """[Q, node]"""
    below: list[dict[int, int]]
    """[Q] {node: identifiers left below it}, where some are gone."""
    all_below: NDArray[np.integer]
    parents: NDArray[np.integer]
    node_of_leaf: NDArray[np.integer]

    @classmethod
    def of(cls, space: SearchSpace, queries: int) -> Removals:
        """Nothing removed yet."""
        tree = space.tree
        blocked = torch.zeros((queries, tree.num_nodes), dtype=torch.bool, device=space.symbol.device)
        node_of_leaf = np.flatnonzero(tree.leaf >= 0)
        return cls(blocked, [{} for _ in range(queries)], tree.leaves_below(), tree.parents(), node_of_leaf)

    def left(self, query: int) -> int:
        """Identifiers that the query may still write."""
        return self.below[query].get(0, int(self.all_below[0]))

    def remove(self, query: int, leaves: list[int]) -> None:
        """Takes identifiers out of the tree of one query, and with them what leads to nothing else."""
        emptied: list[int] = []
        for leaf in leaves:
            node = int(self.node_of_leaf[leaf])
            while node >= 0:
                left = self.below[query].get(node, int(self.all_below[node])) - 1
                self.below[query][node] = left
                if left == 0:
                    emptied.append(node)
                node = int(self.parents[node])
        self.blocked[query, torch.tensor(emptied, dtype=torch.long, device=self.blocked.device)] = True
