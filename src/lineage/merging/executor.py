"""Carries out a plan: tensor by tensor, several at a time, each read, merged and written in small pieces.

Memory is a few pieces for each thread, whatever the size of models and tensors; parents are mapped files. No result
depends on the number of threads: a tensor is worked on by one of them, piece by piece, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import torch

from lineage.config.merging import Merge
from lineage.errors import UserError
from lineage.merging.chunks import Chunk, TensorChunks, chunks_of
from lineage.merging.combine import METHODS, Task
from lineage.merging.geometry import Gram
from lineage.merging.names import PROJECTOR, is_language, sort_key
from lineage.merging.plan import MERGED_PROJECTOR, MergePlan, TensorPlan
from lineage.merging.survey import Survey, survey
from lineage.merging.writing import Outline, WeightsWriter
from lineage.progress import Progress

_COPY_BYTES = 8 << 20


@dataclass(frozen=True)
class TensorFacts:
    """What `merge.json` says of one tensor."""

    copied_from: str | None
    """The parent whose bytes it has; None where values were computed."""
    norms: Mapping[str, float] = field(default_factory=dict)
    """{model: |tau| where the method is about task vectors, else |theta|}; Frobenius, over merged elements."""
    cosines: Mapping[str, float | None] = field(default_factory=dict)
    """{"a, b": cosine between these}"""
    other: Mapping[str, object] = field(default_factory=dict)
    """What the method found out."""


class _Stopped(Exception):
    """Another tensor failed; this one is given up."""


def write_weights(plan: MergePlan, folder: Path, *, threads: int) -> dict[str, TensorFacts]:
    """Writes the safetensors files of the result into `folder`; returns what was found, tensor by tensor.

    Raises:
        UserError: values that are not finite, that the result's type cannot hold, or projectors that should be equal.
        OSError: a full disk.
    """
    check_equal_pictures(plan)
    outlines = [
        Outline(one.out_name, one.dtype, one.owner.shape, one.num_bytes)
        for one in sorted(plan.tensors, key=lambda one: (-one.dtype.itemsize, one.out_name))  # as the library does
    ]
    facts: dict[str, TensorFacts] = {}
    writer = WeightsWriter(folder, outlines, shard_bytes=plan.config.shard_bytes)
    try:
        with _Workers(threads) as workers, Progress("merging", total=len(plan.tensors), unit="tensors") as progress:
            found = _survey(plan, workers)

            def merge(one: TensorPlan) -> None:
                facts[one.name] = _Tensor(one, plan.config, found, writer, workers.check).write()

            workers.run(merge, plan.tensors, done=progress.advance)
    finally:
        writer.close()
    return {one.name: facts[one.name] for one in plan.tensors}


def check_equal_pictures(plan: MergePlan) -> None:
    """Where no parent was chosen, the parts that see pictures must be the same in all parents, bit for bit.

    Raises:
        UserError: which part differs, and how to choose.
    """
    merges_projector = plan.config.projector == MERGED_PROJECTOR

    def parts(tensors: Mapping[str, object]) -> set[str]:
        return {
            name for name in tensors if not is_language(name) and not (merges_projector and name.startswith(PROJECTOR))
        }

    wanted = parts(plan.owner.tensors)
    for other in plan.equal_pictures:
        unlike = sorted(wanted ^ parts(other.tensors), key=sort_key) or [
            name
            for name in sorted(wanted, key=sort_key)
            if not torch.equal(plan.owner.tensors[name].raw(), other.tensors[name].raw())
        ]
        if unlike:
            ways = f"`projector: {plan.owner.name}` or `projector: {other.name}` takes the one or the other"
            if not merges_projector and all(name.startswith(PROJECTOR) for name in unlike):
                ways += ", `projector: merge` merges them too (where one was trained from the other)"
            raise UserError(
                f"{plan.owner.name} and {other.name} see pictures by different weights: {len(unlike)} tensors differ,"
                f" {unlike[0]} first.\n  Say which the result has (--projector): {ways}."
            )


def _survey(plan: MergePlan, workers: _Workers) -> Survey | None:
    if plan.config.method != "ties" or plan.config.trim != "model":
        return None
    computed = [one for one in plan.tensors if one.copied is None]
    return survey(plan.config, computed, lambda function: workers.run(function, computed)) if computed else None


class _Workers:
    """Threads that work on a tensor each; torch itself uses one thread meanwhile."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._stop = Event()

    def __enter__(self) -> _Workers:
        self._torch_threads = torch.get_num_threads()
        torch.set_num_threads(1)
        self._pool = ThreadPoolExecutor(self._threads)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)
        torch.set_num_threads(self._torch_threads)

    def check(self) -> None:
        """Called between pieces.

        Raises:
            _Stopped: nobody waits for the result any more.
        """
        if self._stop.is_set():
            raise _Stopped

    def run(
        self,
        function: Callable[[TensorPlan], None],
        plans: Sequence[TensorPlan],
        *,
        done: Callable[[], None] | None = None,
    ) -> None:
        """Calls `function` with each tensor, the largest first so that no thread is left with it at the end."""
        largest_first = sorted(plans, key=lambda one: (-one.owner.num_elements, sort_key(one.name)))
        waiting = [self._pool.submit(_single_threaded, function, one) for one in largest_first]
        for future in as_completed(waiting):
            future.result()
            if done is not None:
                done()


def _single_threaded(function: Callable[[TensorPlan], None], plan: TensorPlan) -> None:
    with torch.inference_mode():
        function(plan)


class _Tensor:
    """The work on one tensor of the result."""

    def __init__(
        self, plan: TensorPlan, config: Merge, found: Survey | None, writer: WeightsWriter, check: Callable[[], None]
    ) -> None:
        self._plan = plan
        self._config = config
        self._survey = found
        self._writer = writer
        self._check = check

    def write(self) -> TensorFacts:
        """Writes it and says what was found."""
        plan = self._plan
        if plan.copied is None:
            return self._merge()
        if plan.copied is plan.owner or plan.rows is None:
            self._copy(plan.copied.flat())
        else:
            self._copy_rows(plan.copied.flat().view(plan.copied.shape[0], -1))
        return TensorFacts(copied_from=plan.copied_from)

    def _copy(self, flat: torch.Tensor) -> None:
        step = max(1, _COPY_BYTES // self._plan.dtype.itemsize)
        for start in range(0, len(flat), step):
            self._check()
            self._put(start, _cast(flat[start : start + step], self._plan))

    def _copy_rows(self, matrix: torch.Tensor) -> None:
        assert self._plan.rows is not None and self._plan.copied_from is not None
        rows = self._plan.rows.parents[self._plan.copied_from]
        for chunk in chunks_of(self._plan):
            self._check()
            self._put_rows(chunk, _cast(matrix.index_select(0, rows[chunk.first : chunk.last]), self._plan))

    def _merge(self) -> TensorFacts:
        plan = self._plan
        chunks = TensorChunks(plan, self._config)
        task = Task(self._config, chunks)
        if self._survey is not None:
            task = Task(self._config, chunks, self._survey.cuts[plan.name], self._survey.zero_is_positive)
        combine = METHODS[self._config.method](task)
        names = list(plan.models)
        gram = Gram(len(names))
        for chunk, base, vectors in chunks.passes():
            self._check()
            gram.add(vectors)
            merged = combine(vectors)
            if chunks.of_deltas:
                assert base is not None, "deltas are from a base"
                merged = torch.add(base, merged, alpha=self._config.lambda_)
            merged = _cast(merged, plan)
            if plan.rows is None:
                self._put(chunk.start, merged)
            else:
                self._put_rows(chunk, merged)
        pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
        return TensorFacts(
            copied_from=None,
            norms={name: gram.norm(index) for index, name in enumerate(names)},
            cosines={f"{names[i]}, {names[j]}": gram.cosine(i, j) for i, j in pairs},
            other=task.facts,
        )

    def _put(self, first_element: int, values: torch.Tensor) -> None:
        self._writer.write(self._plan.out_name, first_element * self._plan.dtype.itemsize, values)

    def _put_rows(self, chunk: Chunk, merged: torch.Tensor) -> None:
        """Writes a piece whose shared rows are `merged` and whose other rows are the owner's."""
        plan = self._plan
        assert plan.rows is not None
        width = plan.owner.num_elements // plan.owner.shape[0]
        piece = _cast(plan.owner.flat()[chunk.start : chunk.stop], plan).clone().view(-1, width)
        shared = plan.rows.owner[chunk.first : chunk.last] - chunk.start // width
        piece[shared] = merged.view(-1, width)
        self._put(chunk.start, piece)


def _cast(values: torch.Tensor, plan: TensorPlan) -> torch.Tensor:
    """The values in the result's type; the one rounding of a merge.

    Raises:
        UserError: float16 cannot hold them.
    """
    cast = values.to(plan.dtype)
    if plan.dtype is torch.float16 and values.dtype is not torch.float16 and cast.isinf().any():
        raise UserError(
            f"{plan.out_name}: the merged values are too large for float16 (65,504 at most).\n"
            "  Write another type: `dtype: bfloat16` (--dtype bfloat16)."
        )
    return cast
