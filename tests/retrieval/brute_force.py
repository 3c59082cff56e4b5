"""Decoding without a tree, a beam or a cache: every identifier is written out and scored by itself."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import T5Config, T5ForConditionalGeneration

from lineage.retrieval.prefix_tree import END, Ints

Identifier = tuple[int, ...]


def tiny(num_rows: int, *, seed: int = 0) -> T5ForConditionalGeneration:
    """A random T5 of one layer, read with its own vocabulary."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = T5Config(
            vocab_size=num_rows, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2,
            decoder_start_token_id=0, dropout_rate=0.0,
        )  # fmt: skip
        return T5ForConditionalGeneration(config).eval()


def rows_of_symbols(num_symbols: int, *, seed: int = 0, most: int = 3) -> Ints:
    """[symbol + 1] where the rows of each symbol begin: one for padding and end, 1 to `most` for the others."""
    sizes = np.random.default_rng(seed).integers(1, most + 1, num_symbols)
    sizes[:2] = 1
    return np.concatenate([[0], np.cumsum(sizes)])


def queries(count: int, num_rows: int, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random padded queries of 2 to 5 tokens, and their mask."""
    drawn = np.random.default_rng(seed)
    ids = torch.from_numpy(drawn.integers(2, num_rows, (count, 5)))
    mask = torch.arange(5) < torch.from_numpy(drawn.integers(2, 6, (count, 1)))
    return ids * mask, mask.long()


class BruteForce:
    """Scores identifiers of one corpus for one query."""

    def __init__(self, model: Any, ids: Tensor, mask: Tensor, identifiers: Sequence[Sequence[int]], first_row: Ints):
        self._model, self._ids, self._mask = model, ids.unsqueeze(0), mask.unsqueeze(0)
        self.identifiers = sorted({(*one, END) for one in identifiers})
        self._first_row = first_row

    def rows(self, symbol: int) -> range:
        return range(int(self._first_row[symbol]), int(self._first_row[symbol + 1]))

    @torch.inference_mode()
    def logits(self, read: list[Tensor]) -> Tensor:
        """[row] after so many inputs, all read anew."""
        inputs = torch.stack(read).unsqueeze(0)
        return self._model(input_ids=self._ids, attention_mask=self._mask, decoder_inputs_embeds=inputs).logits[0, -1]

    def embedded(self, row: int) -> Tensor:
        return self._model.decoder.embed_tokens.weight[row].detach()

    def legal_rows(self, prefix: Identifier) -> list[int]:
        follows = {
            one[len(prefix)] for one in self.identifiers if one[: len(prefix)] == prefix and len(one) > len(prefix)
        }
        return [row for symbol in sorted(follows) for row in self.rows(symbol)]

    def greedy(self, mode: str, *, renormalize: bool = False, history: str = "best") -> dict[Identifier, float]:
        """{identifier: sum of group scores}, with the best row (or the mean) of each symbol read next."""
        return {one: self._rolled(one, mode, renormalize, history) for one in self.identifiers}

    def _rolled(self, identifier: Identifier, mode: str, renormalize: bool, history: str) -> float:
        read, total = [self.embedded(0)], 0.0
        for length, symbol in enumerate(identifier):
            logits = self.logits(read)
            among = logits[self.legal_rows(identifier[:length])] if renormalize else logits
            own = logits[list(self.rows(symbol))]
            total += float((own.max() if mode == "max" else own.logsumexp(0)) - among.logsumexp(0))
            if history == "mean":
                table = torch.stack([self.embedded(row) for row in self.rows(symbol)])
                read.append(own.softmax(0) @ table)
            else:
                read.append(self.embedded(self.rows(symbol)[int(own.argmax())]))
        return total

    def of_path(self, path: Sequence[int]) -> float:
        """Log-probability of rows, each read as it is."""
        read, total = [self.embedded(0)], 0.0
        for row in path:
            total += float(self.logits(read).log_softmax(0)[row])
            read.append(self.embedded(row))
        return total

    def paths(self) -> dict[tuple[int, ...], tuple[Identifier, float]]:
        """{path: (its identifier, log-probability)} of all paths of all identifiers."""
        return {
            path: (one, self.of_path(path))
            for one in self.identifiers
            for path in itertools.product(*(self.rows(symbol) for symbol in one))
        }

    def marginal(self) -> dict[Identifier, float]:
        """{identifier: log of the sum over all of its paths}: the exact marginal."""
        found: dict[Identifier, list[float]] = {}
        for one, value in self.paths().values():
            found.setdefault(one, []).append(value)
        return {one: float(torch.tensor(values, dtype=torch.float64).logsumexp(0)) for one, values in found.items()}
