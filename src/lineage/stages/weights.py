"""Measure task vectors: what training did to the weights, and what two losses do along it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

from lineage.analysis.weights.first_order import Row, first_order, moves
from lineage.analysis.weights.schemas import FIRST_ORDER, MODULES
from lineage.analysis.weights.table import module_rows
from lineage.analysis.weights.vectors import TaskVector, TaskVectors, TensorDeltas
from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.weights import AlongLoss, Weights
from lineage.conversations.prepared import Prepared, pixel_values
from lineage.conversations.rows import make_batch
from lineage.conversations.start import Opened, open_conversational, prepared
from lineage.conversations.table import CONVERSATIONS, read_conversations
from lineage.data.batch import Batch
from lineage.errors import UserError
from lineage.models.device import device_for
from lineage.progress import Progress


def weights(
    config: Weights,
    *,
    base: Artifact,
    models: list[Artifact],
    conversations: list[Artifact],
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Writes `modules.parquet` and `first_order.parquet` (no rows without `losses`).

    Models and sets are found by the names of their folders.

    Raises:
        UserError: models that do not fit together, or conversations that the base cannot read.
    """
    out.kind = "weights"
    torch.set_num_threads(execution.threads)
    vectors = TaskVectors(
        base.folder,
        {one.folder.name: one.folder for one in models},
        [TaskVector(name, one.end, one.start) for name, one in config.vectors.items()],
    )
    with Progress("measuring task vectors", total=len(vectors), unit="tensors") as progress, torch.inference_mode():

        def counted() -> Iterator[TensorDeltas]:
            for one in vectors:
                yield one
                progress.advance()

        rows = module_rows(list(config.vectors), counted())
    pq.write_table(pa.Table.from_pylist(rows, schema=MODULES), out.path("modules.parquet"))
    along = _first_order(config, base, vectors, {one.folder.name: one for one in conversations}, execution)
    pq.write_table(pa.Table.from_pylist(along, schema=FIRST_ORDER), out.path("first_order.parquet"))
    out.counts |= {"vectors": len(config.vectors), "tensors": len(vectors), "losses": len(config.losses)}


def _first_order(
    config: Weights, base: Artifact, vectors: TaskVectors, sets: dict[str, Artifact], execution: Execution
) -> list[Row]:
    if not config.losses:
        return []
    opened = open_conversational(base, config.template)
    nn.Module.to(opened.model, device_for(execution))
    moved = dict(zip(config.vectors, moves(vectors, opened.model), strict=True))
    rows: list[Row] = []
    for name, loss in config.losses.items():
        batches = _batches(config, loss, opened, sets[loss.conversations])
        rows += first_order(opened.model, batches, moved, fractions=config.fractions, loss=name)
    return rows


def _batches(config: Weights, loss: AlongLoss, opened: Opened, artifact: Artifact) -> list[Batch]:
    """Conversations one a row, so many a batch, drawn with the seed."""
    path = artifact.path(CONVERSATIONS)
    labels = pq.read_table(path, columns=["harmful"]).column("harmful").to_pylist()
    wanted = {"all": (True, False, None), "harmful": (True,), "benign": (False,)}[loss.requests]
    there = [number for number, label in enumerate(labels) if label in wanted]
    if len(there) < 2:
        raise UserError(
            f"{artifact.folder}: {len(there)} of its conversations are {loss.requests} (column `harmful`), two are"
            " needed: name another set, or `requests: all`."
        )
    generator = np.random.Generator(np.random.PCG64(config.seed))
    drawn = [there[at] for at in sorted(generator.permutation(len(there))[: loss.limit])]
    everything = read_conversations(path)
    longest = getattr(opened.model.config.get_text_config(), "max_position_embeddings", sys.maxsize)
    read = prepared(opened, [everything[number] for number in drawn], longest, 0.0, place=str(artifact.folder))
    step = config.batch_conversations
    return [_batch(opened, read, range(start, min(start + step, len(read)))) for start in range(0, len(read), step)]


def _batch(opened: Opened, read: Prepared, numbers: range) -> Batch:
    pixels = []
    for number in numbers:
        files = read.images[number]
        place = f"conversation {read.rendered[number].id}"
        assert opened.reading is not None or not files, "a picture for a model that reads text: refused when rendered"
        pixels.append(pixel_values(files, opened.reading, place=place) if files and opened.reading else None)
    rows = [[row] for row in range(len(numbers))]
    return make_batch([read.rendered[number] for number in numbers], rows, pad_id=opened.pad_id, pixels=pixels)
