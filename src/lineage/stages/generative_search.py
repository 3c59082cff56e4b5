"""Search a retrieval set with a generative retriever: it writes identifiers along the tree of all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.decoding import GenerativeSearch
from lineage.config.execution import Execution
from lineage.models.device import device_for
from lineage.models.encoder_decoder import open_t5, open_t5_tokenizer
from lineage.parts import Parts
from lineage.retrieval import schemas
from lineage.retrieval.decoding.retrieve import retrieve
from lineage.retrieval.decoding.space import SearchSpace, tree_and_rows
from lineage.retrieval.dense import padded
from lineage.retrieval.indexed import open_vocabulary
from lineage.retrieval.runs import Found
from lineage.retrieval.searching import in_parts, search
from lineage.retrieval.sequences import cut
from lineage.retrieval.tables import QueryRow, read_documents, read_queries
from lineage.retrieval.titles import encoded

TREE = "tree"
"""Folder of the prefix tree."""
TOGETHER = 16
"""Queries that are decoded together, where memory allows."""


def generative_search(
    config: GenerativeSearch, *, retriever: Artifact, retrieval_set: Artifact, execution: Execution, out: ArtifactWriter
) -> None:
    """Writes the prefix tree and the run.

    Raises:
        UserError: a retriever that was trained on another set.
        StoppedEarly: before the time limit; queries that were searched for are not searched for again.
    """
    torch.set_num_threads(execution.threads)
    model, tokenizer = open_t5(retriever.folder).eval(), open_t5_tokenizer(retriever.folder)
    vocabulary = open_vocabulary(retriever, retrieval_set)
    started = time.perf_counter()
    tree, first_row = tree_and_rows(vocabulary, config.decoding.mode)
    tree.save(out.folder / TREE)
    out.run["build"] = {"seconds": time.perf_counter() - started}
    space = SearchSpace.of(tree, first_row, device_for(execution))
    queries = read_queries(retrieval_set.path(schemas.QUERIES), config.splits)
    names = [document.id for document in read_documents(retrieval_set.path(schemas.DOCUMENTS))]
    find = partial(_found, config, torch.nn.Module.to(model, device_for(execution)), tokenizer, space, names)
    parts = Parts(out, execution)
    found = in_parts(find, queries, parts, together=TOGETHER)
    size = _bytes(retriever.folder.glob("model*.safetensors")) + _bytes((out.folder / TREE).iterdir())
    search(found, out, queries=queries, tag="generative", index_bytes=size, parts=parts)
    nodes = {"nodes": tree.num_nodes, "longest identifier": tree.depth - 1}
    out.counts |= {"documents": tree.num_documents, "identifiers": tree.num_leaves, **nodes}


def _found(
    config: GenerativeSearch,
    model: Any,
    tokenizer: PreTrainedTokenizerFast,
    space: SearchSpace,
    names: list[str],
    queries: Sequence[QueryRow],
) -> Iterator[Found]:
    device = space.symbol.device
    tokens = [cut(one, config.query_tokens) for one in encoded(tokenizer, [query.text for query in queries])]
    ids, mask = padded(tokens, tokenizer)
    rankings = retrieve(model, space, ids.to(device), mask.to(device), config.decoding, depth=config.depth)
    for query, ranking in zip(queries, rankings, strict=True):
        falling = np.minimum.accumulate(ranking.scores)  # with `rounds: paper` a later pass may score higher
        yield Found(query.id, [names[row] for row in ranking.documents], falling)


def _bytes(paths: Iterator[Path]) -> int:
    return sum(path.stat().st_size for path in paths)
