"""Rank all pairs of documents through inner products of several widths: free vectors, a bi-encoder, a decoder."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import pandas as pd
import torch
from torch import nn

from lineage.artifact import ArtifactWriter
from lineage.config.dense import Bottleneck
from lineage.config.execution import Execution
from lineage.losses.next_token import next_token
from lineage.models.decoder import num_parameters
from lineage.models.device import device_for
from lineage.retrieval.bottleneck import (
    FreeTable,
    NarrowDecoder,
    NarrowEncoder,
    Pairs,
    QueryBatches,
    found_by,
    pair_loss,
    recall,
)
from lineage.training.loop import train
from lineage.training.schedule import Schedule

TABLE = "recall.csv"


def bottleneck(config: Bottleneck, *, execution: Execution, out: ArtifactWriter) -> None:
    """Writes `recall.csv`, a row an arm and width, and `metrics.json`.

    Raises:
        StoppedEarly: before the time limit; arms that are done are not trained again.
    """
    out.kind = "scores"
    started = time.monotonic() - out.run.get("start_seconds", 0.0)
    pairs = Pairs(config.documents, config.digits)
    rows = []
    for arm in config.arms:
        for dimension in config.dimensions:
            row, cost = _row(config, pairs, arm, dimension, execution, out, started)
            rows.append(row)
            out.run[f"{arm} {dimension}"] = cost
    pd.DataFrame(rows).to_csv(out.path(TABLE), index=False)
    metrics: dict[str, dict[str, float]] = {arm: {} for arm in config.arms}
    for row in rows:
        metrics[row["arm"]][str(row["dimension"])] = row["recall"]
    out.path("metrics.json").write_text(json.dumps(metrics, indent=1, sort_keys=True) + "\n")
    out.counts |= {"documents": pairs.documents, "queries": pairs.num_queries, "tokens": pairs.num_tokens}


def _row(
    config: Bottleneck,
    pairs: Pairs,
    arm: str,
    dimension: int,
    execution: Execution,
    out: ArtifactWriter,
    started: float,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What one arm finds when it has been trained, and what that cost."""
    free = arm == "table"
    optimizer, steps = (config.table, config.table_steps) if free else (config.optimization, config.steps)
    model = _built(config, pairs, arm, dimension, seed=optimizer.seed)
    written = arm == "generative"
    size = pairs.num_queries if free else config.batch_queries
    batches = QueryBatches(pairs, written=written, size=size, steps=steps, seed=optimizer.seed)
    run = train(
        model,
        batches=batches,
        loss=next_token if written else pair_loss,
        optimizer=optimizer,
        schedule=Schedule.of(optimizer, horizon_steps=steps),
        first_step=0,
        last_step=steps,
        execution=execution,
        state_dir=out.state / f"{arm}-{dimension}",
        started=started,
    )
    found = found_by(model, pairs, device_for(execution))
    share, complete = recall(found, pairs.answers)
    sizes = {"parameters": num_parameters(model), "steps": steps}
    return {"arm": arm, "dimension": dimension, "recall": share, "complete": complete, **sizes}, dataclasses.asdict(run)


def _built(config: Bottleneck, pairs: Pairs, arm: str, dimension: int, *, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if arm == "table":
            return FreeTable(pairs, dimension)
        if arm == "bi_encoder":
            return NarrowEncoder(pairs, dimension, config)
        return NarrowDecoder(pairs, dimension, config)
