"""Go on with pretraining from a checkpoint while facts are injected on schedule and probed step by step."""

from __future__ import annotations

import dataclasses
import shutil
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from transformers import PreTrainedModel

from lineage.artifact import Artifact, ArtifactWriter
from lineage.config.execution import Execution
from lineage.config.injection import Inject
from lineage.data.batch import Batch, pack
from lineage.data.injection import inject_rows
from lineage.data.order import Order, TokenStream
from lineage.errors import UserError
from lineage.evaluation.probing import RECORD, Prober, TokenProbe, TrajectoryObserver, due_probes
from lineage.losses.next_token import next_token
from lineage.models.decoder import num_parameters, open_tokenizer, save_decoder
from lineage.training.log import LOG
from lineage.training.loop import train
from lineage.training.schedule import Schedule
from lineage.training.start import check_rows, open_start
from lineage.training.state import STATE

_BYTES_A_PARAMETER = 4
_COPIES_WRITTEN = 4
"""Weights and two moments in the state, and the state once more while a new one replaces it, less what is shared."""


def inject(
    config: Inject,
    *,
    tokens: Artifact,
    tokenizer: Artifact,
    start: Artifact,
    injections: Artifact,
    execution: Execution,
    out: ArtifactWriter,
) -> None:
    """Writes `steps.parquet` (log-probability of every probe that was due at a step) and `training.jsonl`.

    The background is read from the beginning of `tokens`, whatever the checkpoint read before. A twin reads decoys, or
    the background, where the run reads facts; it is equal in everything else.

    Raises:
        UserError: parts that do not fit together, a loss that is not finite, a full disk.
        StoppedEarly: before the time limit, with the state saved.
    """
    out.kind = "trajectory"
    begun = time.monotonic() - out.run.get("start_seconds", 0.0)
    model = open_start(start, tokenizer, open_tokenizer(tokenizer.folder))
    check_rows(model, config.optimization)
    out.reserve(_COPIES_WRITTEN * _BYTES_A_PARAMETER * num_parameters(model))
    first_step = _first_step(config, start)
    background = Background(TokenStream.open(tokens), config, injections)
    schedule = Schedule.of(config.optimization, horizon_steps=config.steps)
    run = train(
        model,
        batches=lambda step: background.batch(step - first_step),
        loss=next_token,
        optimizer=config.optimization,
        schedule=lambda step: schedule(step - first_step),
        first_step=first_step,
        last_step=first_step + config.steps,
        execution=execution,
        state_dir=out.state,
        start=start.path(STATE) if config.moments == "kept" else None,
        observers=_observers(config, injections, out, first_step) if config.probed else (),
        describe_step=lambda step: background.describe(step - first_step),
        started=begun,
        tracker_dir=out.target.parent.parent / "trackers" / out.target.name,
    )
    out.run["training"] = dataclasses.asdict(run)
    if out.is_main:
        _write(config, model, tokenizer, background, first_step, out)


class Background:
    """The rows of every step of the run, with the texts that are injected at their heads."""

    def __init__(self, stream: TokenStream, config: Inject, injections: Artifact):
        settings = config.optimization
        self._settings = settings
        self.order = Order(
            stream, sequence_length=settings.sequence_length, batch_rows=settings.batch_rows, seed=settings.seed
        )
        column = "decoy_ids" if config.injected == "decoys" else "ids"
        texts = {(one["fact"], one["variant"]): one[column] for one in _rows(injections, "texts")}
        self.planned: dict[int, list[tuple[int, list[int]]]] = {}
        self.names: dict[int, list[str]] = {}
        for one in _rows(injections, "injections") if config.injected != "nothing" else []:
            self.planned.setdefault(one["step"], []).append((one["row"], texts[one["fact"], one["variant"]]))
            self.names.setdefault(one["step"], []).append(one["fact"])
        _check_same_run(config, injections, self.order)

    def batch(self, step: int) -> Batch:
        """The batch of the update that follows `step` updates of the run."""
        rows = self.order.rows(step)
        inject_rows(rows.tokens, rows.occurrence, self.planned.get(step, []))
        return pack(rows, self._settings.attention)

    def describe(self, step: int) -> str:
        """What the step reads, for a message."""
        ids = self.order.stream.document_ids()
        seen = list(dict.fromkeys(self.order.segments(step).document.tolist()))
        injected = self.names.get(step, [])
        return f"{len(seen)} documents: {', '.join(ids[one] for one in seen[:20])}; injected: {injected or 'nothing'}"


def _rows(artifact: Artifact, name: str) -> list[dict]:
    return pq.read_table(artifact.path(f"{name}.parquet")).to_pylist()


def _check_same_run(config: Inject, injections: Artifact, order: Order) -> None:
    """The plan was made for batches like these, and the background must not repeat within the run."""
    counts = injections.manifest.counts
    assert (counts["steps"], counts["batch_tokens"]) == (config.steps, config.optimization.batch_tokens)
    if order.epochs(config.steps) > 1 and not config.repeat_background:
        raise UserError(
            f"{config.steps} steps of {order.batch_tokens:,} tokens read {config.steps * order.batch_tokens:,} tokens,"
            f" but the background stream holds {order.stream.num_tokens:,}: it would repeat.\n"
            "  Lower `steps` or `batch_tokens`, make more of it (`corpora.<name>.continuation_share`, more text),\n"
            "  or allow it with `repeat_background: true` of the run."
        )


def _first_step(config: Inject, start: Artifact) -> int:
    if config.moments == "new":
        return 0
    if STATE not in start.manifest.files:
        raise UserError(
            f"{start.folder}: holds no {STATE}, so there are no moments to keep: it was not trained here.\n"
            "  Set `moments: new` of the run."
        )
    return int(start.manifest.counts["step"])


def _observers(config: Inject, injections: Artifact, out: ArtifactWriter, first_step: int) -> list[TrajectoryObserver]:
    probes = pq.read_table(injections.path("probes.parquet"), columns=["fact", "cue_ids", "target_ids"]).to_pylist()
    prober = Prober(
        [TokenProbe(one["cue_ids"], one["target_ids"]) for one in probes], batch_tokens=config.probe_batch_tokens
    )
    steps = {one["fact"]: one["probed_steps"] for one in _rows(injections, "facts")}
    due = due_probes(steps, [one["fact"] for one in probes])
    return [TrajectoryObserver(prober, due, folder=out.state, first_step=first_step, writes=out.is_main)]


def _write(
    config: Inject,
    model: PreTrainedModel,
    tokenizer: Artifact,
    background: Background,
    first_step: int,
    out: ArtifactWriter,
) -> None:
    shutil.copyfile(out.state / LOG, out.path(LOG))
    if config.probed:
        _copy_steps(out.state / RECORD, out)
    if config.keep_model:
        save_decoder(model, out.folder, tokenizer.folder)
    planned = [text for texts in background.planned.values() for _, text in texts]
    out.counts |= {
        "steps": config.steps,
        "start_step": first_step,
        "batch_tokens": config.optimization.batch_tokens,
        "injected_rows": len(planned),
        "injected_tokens": sum(map(len, planned)),
        "background_epochs": round(background.order.epochs(config.steps), 6),
    }


def _copy_steps(recorded: Path, out: ArtifactWriter) -> None:
    """The record of the run, in one order whatever was saved in between."""
    table = pq.read_table(recorded)
    assert np.all(np.diff(table.column("step").to_numpy()) >= 0), "steps are recorded in order"
    pq.write_table(table, out.path(RECORD), compression="zstd")
    out.counts["measurements"] = table.num_rows
