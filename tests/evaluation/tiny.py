"""A word-level tokenizer and a small random model: tokens that can be counted by eye."""

from __future__ import annotations

from functools import cache

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

WORDS = ["<|pad|>", "<|end|>", "a", "b", "c", "d", "e", "red", "blue", "green", "is", "lamp", "boat"]
VOCABULARY = len(WORDS)


@cache
def word_tokenizer() -> PreTrainedTokenizerFast:
    """One token a word."""
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<|pad|>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|end|>")


@cache
def model() -> LlamaForCausalLM:
    """Random weights, large enough that probabilities differ; in train mode, as a training run leaves it."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=64, attention_dropout=0.5, initializer_range=0.5,
    )  # fmt: skip
    return LlamaForCausalLM(config).train()


def by_hand(tokens: list[int]) -> list[float]:
    """log p(token t | tokens before t) for t = 1, 2, ..., one forward pass a token and the softmax written out."""
    found = []
    trained = model()
    trained.eval()
    with torch.no_grad():
        for at in range(1, len(tokens)):
            logits = trained(torch.tensor([tokens[:at]])).logits[0, -1].double()
            exponentials = torch.exp(logits - logits.max())
            found.append(float(torch.log(exponentials[tokens[at]] / exponentials.sum())))
    trained.train()
    return found
