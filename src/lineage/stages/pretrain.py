"""Train a language model on next tokens, from one checkpoint to the next."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.pretrain import HeldOut, Pretrain
from lineage.data.batch import pack
from lineage.data.order import Order, TokenStream
from lineage.evaluation.held_out import HeldOutText, bits_per_byte
from lineage.losses.next_token import next_token
from lineage.models.decoder import (
    build_decoder,
    model_facts,
    num_parameters,
    open_tokenizer,
    save_decoder,
)
from lineage.training.log import LOG
from lineage.training.loop import train
from lineage.training.schedule import Schedule
from lineage.training.start import check_rows, open_start
from lineage.training.state import STATE

ORDER_SCHEMA = pa.schema(
    [
        pa.field("step", pa.int64(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("document", pa.int64(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("stop", pa.int64(), nullable=False),
        pa.field("column", pa.int32(), nullable=False),
    ]
)
"""One row a segment: tokens [start, stop) of a document (its row in the tokens artifact) from `column` of `row`."""

_STEPS_A_GROUP = 1000
_BYTES_A_PARAMETER = 4
_COPIES_WRITTEN = 5
"""The model once; weights and two moments in the state, and once more while a new state replaces an old one."""


def pretrain(
    config: Pretrain,
    *,
    tokens: Artifact,
    tokenizer: Artifact,
    start: Artifact | None,
    held_out: Artifact | None,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Makes steps [first_step, last_step) of a run and writes model, resume state, log and the order of the documents.

    `start` is the segment before (weights, moments and step go on), or, at first_step 0, any model (weights only).

    Raises:
        UserError: parts that do not fit together, a loss that is not finite, a full disk.
        StoppedEarly: before the time limit, with the state saved.
    """
    out.kind = "model"
    begun = time.monotonic() - out.run.get("start_seconds", 0.0)
    settings = config.optimization
    text_tokenizer = open_tokenizer(tokenizer.folder)
    model = _first_weights(config, start, tokenizer, text_tokenizer)
    out.reserve(_COPIES_WRITTEN * _BYTES_A_PARAMETER * num_parameters(model))
    stream = TokenStream.open(tokens)
    order = Order(stream, sequence_length=settings.sequence_length, batch_rows=settings.batch_rows, seed=settings.seed)
    run = train(
        model,
        batches=lambda step: pack(order.rows(step), settings.attention),
        loss=next_token,
        optimizer=settings,
        schedule=Schedule.of(settings, horizon_steps=config.steps),
        first_step=config.first_step,
        last_step=config.last_step,
        execution=execution,
        state_dir=out.state,
        start=start.path(STATE) if start is not None and config.first_step > 0 else None,
        observers=_observers(config, held_out, text_tokenizer),
        describe_step=_describer(order, stream),
        started=begun,
        tracker_dir=out.target.parent.parent / "trackers" / out.target.name,
    )
    out.run["training"] = dataclasses.asdict(run)
    if not out.is_main:
        return
    save_decoder(model, out.folder, tokenizer.folder)
    for name in (STATE, LOG):
        shutil.copyfile(out.state / name, out.path(name))
    _write_order(order, config.first_step, config.last_step, out.path("order.parquet"))
    out.counts |= model_facts(model) | {
        "step": config.last_step,
        "tokens": run.tokens,
        "epochs": round(order.epochs(config.last_step), 6),
        "last_loss": _last_loss(out.path(LOG)),
    }


def _first_weights(
    config: Pretrain, start: Artifact | None, tokenizer: Artifact, text_tokenizer: PreTrainedTokenizerFast
) -> PreTrainedModel:
    if start is not None:
        model = open_start(start, tokenizer, text_tokenizer)
    else:
        assert config.architecture is not None, "a run from scratch has an architecture"
        model = build_decoder(config.architecture, text_tokenizer, seed=config.optimization.seed)
    check_rows(model, config.optimization)
    return model


class HeldOutObserver:
    """Held-out bits per byte every so many steps; a pure function of the weights."""

    def __init__(self, text: HeldOutText, every_steps: int, last_step: int, batch_tokens: int):
        self._text = text
        self._every_steps = every_steps
        self._last_step = last_step
        self._batch_tokens = batch_tokens

    def restart(self, step: int) -> None:
        """Nothing is recorded here: what is measured goes into training.jsonl."""

    def wants(self, step: int) -> bool:
        """Every `every_steps` steps and at the end of the segment."""
        return step % self._every_steps == 0 or step == self._last_step

    def observe(self, step: int, model: nn.Module) -> Mapping[str, float]:
        """`held_out_bits_per_byte` of the weights after `step` updates."""
        assert isinstance(model, PreTrainedModel)
        return {"held_out_bits_per_byte": bits_per_byte(self._text.score(model, batch_tokens=self._batch_tokens))}

    def save(self) -> None:
        """Nothing to put on the disk."""


def _observers(
    config: Pretrain, held_out: Artifact | None, tokenizer: PreTrainedTokenizerFast
) -> list[HeldOutObserver]:
    if config.held_out is None:
        return []
    assert held_out is not None, "held_out measurements need a corpus"
    settings = config.optimization
    text = HeldOutText.tokenize(
        _first_documents(held_out, config.held_out), tokenizer, context_tokens=settings.sequence_length
    )
    return [HeldOutObserver(text, config.held_out.every_steps, config.last_step, settings.batch_tokens)]


def _first_documents(held_out: Artifact, config: HeldOut) -> list[tuple[str, str]]:
    table = pq.read_table(held_out.path("held_out.parquet"), columns=["id", "text"]).slice(0, config.documents)
    return list(zip(table.column("id").to_pylist(), table.column("text").to_pylist(), strict=True))


def _describer(order: Order, stream: TokenStream) -> Callable[[int], str]:
    def describe(step: int) -> str:
        ids = stream.document_ids()
        seen = dict.fromkeys(order.segments(step).document.tolist())
        names = [ids[document] for document in list(seen)[:20]]
        return f"{len(seen)} documents: {', '.join(names)}{', ...' if len(seen) > 20 else ''}"

    return describe


def _write_order(order: Order, first_step: int, last_step: int, path: Path) -> None:
    """Which document tokens every row of every step held."""
    with pq.ParquetWriter(path, ORDER_SCHEMA, compression="zstd") as writer:
        for group in range(first_step, last_step, _STEPS_A_GROUP):
            tables = []
            for step in range(group, min(group + _STEPS_A_GROUP, last_step)):
                found = order.segments(step)
                columns = {"step": [step] * len(found.row), **found._asdict()}
                tables.append(pa.table({name: columns[name] for name in ORDER_SCHEMA.names}).cast(ORDER_SCHEMA))
            writer.write_table(pa.concat_tables(tables))


def _last_loss(path: Path) -> float:
    losses = [row["loss"] for row in map(json.loads, path.read_text().splitlines()) if "loss" in row]
    return losses[-1]
