"""Exact and near duplicates of a stream of documents, in memory bounded by signatures.

Two passes. The first keeps per document one hash of its normalised text and the LSH band keys of its MinHash signature
(Broder 1997; banding as in Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.4), 8 bytes a band.
The second reads the texts again and compares candidates by the exact Jaccard similarity of their shingle sets; only
sets that a later candidate still needs are held.

A document is removed when it equals an earlier one or is near an earlier one *that was kept*: no chains, so a document
is never removed for the sake of one that it does not itself resemble.

Duplicates that are not removed still form clusters, each around its first document, so that a split can keep them
together. There too nothing chains: a cluster is what deduplication would have reduced to its first document, so that a
corpus with and one without duplicates split alike. Near duplicates of near duplicates may part (10 of the 563 pairs in
WikiText-2 and the World Factbook, pages of one template); where near ones are removed, none are left that could.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from lineage.config.corpus import NearDuplicates
from lineage.data.schema import Document, Removal

WORD = re.compile(r"\w+")
RECALL_WEIGHT = 0.9
"""Weight of false negatives in the choice of bands: false positives are weeded out by the exact comparison."""


def normalised(text: str) -> str:
    """Text up to Unicode compatibility forms, case and white space.

    >>> normalised("  The  Quick\\nFox ")
    'the quick fox'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def shingles(text: str, num_words: int) -> np.ndarray:
    """Hashes (sorted, unique, uint64) of all runs of `num_words` words of a normalised text; fewer words make one run.

    64 bits, so that two different shingles of a corpus of millions agree by chance with a probability far below 1e-6.
    A text without any word has no shingle and no near duplicate.
    """
    words = WORD.findall(text)
    if not words:
        return np.zeros(0, dtype=np.uint64)
    runs = zip(*(words[start:] for start in range(min(num_words, len(words)))), strict=False)
    digests = [hashlib.blake2b(" ".join(run).encode(), digest_size=8).digest() for run in runs]
    return np.unique(np.frombuffer(b"".join(digests), dtype="<u8"))


def jaccard(left: np.ndarray, right: np.ndarray) -> float:
    """Size of the intersection over size of the union of two sorted sets without repeats."""
    shared = len(np.intersect1d(left, right, assume_unique=True))
    union = len(left) + len(right) - shared
    return shared / union if union else 0.0


class Bands:
    """LSH band keys of one document after another.

    `MinHashLSH` of datasketch chooses bands and rows for the threshold and `MinHash` gives the signatures; the buckets
    are found by sorting keys instead of in its dictionaries of sets, so that 8 bytes a band and document are enough.
    """

    def __init__(self, config: NearDuplicates):
        # Takes half a second to import (scipy), so only where it is used.
        from datasketch import MinHash, MinHashLSH

        chosen = MinHashLSH(
            threshold=min(config.threshold, 0.99),
            num_perm=config.num_permutations,
            weights=(1 - RECALL_WEIGHT, RECALL_WEIGHT),
        )
        self.num_bands, self.num_rows = int(chosen.b), int(chosen.r)
        self._empty = MinHash(num_perm=config.num_permutations, seed=config.seed, hashfunc=int, scheme="affine64")
        random = np.random.default_rng(config.seed)
        # Odd multipliers of a linear hash over the rows of a band, modulo 2^64.
        self._multipliers = random.integers(0, 1 << 63, size=self.num_rows, dtype=np.uint64) * np.uint64(2) + np.uint64(
            1
        )
        self._keys = array("Q")

    def add(self, shingle_hashes: np.ndarray) -> None:
        """Appends the keys of one document (not empty)."""
        signature = self._empty.copy()
        signature.update_batch(shingle_hashes.tolist())
        used = signature.hashvalues[: self.num_bands * self.num_rows].reshape(self.num_bands, self.num_rows)
        self._keys.frombytes((used * self._multipliers).sum(axis=1, dtype=np.uint64).tobytes())

    def buckets(self) -> Iterator[np.ndarray]:
        """Numbers of the documents that share a band key, ascending, two or more at a time."""
        keys = np.frombuffer(self._keys, dtype=np.uint64).reshape(-1, self.num_bands)
        for band in range(self.num_bands):
            column = keys[:, band]
            order = np.argsort(column, kind="stable")
            ends = np.flatnonzero(np.diff(column[order])) + 1
            starts = np.concatenate(([0], ends))
            ends = np.concatenate((ends, [len(order)]))
            for start, end in zip(starts[ends - starts > 1], ends[ends - starts > 1], strict=True):
                yield order[start:end]


class Cluster(NamedTuple):
    """A document and its duplicates, by the first of them; one that has none is a cluster of its own."""

    id: str
    source: str


class Decision(NamedTuple):
    """What deduplication says of one document."""

    document: Document
    cluster: Cluster
    removal: Removal | None
    """None for a document that is kept."""


class _Copied(NamedTuple):
    """What copies of a text need to know of the first document that has it."""

    id: str
    cluster: Cluster
    removal: Removal | None


class _Near(NamedTuple):
    """The kept document that another one is nearest to."""

    cluster: Cluster
    similarity: float


class Deduplication:
    """Finds the duplicates of a stream that can be read twice.

    >>> deduplication = Deduplication(exact=True, near=NearDuplicates())
    >>> for document in stream():
    ...     deduplication.note(document)
    >>> for document, cluster, removal in deduplication.decide(stream()):
    ...     ...  # removal is None for a document that is kept

    `exact` and `near` say which duplicates are removed. `together` are those near duplicates that only share a cluster,
    where `near` is None; copies of a text always share one.
    """

    def __init__(self, *, exact: bool, near: NearDuplicates | None, together: NearDuplicates | None = None):
        self._removes_exact = exact
        self._removes_near = near is not None
        self._near = near or together
        # Where equal texts are no duplicates, they are near ones, and each may be near to others (under another title).
        self._compares_copies = self._removes_near and not exact
        self._first: dict[bytes, int] = {}
        """Number of the first document, by the hash of its text."""
        self._original: dict[int, int] = {}
        """Number of the first document with the same text, for each copy."""
        self._bands = Bands(self._near) if self._near is not None else None
        self._banded = array("q")
        """Number in the stream of each row of band keys."""
        self._num_documents = 0

    def note(self, document: Document) -> None:
        """First pass: takes note of one document."""
        number = self._num_documents
        self._num_documents += 1
        text = normalised(document.text)
        original = self._first.setdefault(hashlib.blake2b(text.encode(), digest_size=16).digest(), number)
        if original != number:
            self._original[number] = original
            if not self._compares_copies:
                return
        if self._bands is not None and self._near is not None:
            hashes = shingles(text, self._near.shingle_words)
            if len(hashes):
                self._bands.add(hashes)
                self._banded.append(number)

    def decide(self, documents: Iterable[Document]) -> Iterator[Decision]:
        """Second pass: every document in the same order, with its cluster and, unless it is kept, its removal."""
        originals = set(self._original.values())
        copied: dict[int, _Copied] = {}
        search = _CandidateSearch(self._buckets(), self._near) if self._near is not None else None
        for number, document in enumerate(documents):
            first = copied[self._original[number]] if number in self._original else None
            near = None
            if search is not None and (first is None or self._compares_copies):
                near = search.nearest_kept(number, document)
            relative = first or near
            cluster = relative.cluster if relative else Cluster(document.id, document.source)
            removal = self._removal(document.id, first, near)
            if number in originals:
                copied[number] = _Copied(document.id, cluster, removal)
            yield Decision(document, cluster, removal)

    def _removal(self, identifier: str, first: _Copied | None, near: _Near | None) -> Removal | None:
        if near is not None and self._removes_near:
            return Removal(identifier, near.cluster.id, "near", near.similarity)
        if first is not None and self._removes_exact:
            return (first.removal or Removal("", first.id, "exact", 1.0))._replace(id=identifier)
        return None

    def _buckets(self) -> Iterator[list[int]]:
        assert self._bands is not None
        numbers = np.frombuffer(self._banded, dtype=np.int64)
        if len(numbers):
            yield from (numbers[bucket].tolist() for bucket in self._bands.buckets())


class _CandidateSearch:
    """Compares candidates, in order of the stream, with the earlier ones of their buckets that are near no other."""

    def __init__(self, buckets: Iterable[list[int]], config: NearDuplicates):
        self._config = config
        self._kept_in: list[list[int]] = []
        """First documents of clusters in each bucket, as far as the stream has come; near duplicates do not join."""
        self._buckets_of: dict[int, list[int]] = {}
        last_use: dict[int, int] = {}
        # True duplicates share most bands: equal buckets count once.
        for index, bucket in enumerate(dict.fromkeys(map(tuple, buckets))):
            self._kept_in.append([])
            for number in bucket:
                self._buckets_of.setdefault(number, []).append(index)
                last_use[number] = max(last_use.get(number, 0), bucket[-1])
        self._done_at: dict[int, list[int]] = {}
        """Documents that no later one needs, by the number of the last that did."""
        for number, last in last_use.items():
            self._done_at.setdefault(last, []).append(number)
        self._kept: dict[int, tuple[Cluster, str, np.ndarray]] = {}
        """Cluster, title and shingles of the first documents that a later one may need."""

    def nearest_kept(self, number: int, document: Document) -> _Near | None:
        """The nearest of the earlier documents that are near no other, if it is near enough, else None."""
        buckets = self._buckets_of.get(number)
        if buckets is None:
            return None
        hashes = shingles(normalised(document.text), self._config.shingle_words)
        nearest: _Near | None = None
        for partner in sorted({kept for bucket in buckets for kept in self._kept_in[bucket]}):
            cluster, title, other = self._kept[partner]
            if self._config.same_title and title != document.title:
                continue
            found = jaccard(other, hashes)
            if found >= self._config.threshold and (nearest is None or found > nearest.similarity):
                nearest = _Near(cluster, found)
        if nearest is None:
            self._kept[number] = (Cluster(document.id, document.source), document.title, hashes)
            for bucket in buckets:
                self._kept_in[bucket].append(number)
        for done in self._done_at.get(number, ()):
            self._kept.pop(done, None)
        return nearest
