"""A whole experiment as a mapping, for tests that put one mistake into it."""

from typing import Any

EXPERIMENT: dict[str, Any] = {
    "experiment": "default",
    "execution": {"threads": 2},
    "world": {"seed": 0},
    "corpora": {"main": {"of": ["world"], "held_out_share": 0.05, "held_out_sources": ["world/background"]}},
    "tokenizers": {"main": {"corpus": "main", "vocab_size": 2048}},
    "tokens": {"main": {"corpus": "main", "tokenizer": "main"}},
    "models": {
        "base": {
            "stage": "pretrain",
            "tokens": "main",
            "architecture": {"model_type": "llama", "settings": {"hidden_size": 128}},
            "steps": 296,
            "checkpoints": [40, 120, 296],
            "optimization": {"warmup_steps": 20, "batch_tokens": 2048, "sequence_length": 128},
        }
    },
    "scores": {"corpus": "main"},
}
