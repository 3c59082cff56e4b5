"""An index of vectors by inner product: any FAISS `index_factory` string, and checks that it is the right one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from lineage.errors import UserError
from lineage.retrieval.dense import Vectors

INDEX = "index.faiss"
ORIGIN = "index.json"


@dataclass(frozen=True)
class Origin:
    """What an index was made of; row i is document i."""

    model: str
    """Digest of the encoder's manifest."""
    documents: str
    """Digest of the retrieval set's manifest."""
    rows: int
    width: int
    factory: str


class NearestIndex:
    """Vectors that are searched by inner product."""

    def __init__(self, index: Any, origin: Origin):
        self._index, self.origin = index, origin
        self.is_exact = isinstance(faiss.downcast_index(index), faiss.IndexFlat)
        """Whether it finds what comparing with every vector finds."""

    @classmethod
    def build(cls, vectors: Vectors, factory: str, *, model: str, documents: str) -> NearestIndex:
        """Trains the index where it needs training, on all vectors, and adds them.

        Deterministic on one thread (`faiss.omp_set_num_threads`); graphs (HNSW) are not on several.

        Raises:
            UserError: FAISS knows no such index, or cannot train it on so few vectors.
        """
        rows, width = vectors.shape
        try:
            index = faiss.index_factory(width, factory, faiss.METRIC_INNER_PRODUCT)
            if not index.is_trained:
                index.train(vectors)
            index.add(vectors)
        except (RuntimeError, AssertionError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"factory is '{factory}', which FAISS cannot build over {rows} vectors of width {width}: {reason[:300]}"
                "\n  `Flat` is exact and right for any number; see the guidelines of FAISS for others."
            ) from error
        return cls(index, Origin(model, documents, rows, width, factory))

    def on_gpu(self) -> NearestIndex:
        """The same vectors on the first GPU; itself where FAISS was built without GPUs, or has no such index there."""
        kinds = (faiss.IndexFlat, faiss.IndexIVFFlat, faiss.IndexIVFPQ)
        if faiss.get_num_gpus() == 0 or not isinstance(faiss.downcast_index(self._index), kinds):
            return self
        moved = NearestIndex(faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, self._index), self.origin)
        moved.is_exact = self.is_exact
        return moved

    def search(self, queries: Vectors, depth: int) -> tuple[Vectors, NDArray[np.int64]]:
        """([query, depth] inner products, [query, depth] rows), best first; rows are -1 where fewer were found."""
        if queries.shape[1] != self.origin.width:
            raise UserError(
                f"the index holds vectors of width {self.origin.width}, the queries have {queries.shape[1]}: they come"
                " from another model. Build the index with the model that encodes the queries."
            )
        return self._index.search(queries, min(depth, self.origin.rows))

    def save(self, folder: Path) -> None:
        """Writes the index and what it was made of."""
        faiss.write_index(self._index, str(folder / INDEX))
        (folder / ORIGIN).write_text(json.dumps(asdict(self.origin), indent=1, sort_keys=True) + "\n")

    @classmethod
    def open(cls, folder: Path, *, model: str, documents: str, rows: int) -> NearestIndex:
        """A saved index, if it is of this model and these documents.

        Raises:
            UserError: no index, or one of another model, of other documents, or of another number of them.
        """
        try:
            origin = Origin(**json.loads((folder / ORIGIN).read_text()))
            index = faiss.read_index(str(folder / INDEX))
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise UserError(f"{folder}: no index that can be read ({error}). Build it again.") from error
        _check(folder, "documents", f"{index.ntotal:,}", f"the set has {rows:,}", same=index.ntotal == rows)
        _check(folder, "vectors of model", origin.model[:12], f"the model is {model[:12]}", same=origin.model == model)
        of_set = origin.documents
        _check(folder, "vectors of set", of_set[:12], f"the set is {documents[:12]}", same=of_set == documents)
        return cls(index, origin)


def recall_of_exact(index: NearestIndex, vectors: Vectors, queries: Vectors, depth: int) -> float:
    """Share of the exact `depth` nearest documents that the index finds, over all queries."""
    exact = NearestIndex.build(vectors, "Flat", model="", documents="").search(queries, depth)[1]
    found = index.search(queries, depth)[1]
    return float(np.mean([len(np.intersect1d(*pair)) / exact.shape[1] for pair in zip(exact, found, strict=True)]))


def _check(folder: Path, what: str, found: str, expected: str, *, same: bool) -> None:
    if not same:
        raise UserError(
            f"{folder}: an index with {found} {what}, but {expected}: it would name wrong documents.\n"
            "  Build the index again, with the same model and set."
        )
