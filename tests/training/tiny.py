"""Tiny models, tokens and runs, built in code."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from lineage.config.execution import Execution
from lineage.config.training import Optimization
from lineage.data.batch import Batch, pack
from lineage.data.order import Order, TokenStream
from lineage.losses.next_token import next_token
from lineage.training.loop import TrainingRun, train
from lineage.training.schedule import Schedule

VOCABULARY = 64
OPTIMIZATION = Optimization(
    batch_tokens=96, sequence_length=12, warmup_steps=3, peak_learning_rate=3e-3, schedule="cosine", clip_norm=0.5
)


def llama(seed: int = 0, *, attention_dropout: float = 0.1) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=64,
            attention_dropout=attention_dropout,
            tie_word_embeddings=True,
        )
    )


def gpt2(seed: int = 0, *, dropout: float = 0.0) -> GPT2LMHeadModel:
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=32, resid_pdrop=dropout,
        embd_pdrop=dropout, attn_pdrop=dropout,
    )  # fmt: skip
    return GPT2LMHeadModel(config)


def stream(seed: int = 0, documents: int = 30) -> TokenStream:
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 20, documents)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return TokenStream(generator.integers(2, VOCABULARY, offsets[-1]), offsets)


def batches(optimization: Optimization = OPTIMIZATION) -> Callable[[int], Batch]:
    order = Order(
        stream(),
        sequence_length=optimization.sequence_length,
        batch_rows=optimization.batch_rows,
        seed=optimization.seed,
    )
    return lambda step: pack(order.rows(step), optimization.attention)


def run(model: torch.nn.Module, folder: Path, *, steps: int = 8, **changes: Any) -> TrainingRun:
    """Trains on the tiny stream; `changes` replace arguments of `train`, `execution` may be a dict."""
    optimizer = changes.pop("optimizer", OPTIMIZATION)
    execution = Execution(**{"device": "cpu", "threads": 1, **changes.pop("execution", {})})
    arguments: dict[str, Any] = {
        "batches": batches(optimizer),
        "loss": next_token,
        "optimizer": optimizer,
        "schedule": Schedule.of(optimizer, horizon_steps=20),
        "first_step": 0,
        "last_step": steps,
        "execution": execution,
        "state_dir": folder,
    }
    return train(model, **{**arguments, **changes})


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def same_bits(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)
