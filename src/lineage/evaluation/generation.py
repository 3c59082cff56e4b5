"""Greedy answers to prompts, with or without pictures; prompts of one length are answered together, none is padded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from transformers import GenerationConfig

from lineage.conversations.prepared import pixel_values
from lineage.conversations.render import Conversation
from lineage.conversations.start import Opened
from lineage.progress import Progress


@dataclass(frozen=True)
class Answer:
    """What a model says to a prompt."""

    id: str
    text: str
    """Without special tokens and without space around it."""
    ended: bool
    """Whether it ended by itself; false: it was cut at the limit."""


def greedy_answers(
    opened: Opened, prompts: Sequence[Conversation], *, max_new_tokens: int, batch_tokens: int = 16384
) -> list[Answer]:
    """One answer a prompt, in their order; `batch_tokens` bounds prompts plus answers of one forward pass.

    Raises:
        BadConversation: a prompt that cannot be rendered.
    """
    ids = [opened.renderer.prompt_ids(one) for one in prompts]
    settings = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=opened.tokenizer.eos_token_id,
        pad_token_id=opened.pad_id,
    )
    found: dict[int, Answer] = {}
    order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
    with Progress("answering", total=len(ids), unit="prompts") as progress:
        for length, members in groupby(order, key=lambda number: len(ids[number])):
            same = list(members)
            size = max(1, batch_tokens // (length + max_new_tokens))
            for first in range(0, len(same), size):
                numbers = same[first : first + size]
                texts = _answered(opened, [ids[one] for one in numbers], [prompts[one] for one in numbers], settings)
                found |= {
                    number: Answer(prompts[number].id, text, ended)
                    for number, (text, ended) in zip(numbers, texts, strict=True)
                }
                progress.advance(len(numbers))
    return [found[number] for number in range(len(prompts))]


@torch.inference_mode()
def _answered(
    opened: Opened, ids: Sequence[Sequence[int]], prompts: Sequence[Conversation], settings: GenerationConfig
) -> list[tuple[str, bool]]:
    model: Any = opened.model
    tokens = torch.tensor(ids, device=model.device)
    inputs = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
    pictures = [file for one in prompts for file in one.images]
    if pictures:
        assert opened.reading is not None
        pixels = pixel_values(pictures, opened.reading, place=f"prompts {prompts[0].id}, ...")
        inputs["pixel_values"] = pixels.to(model.device)
    out = model.generate(**inputs, generation_config=settings)[:, tokens.shape[1] :]
    ended = (out == opened.tokenizer.eos_token_id).any(dim=1).tolist()
    texts = opened.tokenizer.batch_decode(out, skip_special_tokens=True)
    return [(text.strip(), bool(done)) for text, done in zip(texts, ended, strict=True)]
