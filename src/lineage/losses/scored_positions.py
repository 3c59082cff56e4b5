"""Logits of those positions alone that a loss reads: answers of a conversation, not prompts and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


@contextmanager
def scored_positions(head: nn.Module, scored: Tensor) -> Iterator[None]:
    """Within, `head` [..., width] -> [..., vocabulary] is given only the `scored` [row, position] states of what it is
    called with, so that logits are [scored, vocabulary], in order of rows and positions.

    The output layer of a model with a large vocabulary and its loss are a good part of a step, and prompts and pictures
    are most of the positions; their logits would be thrown away.
    """

    def select(module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        states, *others = arguments
        return (states[scored], *others)

    handle = head.register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()
