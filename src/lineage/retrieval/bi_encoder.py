"""A bi-encoder in training: pairs of query and document, and the similarities of all queries with all documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from lineage.config.dense import BiEncoder
from lineage.conversations.order import MixtureOrder, Part
from lineage.data.batch import Batch
from lineage.retrieval.dense import TextEncoder, padded, tokenize


class PairScorer(nn.Module):
    """[query, document] similarities over the temperature, of all queries and documents of a step."""

    def __init__(self, encoder: TextEncoder, temperature: float):
        super().__init__()
        self.encoder, self.temperature = encoder, temperature

    def forward(self, query_ids: Tensor, query_mask: Tensor, document_ids: Tensor, document_mask: Tensor) -> Tensor:
        """Row i of both is a pair."""
        queries, documents = self.encoder(query_ids, query_mask), self.encoder(document_ids, document_mask)
        return queries @ documents.T / self.temperature


class PairBatches:
    """`batches(step)`: pairs of a query and one of its relevant documents, each pair once a pass in random order."""

    def __init__(
        self,
        queries: Sequence[str],
        documents: Sequence[str],
        relevant: Mapping[int, Sequence[int]],
        tokenizer: PreTrainedTokenizerFast,
        config: BiEncoder,
    ):
        """`relevant`: {number of a query: numbers of its documents}, for training queries."""
        self._queries, self._documents, self._tokenizer, self._config = queries, documents, tokenizer, config
        self._relevant = {query: frozenset(found) for query, found in relevant.items()}
        self._pairs = [(query, document) for query in sorted(relevant) for document in relevant[query]]
        total = config.steps * config.batch_queries
        self._order = MixtureOrder([Part("pairs", len(self._pairs), 1.0)], total=total, seed=config.optimization.seed)

    def __call__(self, step: int) -> Batch:
        """Queries and documents as tokens; target `no_rival` as in `losses.in_batch`."""
        pairs = self._chosen(step)
        queries = [self._queries[query] for query, _ in pairs]
        documents = [self._documents[document] for _, document in pairs]
        query_ids, query_mask = padded(tokenize(self._tokenizer, queries, self._config.query_tokens), self._tokenizer)
        read = tokenize(self._tokenizer, documents, self._config.document_tokens)
        document_ids, document_mask = padded(read, self._tokenizer)
        no_rival = [[document in self._relevant[query] for _, document in pairs] for query, _ in pairs]
        return Batch(
            {
                "query_ids": query_ids,
                "query_mask": query_mask,
                "document_ids": document_ids,
                "document_mask": document_mask,
            },
            {"no_rival": torch.tensor(no_rival)},
            count=len(pairs),
            tokens=int(query_mask.sum() + document_mask.sum()),
        )

    def describe(self, step: int) -> str:
        """The queries that a step reads."""
        shown = [self._queries[query] for query, _ in self._chosen(step)[:5]]
        return f"{self._config.batch_queries} queries: {'; '.join(shown)}; ..."

    def passes(self, steps: int) -> dict[str, float]:
        """How often each pair was read after so many steps."""
        return self._order.passes(steps * self._config.batch_queries)

    @property
    def num_pairs(self) -> int:
        """Pairs of a training query and a relevant document."""
        return len(self._pairs)

    def _chosen(self, step: int) -> list[tuple[int, int]]:
        size = self._config.batch_queries
        return [self._pairs[item] for _, item in self._order.items(step * size, (step + 1) * size)]
