"""The state of a model's modules while it trains: train or eval mode, caches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def set_training_mode(model: nn.Module) -> None:
    """Train mode, except for parts that are wholly frozen: these compute what they computed before."""
    model.train()
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()


@contextmanager
def no_cache(model: nn.Module) -> Iterator[None]:
    """Keeps transformers from building a key-value cache, with which it would not see that rows are packed."""
    config = getattr(model, "config", None)
    configs = [] if config is None else [config, config.get_text_config()]
    before = [(each, each.use_cache) for each in configs if hasattr(each, "use_cache")]
    for each, _ in before:
        each.use_cache = False
    try:
        yield
    finally:
        for each, use_cache in reversed(before):
            each.use_cache = use_cache


@contextmanager
def training_modes_kept(model: nn.Module) -> Iterator[None]:
    """Gives every module its train or eval mode back, and torch its random state."""
    modes = [(module, module.training) for module in model.modules()]
    with torch.random.fork_rng():
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training
