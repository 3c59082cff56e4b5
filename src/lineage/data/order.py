"""The order in which a run reads its tokens: a pure function of (seed, step), the same on any machine.

Every epoch is a permutation of the documents, drawn from (seed, epoch). The documents, each of which ends with the
end-of-text token, are joined in that order into one stream without end; epochs follow each other without a gap. Row r
of the run covers stream tokens [r * S, (r + 1) * S), step t the rows [t * B, (t + 1) * B). With documents `ab.` and
`cde.` (`.` ends a document), S = 4 and B = 1, an epoch that starts with the second document gives

    step 0  tokens  c d e . | a        step 1  tokens  a b . ? | ?

The token after the bar is read too: it is the target of the row's last position. So every token of the stream but the
very first is a target exactly once. Nothing here depends on micro-batches, processes or the model.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lineage.artifact import Artifact
from lineage.errors import UserError

Ints = NDArray[np.int64]


class TokenStream:
    """The tokens of a `tokens` artifact: document d is `tokens[offsets[d]:offsets[d + 1]]`.

    Raises:
        UserError: no documents, or offsets that do not fit the tokens.
    """

    def __init__(self, tokens: NDArray[np.unsignedinteger] | Ints, offsets: Ints, *, place: Path | str = "tokens"):
        if len(offsets) < 2 or len(tokens) == 0:
            raise UserError(f"{place}: holds no tokens. Check that the documents that were tokenized are not empty.")
        if offsets[0] != 0 or offsets[-1] != len(tokens) or bool(np.any(np.diff(offsets) < 0)):
            raise UserError(
                f"{place}: offsets.npy runs from {offsets[0]} to {offsets[-1]}, tokens.bin holds {len(tokens)} tokens:"
                " the artifact is corrupt. Rebuild it."
            )
        self.tokens = tokens
        self.offsets = offsets
        self._documents: Path | None = None

    @classmethod
    def open(cls, artifact: Artifact) -> TokenStream:
        """Maps the files of a tokens artifact into memory; nothing is read yet."""
        dtype = artifact.manifest.counts.get("dtype")
        if dtype not in ("uint16", "uint32"):
            raise UserError(f"{artifact.folder}: dtype is {dtype!r}; allowed are uint16 and uint32. Rebuild it.")
        path = artifact.path("tokens.bin")
        empty = path.stat().st_size == 0
        tokens = np.empty(0, dtype) if empty else np.memmap(path, dtype=np.dtype(dtype).newbyteorder("<"), mode="r")
        stream = cls(tokens, np.load(artifact.path("offsets.npy"), allow_pickle=False), place=artifact.folder)
        stream._documents = artifact.path("documents.parquet")
        return stream

    @property
    def num_documents(self) -> int:
        """Documents of one epoch."""
        return len(self.offsets) - 1

    @property
    def num_tokens(self) -> int:
        """Tokens of one epoch."""
        return int(self.offsets[-1])

    def document_ids(self) -> list[str]:
        """The id of every document, in the order of `offsets`."""
        assert self._documents is not None, "only an opened artifact knows document ids"
        return pq.read_table(self._documents, columns=["id"]).column("id").to_pylist()


class Segments(NamedTuple):
    """Which tokens stand where: entry i is tokens [start, stop) of `document`, from `column` of `row` on."""

    row: Ints
    document: Ints
    start: Ints
    stop: Ints
    column: Ints


class Rows(NamedTuple):
    """The rows of one step with the token that follows each of them; what injections rewrite before packing.

    S + 1 columns: column S is the first token of the next row and serves as a target only.
    """

    tokens: Ints
    """[row, S + 1] token ids."""
    occurrence: Ints
    """[row, S + 1] which reading of which document a token belongs to: equal for tokens of one document, different from
    one document to the next, also where an epoch ends and the next begins with the same one."""


class Order:
    """What a run with this seed reads at each step.

    >>> order = Order(TokenStream(np.arange(12), np.array([0, 5, 12])), sequence_length=4, batch_rows=2, seed=0)
    >>> order.rows(0).tokens.shape
    (2, 5)
    """

    def __init__(self, stream: TokenStream, *, sequence_length: int, batch_rows: int, seed: int):
        self.stream = stream
        self.sequence_length = sequence_length
        self.batch_rows = batch_rows
        self.seed = seed
        self._epoch = lru_cache(maxsize=2)(self._draw_epoch)

    @property
    def batch_tokens(self) -> int:
        """Tokens of one step."""
        return self.sequence_length * self.batch_rows

    def epochs(self, step: int) -> float:
        """Epochs read before `step`."""
        return step * self.batch_tokens / self.stream.num_tokens

    def rows(self, step: int) -> Rows:
        """Tokens and their documents at `step`, as int64 arrays [batch_rows, sequence_length + 1]."""
        first = step * self.batch_tokens
        pieces = self._pieces(first, first + self.batch_tokens + 1)
        lengths = pieces.stop - pieces.start
        offset_in_piece = np.arange(self.batch_tokens + 1) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        source = np.repeat(self.stream.offsets[pieces.document] + pieces.start, lengths) + offset_in_piece
        return Rows(
            tokens=self._overlapping(self.stream.tokens[source].astype(np.int64)),
            occurrence=self._overlapping(np.repeat(pieces.occurrence, lengths)),
        )

    def segments(self, step: int) -> Segments:
        """The document tokens that the rows of `step` hold, without the extra target column; rows count from 0."""
        first = step * self.batch_tokens
        pieces = self._pieces(first, first + self.batch_tokens)
        lengths = pieces.stop - pieces.start
        begin = np.cumsum(lengths) - lengths
        cuts = np.unique(np.concatenate([begin, np.arange(self.batch_rows) * self.sequence_length]))
        piece = np.searchsorted(begin, cuts, side="right") - 1
        start = pieces.start[piece] + cuts - begin[piece]
        length = np.diff(np.append(cuts, self.batch_tokens))
        row, column = np.divmod(cuts, self.sequence_length)
        return Segments(row, pieces.document[piece], start, start + length, column)

    def _overlapping(self, flat: Ints) -> Ints:
        """[row, S + 1] from rows * S + 1 consecutive values: each row repeats the first value of the next."""
        windows = np.lib.stride_tricks.sliding_window_view(flat, self.sequence_length + 1)
        return windows[:: self.sequence_length].copy()

    def _pieces(self, first: int, last: int) -> _Pieces:
        """The pieces of documents that make up stream tokens [first, last), in order."""
        found: list[_Pieces] = []
        while first < last:
            epoch, offset = divmod(first, self.stream.num_tokens)
            count = min(last - first, self.stream.num_tokens - offset)
            permutation, ends = self._epoch(epoch)
            ranks = np.arange(
                np.searchsorted(ends, offset, side="right"), np.searchsorted(ends, offset + count, side="left") + 1
            )
            documents = permutation[ranks]
            lengths = self.stream.offsets[documents + 1] - self.stream.offsets[documents]
            begins = ends[ranks] - lengths
            start, stop = np.maximum(offset - begins, 0), np.minimum(offset + count - begins, lengths)
            kept = stop > start
            occurrence = epoch * self.stream.num_documents + ranks
            found.append(_Pieces(documents[kept], start[kept], stop[kept], occurrence[kept]))
            first += count
        return _Pieces(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def _draw_epoch(self, epoch: int) -> tuple[Ints, Ints]:
        """The documents of an epoch in order, and the tokens of the epoch up to the end of each.

        Sorting raw generator output keeps the permutation the same in every numpy version (raw bit streams are part of
        numpy's promise, `Generator.permutation` is not).
        """
        keys = np.random.PCG64(np.random.SeedSequence((self.seed, epoch))).random_raw(self.stream.num_documents)
        permutation = np.argsort(keys, kind="stable")
        lengths = np.diff(self.stream.offsets)[permutation]
        return permutation, np.cumsum(lengths)


class _Pieces(NamedTuple):
    document: Ints
    start: Ints
    stop: Ints
    occurrence: Ints
