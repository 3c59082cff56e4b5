"""What a loss does along a task vector: its slope at theta_0, and its values on the line to theta_0 + tau.

To first order L(theta_0 + tau) = L(theta_0) + <g, tau>, where g is the gradient at theta_0. A vector with <g, tau> > 0
raises the loss; how far that goes is what the line shows. Only the language model moves: projector and tower stay those
of theta_0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.special import stdtrit
from torch import Tensor, nn
from transformers import PreTrainedModel

from lineage.analysis.weights.measures import Z95
from lineage.analysis.weights.schemas import LOSS, SLOPE, SLOPE_COSINE, SLOPE_RANDOM
from lineage.analysis.weights.vectors import TaskVectors
from lineage.data.batch import Batch
from lineage.losses.next_token import next_token
from lineage.losses.total import Total
from lineage.merging.names import HEAD, detect, is_language
from lineage.progress import Progress

Row = dict[str, Any]
Moves = dict[str, Tensor]
"""{canonical name: tensor like the base's}: where a language model moves."""


def moves(vectors: TaskVectors, model: PreTrainedModel) -> list[Moves]:
    """[vector] its tensors in the shapes of `model`, the base of the vectors; rows that not all models have stay."""
    parameters = language_parameters(model)
    found: list[Moves] = [{} for _ in vectors.vectors]
    for one in vectors:
        if one.name not in parameters:
            assert one.name.startswith(HEAD), f"{one.name} is no parameter of {type(model).__name__}"
            continue  # written out beside an embedding that it is tied to in this model
        like = parameters[one.name]
        for number, tau in enumerate(one.taus):
            whole = torch.zeros(like.shape)
            rows = slice(None) if one.base_rows is None else one.base_rows
            whole[rows] = tau.view(one.shape)
            found[number][one.name] = whole.to(like.device)
    return found


def language_parameters(model: PreTrainedModel) -> dict[str, nn.Parameter]:
    """Parameters of the language model by canonical name; one that is tied stands once."""
    named = dict(model.named_parameters())
    layout = detect(named)
    assert layout is not None, f"the names of {type(model).__name__} fit no layout (checked when its folder was opened)"
    canonical = {layout.canonical(name): one for name, one in named.items()}
    return {name: one for name, one in canonical.items() if is_language(name)}


def first_order(
    model: PreTrainedModel,
    batches: Sequence[Batch],
    moved: Mapping[str, Moves],
    *,
    fractions: Sequence[float],
    loss: str,
) -> Iterator[Row]:
    """Rows of `first_order.parquet` for one loss, next tokens of `batches`; `model` is left as it was.

    Args:
        moved: {vector: its tensors}
        loss: name of the loss in the table.
    """
    parameters = language_parameters(model)
    slopes, whole = _gradients(model, batches, parameters, moved)
    for vector, tensors in moved.items():
        yield _row(loss, vector, SLOPE, None, *_mean(slopes[vector], [batch.count for batch in batches]))
        slope = sum(float((whole[name] * tau).sum()) for name, tau in tensors.items())
        norms = math.sqrt(_square(whole, tensors)) * math.sqrt(_square(tensors, tensors))
        yield _row(loss, vector, SLOPE_COSINE, None, slope / norms if norms else None)
        spread = Z95 * math.sqrt(
            sum(float(whole[name].square().sum() * tau.square().sum()) / tau.numel() for name, tau in tensors.items())
        )
        yield _row(loss, vector, SLOPE_RANDOM, None, 0.0, -spread, spread)
    with Progress(f"{loss} along vectors", total=len(moved) * len(fractions), unit="points") as progress:
        for vector, tensors in moved.items():
            for fraction in fractions:
                yield _row(loss, vector, LOSS, fraction, *_loss_at(model, batches, parameters, tensors, fraction))
                progress.advance()


def _gradients(
    model: PreTrainedModel,
    batches: Sequence[Batch],
    parameters: Mapping[str, nn.Parameter],
    moved: Mapping[str, Moves],
) -> tuple[dict[str, list[float]], Moves]:
    """({vector: [batch] slope}, gradient of the mean loss over all batches)."""
    total = sum(batch.count for batch in batches)
    whole = {name: torch.zeros_like(one) for name, one in parameters.items()}
    slopes: dict[str, list[float]] = {vector: [] for vector in moved}
    model.eval()
    for batch in batches:
        found = _loss(model, batch)
        gradients = torch.autograd.grad(found.sum, list(parameters.values()))
        by_name = dict(zip(parameters, gradients, strict=True))
        for vector, tensors in moved.items():
            along = sum(float((by_name[name] * tau).sum()) for name, tau in tensors.items())
            slopes[vector].append(along / batch.count)
        for name, gradient in by_name.items():
            whole[name] += gradient / total
    return slopes, whole


def _loss(model: PreTrainedModel, batch: Batch) -> Total:
    call: Any = model
    device = model.device
    inputs = {name: one.to(device) for name, one in batch.inputs.items()}
    inputs |= {name: one.values.to(device) for name, one in batch.attached.items()}
    return next_token(call(**inputs, use_cache=False), {name: one.to(device) for name, one in batch.targets.items()})


@torch.no_grad()
def _loss_at(
    model: PreTrainedModel,
    batches: Sequence[Batch],
    parameters: Mapping[str, nn.Parameter],
    tensors: Moves,
    fraction: float,
) -> tuple[float, float | None, float | None]:
    """Mean loss with its interval at theta_0 + fraction * tau."""
    kept = {name: parameters[name].detach().clone() for name in tensors}
    try:
        for name, tau in tensors.items():
            parameters[name].add_(tau, alpha=fraction)
        losses = [float(_loss(model, batch).sum) / batch.count for batch in batches]
    finally:
        for name, before in kept.items():
            parameters[name].copy_(before)
    return _mean(losses, [batch.count for batch in batches])


def _mean(values: Sequence[float], counts: Sequence[int]) -> tuple[float, float | None, float | None]:
    """(mean over tokens, ends of its t interval over batches; None for fewer than two batches)."""
    weights = np.asarray(counts, dtype=np.float64) / sum(counts)
    mean = float(weights @ np.asarray(values))
    count = len(values)
    if count < 2:
        return mean, None, None
    # The mean of a ratio: each batch's part of the deviation.
    parts = weights * (np.asarray(values) - mean)
    error = math.sqrt(count / (count - 1) * float(parts @ parts))
    reach = float(stdtrit(count - 1, 0.975)) * error
    return mean, mean - reach, mean + reach


def _square(one: Mapping[str, Tensor], names: Moves) -> float:
    return sum(float(one[name].square().sum()) for name in names)


def _row(
    loss: str,
    vector: str,
    statistic: str,
    fraction: float | None,
    value: float | None,
    low: float | None = None,
    high: float | None = None,
) -> Row:
    return {
        "loss": loss,
        "vector": vector,
        "statistic": statistic,
        "fraction": fraction,
        "value": value,
        "low": low,
        "high": high,
    }
