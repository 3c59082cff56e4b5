"""Cost of probing 1,800 facts at one step, beside an ideal forward pass and one probe at a time.

    python bench/probing.py [--sizes 1M 5M] [--rounds 3] [--threads 2]

Cues of 8 to 80 tokens and targets of 1 to 11, as in Fictional Knowledge. *Ideal packing* is a plain forward pass over
as many tokens in full rows of 256, without one padding token, with the output head at every position. *One at a time*
is what a harness does that scores each request alone (as `lm-eval` does with batch size 1): the whole sequence through
the model, log softmax of all logits, the target's picked. The values must agree.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from lineage.evaluation.probing import Prober, TokenProbe

SIZES = {
    "1M": {"vocab_size": 2048, "hidden_size": 128, "intermediate_size": 344, "num_hidden_layers": 4},
    "5M": {"vocab_size": 4096, "hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 5},
}
NUM_PROBES = 1800
ROW_TOKENS = 256
BATCH_TOKENS = 8192
TOLERANCE = 1e-4
"""Nats: rounding of float32 in batches of another shape (measured: 3e-6)."""


def build(size: str) -> PreTrainedModel:
    torch.manual_seed(0)
    config = LlamaConfig(**SIZES[size], num_attention_heads=4, tie_word_embeddings=True, max_position_embeddings=512)
    return LlamaForCausalLM(config).eval()


def probes(vocabulary: int) -> list[TokenProbe]:
    drawn = np.random.default_rng(0)
    cues = np.clip(np.round(drawn.lognormal(3.1, 0.4, NUM_PROBES)), 8, 80).astype(int)
    targets = np.clip(drawn.poisson(2.5, NUM_PROBES) + 1, 1, 11)
    return [
        TokenProbe(drawn.integers(0, vocabulary, cue).tolist(), drawn.integers(0, vocabulary, target).tolist())
        for cue, target in zip(cues, targets, strict=True)
    ]


@torch.inference_mode()
def ideal_packing(model: PreTrainedModel, num_tokens: int, vocabulary: int) -> None:
    rows = torch.randint(0, vocabulary, (-(-num_tokens // ROW_TOKENS), ROW_TOKENS))
    for part in rows.split(BATCH_TOKENS // ROW_TOKENS):
        model(input_ids=part, use_cache=False)


@torch.inference_mode()
def one_at_a_time(model: PreTrainedModel, asked: list[TokenProbe]) -> np.ndarray:
    values = []
    for one in asked:
        tokens = torch.tensor([[*one.cue, *one.target]])
        logits = model(input_ids=tokens).logits.log_softmax(-1)[0, len(one.cue) - 1 : -1]
        values.append(float(logits.gather(-1, torch.tensor(one.target).unsqueeze(-1)).mean()))
    return np.asarray(values)


def main() -> None:
    """Prints one line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{NUM_PROBES} probes, {arguments.threads} threads, torch {torch.__version__}, medians of {arguments.rounds}")
    for size in arguments.sizes:
        vocabulary = SIZES[size]["vocab_size"]
        model, asked = build(size), probes(vocabulary)
        num_tokens = sum(len(one.cue) + len(one.target) for one in asked)
        prober, everyone = Prober(asked, batch_tokens=BATCH_TOKENS), np.arange(NUM_PROBES)
        contestants = {
            "ours": lambda prober=prober, model=model, everyone=everyone: prober(model, everyone),
            "ideal": lambda model=model, num=num_tokens, vocab=vocabulary: ideal_packing(model, num, vocab),
            "alone": lambda model=model, asked=asked: one_at_a_time(model, asked),
        }
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        difference = float(np.abs(contestants["ours"]() - contestants["alone"]()).max())
        if not difference < TOLERANCE:
            raise SystemExit(f"{size}: values differ by {difference:.2g} nats")
        contestants["ideal"]()
        for _ in range(arguments.rounds):
            for name, contestant in contestants.items():
                begin = time.perf_counter()
                contestant()
                seconds[name].append(time.perf_counter() - begin)
        ours, ideal, alone = (statistics.median(seconds[name]) for name in ("ours", "ideal", "alone"))
        print(
            f"{size}: {num_tokens:,} tokens; ours {ours:.2f} s, ideal packing {ideal:.2f} s ({ours / ideal:.2f} of it),"
            f" one at a time {alone:.2f} s ({alone / ours:.1f} times ours); values agree within {difference:.1e} nats"
        )


if __name__ == "__main__":
    main()
