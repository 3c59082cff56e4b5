"""Answering a prompt set of mixed lengths, beside a plain `generate` loop.

    python bench/generation.py [--prompts 2000] [--rounds 3] [--threads 2] [--sizes 1M 5M]

*Plain* is what evaluation scripts do: `model.generate` on batches of 32 in the order of the file, padded on the left to
the longest prompt of the batch, going on until every row has ended. *Ours* sorts by length, takes more rows where they
are short, and lets rows go that have ended. Prompts have 8 to 120 tokens, answers 1 to 40. The models have random
weights whose end token is made likely, so that answers end at different times. Tokens that are said must be the same;
where they are not, the first two logits must have been closer than rounding, which is counted and shown.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from lineage.config.safety_score import Decoding
from lineage.conversations.start import Opened
from lineage.evaluation.generation import answer_batch, batches
from lineage.evaluation.generation_batch import Row

SIZES: dict[str, dict[str, Any]] = {
    "1M": {"vocab_size": 2048, "hidden_size": 128, "intermediate_size": 344, "num_hidden_layers": 4},
    "5M": {"vocab_size": 4096, "hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 5},
}
MAX_NEW_TOKENS = 40
PLAIN_BATCH = 32
PAD, END = 0, 1
END_WEIGHT = 2.2
"""Factor on the end token's row of the head: about one answer in five is cut at the limit then."""


class WithoutWords:
    """Stands for a tokenizer where tokens are compared and no text is."""

    eos_token_id, pad_token_id = END, PAD

    @staticmethod
    def batch_decode(said: Sequence[Sequence[int]], *, skip_special_tokens: bool) -> list[str]:
        return [" ".join(str(token) for token in tokens) for tokens in said]


def build(size: str) -> PreTrainedModel:
    torch.manual_seed(0)
    config = LlamaConfig(
        **SIZES[size], num_attention_heads=4, max_position_embeddings=512, pad_token_id=PAD, eos_token_id=END,
        bos_token_id=None, initializer_range=0.15,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        model.lm_head.weight[END] *= END_WEIGHT
    return model


def prompts(count: int, vocabulary: int) -> list[Row]:
    drawn = np.random.default_rng(0)
    lengths = np.clip(np.round(drawn.lognormal(3.3, 0.6, count)), 8, 120).astype(int)
    return [Row(f"p{n}", drawn.integers(2, vocabulary, length).tolist()) for n, length in enumerate(lengths)]


@torch.inference_mode()
def plain(model: PreTrainedModel, rows: Sequence[Row]) -> list[list[int]]:
    """Batches in the order of the file, padded, until all rows of a batch have ended."""
    settings = GenerationConfig(max_new_tokens=MAX_NEW_TOKENS, do_sample=False, eos_token_id=END, pad_token_id=PAD)
    said: list[list[int]] = []
    for first in range(0, len(rows), PLAIN_BATCH):
        batch = rows[first : first + PLAIN_BATCH]
        width = max(len(row.tokens) for row in batch)
        tokens = torch.full((len(batch), width), PAD)
        mask = torch.zeros_like(tokens)
        for number, row in enumerate(batch):
            tokens[number, width - len(row.tokens) :] = torch.tensor(row.tokens)
            mask[number, width - len(row.tokens) :] = 1
        out = model.generate(input_ids=tokens, attention_mask=mask, generation_config=settings)[:, width:].tolist()  # type: ignore[operator]
        said += [tokens[: tokens.index(END) + 1] if END in tokens else tokens for tokens in out]
    return said


def ours(opened: Opened, rows: Sequence[Row]) -> list[list[int]]:
    decoding = Decoding(max_new_tokens=MAX_NEW_TOKENS)
    said: dict[int, list[int]] = {}
    for members in batches(rows, decoding, 16384):
        answers = answer_batch(opened, [rows[one] for one in members], decoding)
        said |= {
            member: [int(token) for token in one.text.split()] for member, one in zip(members, answers, strict=True)
        }
    return [said[number] for number in range(len(rows))]


def measure(size: str, count: int, rounds: int) -> None:
    model = build(size)
    opened = Opened(model, WithoutWords(), None, None)  # type: ignore[arg-type]
    rows = prompts(count, SIZES[size]["vocab_size"])
    seconds: dict[str, list[float]] = {"plain": [], "ours": []}
    expected: list[list[int]] = []
    found: list[list[int]] = []
    for _ in range(rounds):
        started = time.perf_counter()
        expected = plain(model, rows)
        seconds["plain"].append(time.perf_counter() - started)
        started = time.perf_counter()
        found = ours(opened, rows)
        seconds["ours"].append(time.perf_counter() - started)
    differing = sum(one != other for one, other in zip(expected, found, strict=True))
    tokens = sum(map(len, found))
    best = {name: min(values) for name, values in seconds.items()}
    spread = {name: statistics.pstdev(values) for name, values in seconds.items()}
    print(f"{size}: {count} prompts, {sum(len(row.tokens) for row in rows)} tokens; {tokens} said")
    for name in ("plain", "ours"):
        print(f"  {name:6} {tokens / best[name]:9,.0f} tokens/s   {best[name]:6.1f} s (spread {spread[name]:.1f})")
    print(f"  ratio  {best['plain'] / best['ours']:9.2f}   answers that differ by rounding: {differing} of {count}")
    assert differing <= count / 500, "more than rounding can explain"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for size in given.sizes:
        measure(size, given.prompts, given.rounds)


if __name__ == "__main__":
    main()
