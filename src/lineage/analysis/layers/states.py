"""What the residual stream of a language model holds at one token, layer by layer: read, and put in its place.

Shapes: `depth` counts from 0, the stream before the first layer (the embedding), to L behind the last; depth l + 1 is
behind layer l, before the final norm. Batches are padded on the left, so that the last token is in the last column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lineage.analysis.layers.asked import Asked
from lineage.analysis.layers.parts import language_layers, residual
from lineage.analysis.layers.ranges import Range
from lineage.analysis.layers.schemas import PATCH_STATE, PATCH_UPDATE
from lineage.conversations.start import Opened
from lineage.evaluation.generation_batch import prefill
from lineage.evaluation.log_probability import batches_by_length
from lineage.progress import Progress

BATCH_TOKENS = 16384


@torch.inference_mode()
def read_states(opened: Opened, asked: Sequence[Asked], position: str, *, batch_tokens: int = BATCH_TOKENS) -> Tensor:
    """[item, depth, hidden] float32 at the last token of `position`."""
    layers = language_layers(opened.model)
    found: dict[int, Tensor] = {}
    with Progress("reading states", total=len(asked), unit="prompts") as progress:
        for numbers in batches_by_length([len(one.upto(position)) for one in asked], batch_tokens):
            with _recorded(layers) as seen:
                prefill(opened, [asked[number].row(position) for number in numbers])
            found |= dict(zip(numbers, torch.stack(seen, dim=1).float().cpu(), strict=True))
            progress.advance(len(numbers))
    return torch.stack([found[number] for number in range(len(asked))])


@contextmanager
def _recorded(layers: nn.ModuleList) -> Iterator[list[Tensor]]:
    """[depth] of [row, hidden] at the last column, filled by one forward pass."""
    seen: list[Tensor] = []
    with ExitStack() as hooks:
        hooks.enter_context(layers[0].register_forward_pre_hook(lambda _, given: seen.append(given[0][:, -1].clone())))
        for layer in layers:
            hook = layer.register_forward_hook(lambda _layer, _, output: seen.append(residual(output)[:, -1].clone()))
            hooks.enter_context(hook)
        yield seen


@dataclass(frozen=True)
class Patch:
    """What another model holds at the last token of each item, put into layers [first, stop)."""

    mode: str
    """`patch_state`: behind each of the layers. `patch_update`: what all of them together add to the stream."""
    layers: Range
    states: Tensor
    """[item, depth, hidden] of the other model."""

    @contextmanager
    def applied(self, model_layers: Sequence[nn.Module], numbers: Sequence[int]) -> Iterator[None]:
        """While a batch of these items is read."""
        first, stop = self.layers
        given = self.states[list(numbers)]
        with ExitStack() as hooks:
            if self.mode == PATCH_STATE:
                for layer in range(first, stop):
                    hooks.enter_context(model_layers[layer].register_forward_hook(_put(given[:, layer + 1])))
            else:
                assert self.mode == PATCH_UPDATE, self.mode
                before: list[Tensor] = []
                hooks.enter_context(model_layers[first].register_forward_pre_hook(_noted(before)))
                added = given[:, stop] - given[:, first]
                hooks.enter_context(model_layers[stop - 1].register_forward_hook(_add(added, before)))
            yield


_Hook = Callable[..., None]


def _put(values: Tensor) -> _Hook:
    def hook(_layer: nn.Module, _given: object, output: Tensor | tuple[Tensor, ...]) -> None:
        stream = residual(output)
        stream[:, -1] = values.to(stream)

    return hook


def _noted(before: list[Tensor]) -> _Hook:
    def hook(_layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        before[:] = [given[0][:, -1].clone()]

    return hook


def _add(update: Tensor, before: list[Tensor]) -> _Hook:
    def hook(_layer: nn.Module, _given: object, output: Tensor | tuple[Tensor, ...]) -> None:
        stream = residual(output)
        stream[:, -1] = before[0] + update.to(stream)

    return hook
