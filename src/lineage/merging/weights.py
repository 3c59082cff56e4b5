"""How much of each model goes into one tensor."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lineage.config.merging import LayerWeights, Merge, Weight, mistake_in_weights
from lineage.config.messages import did_you_mean, listed
from lineage.errors import UserError
from lineage.merging.names import EMBEDDING, HEAD, PROJECTOR, layer_of

BASE = -1
"""Stands for the base where a tensor of the result is one parent's."""


def tensor_weights(config: Merge, canonical: str, *, num_layers: int) -> list[float]:
    """Weight of each model in the tensor `canonical`.

    Raises:
        UserError: weights that the method cannot use there, or that the config does not give.
    """
    weights = [
        _at(weight, canonical, num_layers, model.name) if isinstance(weight, LayerWeights) else float(weight)
        for model, weight in zip(config.models, config.weights(), strict=True)
    ]
    mistake = mistake_in_weights(config.method, weights)
    if mistake:
        raise UserError(f"weights in {canonical}: {mistake}.")
    return weights


def check_layer_weights(weight: Weight | None, model: str, *, names: Collection[str], num_layers: int) -> None:
    """There may not be more points than layers, and each module must be part of some tensor's name.

    Raises:
        UserError: with the points and layers, or the module that fits nothing.
    """
    if not isinstance(weight, LayerWeights):
        return
    if len(weight.layers) > num_layers:
        raise UserError(
            f"weights of {model}: `layers` has {len(weight.layers)} points, the models have {num_layers} layers.\n"
            "  Give one for all, two for a slope, or as many as there are layers."
        )
    for module in weight.modules:
        if not any(_fits(module, name) for name in names):
            parts = {part for name in names for part in name.split(".") if not part.isdigit()}
            raise UserError(
                f"weights of {model}: `modules.{module}` fits no tensor.{did_you_mean(module, parts)}\n"
                f"  parts of names: {listed(sorted(parts))}"
            )


def _at(weight: LayerWeights, canonical: str, num_layers: int, model: str) -> float:
    fitting = [name for name in weight.modules if _fits(name, canonical)]
    if fitting:
        most = max(name.count(".") for name in fitting)
        values = {weight.modules[name] for name in fitting if name.count(".") == most}
        if len(values) > 1:
            names = ", ".join(sorted(name for name in fitting if name.count(".") == most))
            raise UserError(
                f"weights of {model}: {names} both fit {canonical}, with different values. Name one longer."
            )
        return values.pop()
    layer = layer_of(canonical)
    if layer is not None:
        return on_line(weight.layers, layer, num_layers)
    if canonical.startswith(EMBEDDING):
        return weight.embedding
    if canonical.startswith(HEAD):
        return weight.head
    if canonical.startswith(PROJECTOR):
        if weight.projector is None:
            raise UserError(
                f"weights of {model}: no `projector`, but the projectors are to be merged. Give its weight."
            )
        return weight.projector
    return weight.norm


def on_line(points: Sequence[float], layer: int, num_layers: int) -> float:
    """Height at `layer` of straight lines through points that are spaced evenly from the first layer to the last.

    >>> [on_line([0.0, 1.0], layer, 5) for layer in range(5)]
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if len(points) == 1 or num_layers == 1:
        return points[0]
    position, last = layer * (len(points) - 1), num_layers - 1
    below, beyond = divmod(position, last)
    if beyond == 0:
        return points[below]
    return points[below] + (points[below + 1] - points[below]) * beyond / last


def _fits(name: str, canonical: str) -> bool:
    """Whether the parts of `name` stand in a row among those of a tensor's name."""
    return f".{name}." in f".{canonical}."


def sole_parent(config: Merge, weights: Sequence[float]) -> int | None:
    """The model whose bytes a tensor has, whatever is in it; BASE for the base; None where values are to be computed.

    Not left to arithmetic: theta_0 + (theta_1 - theta_0) need not give theta_1 back.
    """
    taking_part = [index for index, weight in enumerate(weights) if weight != 0]
    if config.method in ("task_arithmetic", "ties", "dare") and (not taking_part or config.lambda_ == 0):
        return BASE
    if len(taking_part) != 1 or config.models[taking_part[0]].random_delta:
        return None
    index = taking_part[0]
    if config.method in ("linear", "slerp"):
        return index
    whole = config.lambda_ == 1 and config.densities()[index] == 1
    if config.method in ("task_arithmetic", "dare"):
        whole = whole and weights[index] == 1
    return index if whole else None
