"""All pairs of documents, each the answer to one query: what an inner product of some width can and cannot rank.

After *On the Theoretical Limitations of Embedding-Based Retrieval* (arXiv 2508.21038): with vectors of width d only so
many sets of two documents can come first, however the vectors are chosen. Here each query is one word, each document
is the words of its pairs, and every arm learns all queries, so that only what it can represent is measured. All arms
end in an inner product of the same width: of a query with documents, or of a decoder's state with symbols, of which a
decoder writes several.

Shapes: Q queries of a batch, N documents, d width of the inner product.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import T5Config, T5EncoderModel, T5ForConditionalGeneration
from transformers.modeling_outputs import Seq2SeqLMOutput

from lineage.config.decoding import Decoding
from lineage.config.dense import Bottleneck
from lineage.conversations.order import MixtureOrder, Part
from lineage.data.batch import Batch
from lineage.losses.total import Total
from lineage.retrieval.decoding.retrieve import retrieve
from lineage.retrieval.decoding.space import SearchSpace
from lineage.retrieval.dense import pool
from lineage.retrieval.prefix_tree import END, FIRST_SYMBOL, build

ANSWERS = 2
"""Documents that answer a query."""
HEADS = 4
BEAM = 10
EVALUATED_TOGETHER = 512


@dataclass(frozen=True)
class Pairs:
    """Queries, the two documents that answer each, and how all of them are written in tokens."""

    documents: int
    digits: int

    @property
    def answers(self) -> Tensor:
        """[query, 2] the documents of each query."""
        return torch.tensor(list(itertools.combinations(range(self.documents), ANSWERS)))

    @property
    def num_queries(self) -> int:
        """N (N - 1) / 2."""
        return self.documents * (self.documents - 1) // 2

    @property
    def base(self) -> int:
        """Of a document's number: the smallest with which its digits are enough."""
        return next(base for base in itertools.count(2) if base**self.digits >= self.documents)

    @property
    def num_tokens(self) -> int:
        """Padding, end, digits, and a word a query."""
        return FIRST_SYMBOL + self.base + self.num_queries

    def words(self, queries: Tensor) -> Tensor:
        """[Q] the word of each query."""
        return FIRST_SYMBOL + self.base + queries

    @property
    def texts(self) -> Tensor:
        """[N, N - 1] the words of each document: those of the queries that it answers."""
        answers = self.answers
        found = [torch.nonzero((answers == document).any(dim=1)).flatten() for document in range(self.documents)]
        return self.words(torch.stack(found))

    @property
    def identifiers(self) -> Tensor:
        """[N, digits + 1] each document's number, the most significant digit first, and the end."""
        numbers = torch.arange(self.documents).unsqueeze(1)
        powers = self.base ** torch.arange(self.digits - 1, -1, -1)
        symbols = FIRST_SYMBOL + numbers // powers % self.base
        return torch.cat([symbols, torch.full((self.documents, 1), END)], dim=1)


class FreeTable(nn.Module):
    """A vector for each query and each document, all of them free: the most that a bi-encoder of this width can do."""

    def __init__(self, pairs: Pairs, dimension: int):
        super().__init__()
        self.queries = nn.Embedding(pairs.num_queries, dimension)
        self.documents = nn.Parameter(torch.randn(pairs.documents, dimension))

    def forward(self, queries: Tensor) -> Tensor:
        """[Q, N] similarities."""
        return self.queries(queries) @ self.documents.T


class NarrowEncoder(nn.Module):
    """A shared encoder of queries and documents whose vectors have this width."""

    def __init__(self, pairs: Pairs, dimension: int, config: Bottleneck):
        super().__init__()
        self.pairs = pairs
        self.body = T5EncoderModel(_architecture(pairs, config))
        self.narrow = nn.Linear(config.width, dimension, bias=False)
        self.register_buffer("texts", pairs.texts, persistent=False)

    def forward(self, queries: Tensor) -> Tensor:
        """[Q, N] similarities."""
        return self._vectors(self.pairs.words(queries).unsqueeze(1)) @ self._vectors(self.get_buffer("texts")).T

    def _vectors(self, tokens: Tensor) -> Tensor:
        mask = torch.ones_like(tokens)
        return self.narrow(pool(self.body(input_ids=tokens, attention_mask=mask).last_hidden_state, mask, "mean"))


class NarrowHead(nn.Module):
    """[..., row] logits of states [..., width] through an inner product of this width."""

    def __init__(self, width: int, dimension: int, rows: int):
        super().__init__()
        self.narrow = nn.Linear(width, dimension, bias=False)
        self.weight = nn.Parameter(torch.randn(rows, dimension) * dimension**-0.5)

    def forward(self, states: Tensor) -> Tensor:
        """The weight is the output table."""
        return functional.linear(self.narrow(states), self.weight)


class NarrowDecoder(nn.Module):
    """An encoder-decoder that writes the number of a document, and whose output table has this width."""

    def __init__(self, pairs: Pairs, dimension: int, config: Bottleneck):
        super().__init__()
        self.pairs = pairs
        architecture = _architecture(pairs, config)
        self.model = T5ForConditionalGeneration(architecture)
        self.model.lm_head = NarrowHead(config.width, dimension, pairs.num_tokens)  # pyright: ignore[reportAttributeAccessIssue]

    def forward(self, queries: Tensor, decoder_input_ids: Tensor) -> Seq2SeqLMOutput:
        """Logits [Q, digits + 1, token]."""
        words = self.pairs.words(queries).unsqueeze(1)
        return self.model(input_ids=words, decoder_input_ids=decoder_input_ids, use_cache=False)


def pair_loss(outputs: Any, targets: Mapping[str, Tensor]) -> Total:
    """Cross-entropy of each answer [Q, 2] against all documents that are no answer; the count is of answers.

    `outputs` [Q, N] similarities.
    """
    answers = targets["answers"]
    answering = torch.zeros_like(outputs, dtype=torch.bool).scatter(1, answers, True)
    others = outputs.masked_fill(answering, -torch.inf).logsumexp(dim=1, keepdim=True)
    chosen = outputs.gather(1, answers)
    total = (torch.logaddexp(chosen, others) - chosen).sum()
    return Total(total, torch.tensor(answers.numel(), device=total.device))


class QueryBatches:
    """`batches(step)`: queries in random order, each once a pass; `written` for a decoder, both answers of each."""

    def __init__(self, pairs: Pairs, *, written: bool, size: int, steps: int, seed: int):
        self._pairs, self._written, self._size = pairs, written, min(size, pairs.num_queries)
        self._answers, self._identifiers = pairs.answers, pairs.identifiers
        self._order = MixtureOrder([Part("queries", pairs.num_queries, 1.0)], total=steps * self._size, seed=seed)

    def __call__(self, step: int) -> Batch:
        """Inputs of the arm, and its targets."""
        items = self._order.items(step * self._size, (step + 1) * self._size)
        queries = torch.tensor([item for _, item in items])
        answers = self._answers[queries]
        if not self._written:
            return Batch({"queries": queries}, {"answers": answers}, count=answers.numel(), tokens=len(queries))
        labels = self._identifiers[answers].flatten(0, 1)
        inputs = {"queries": queries.repeat_interleave(ANSWERS), "decoder_input_ids": labels.roll(1, dims=1)}
        inputs["decoder_input_ids"][:, 0] = 0
        return Batch(inputs, {"labels": labels}, count=labels.numel(), tokens=labels.numel())


@torch.inference_mode()
def found_by(arm: nn.Module, pairs: Pairs, device: torch.device) -> Tensor:
    """[query, 2] the first two documents that a trained arm finds for each query."""
    arm.eval()
    queries = torch.arange(pairs.num_queries, device=device)
    if isinstance(arm, NarrowDecoder):
        return _written(arm, pairs, queries)
    return torch.cat([arm(part).topk(ANSWERS, dim=1).indices for part in queries.split(EVALUATED_TOGETHER)]).cpu()


def recall(found: Tensor, answers: Tensor) -> tuple[float, float]:
    """Share of all answers [query, 2] that are found [query, 2], and share of queries with both."""
    hits = (found.unsqueeze(2) == answers.unsqueeze(1)).any(dim=2).sum(dim=1)
    return float(hits.double().mean() / ANSWERS), float((hits == ANSWERS).double().mean())


def _written(arm: NarrowDecoder, pairs: Pairs, queries: Tensor) -> Tensor:
    identifiers = pairs.identifiers.numpy()
    offsets = np.arange(len(identifiers) + 1) * identifiers.shape[1]
    space = SearchSpace.of(build(identifiers.ravel(), offsets), np.arange(pairs.num_tokens + 1), queries.device)
    words = pairs.words(queries).unsqueeze(1)
    beam = min(BEAM, pairs.documents)
    wanted = Decoding(beam=beam, length_penalty=0.0)
    found = retrieve(arm.model, space, words, torch.ones_like(words), wanted, depth=ANSWERS)
    return torch.tensor([one.documents for one in found])


def _architecture(pairs: Pairs, config: Bottleneck) -> T5Config:
    return T5Config(
        vocab_size=pairs.num_tokens,
        d_model=config.width,
        d_kv=config.width // HEADS,
        d_ff=2 * config.width,
        num_layers=config.layers,
        num_decoder_layers=config.layers,
        num_heads=HEADS,
        dropout_rate=0.0,
    )
