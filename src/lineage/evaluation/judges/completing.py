"""Greedy continuations of plain prompts by any causal language model: how a generative judge is asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from lineage.evaluation.judges.generative import Complete
from lineage.models.decoder import check_vocabulary, open_decoder, open_tokenizer
from lineage.parts import Parts
from lineage.progress import Progress


def open_completer(
    folder: Path, *, max_new_tokens: int, batch_rows: int, dtype: torch.dtype, device: torch.device, parts: Parts
) -> Complete:
    """The model of a folder, as a function from prompts to what it says; prompts of like length go together.

    A batch is a part of the job, known by its tokens; calling the function can raise `StoppedEarly`.

    Raises:
        UserError: no causal language model there, or one whose tokenizer does not fit.
    """
    model: Any = open_decoder(folder, dtype=dtype).to(device).eval()  # pyright: ignore[reportArgumentType]
    tokenizer = open_tokenizer(folder)
    check_vocabulary(model, tokenizer, place=str(folder))
    end = tokenizer.eos_token_id
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end if end is not None else 0
    settings = GenerationConfig(max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=end, pad_token_id=pad)

    @torch.inference_mode()
    def batch(rows: Sequence[Sequence[int]]) -> list[str]:
        longest = max(map(len, rows))
        tokens = torch.tensor([[pad] * (longest - len(row)) + list(row) for row in rows], device=device)
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=device)
        said = model.generate(input_ids=tokens, attention_mask=mask, generation_config=settings)[:, longest:]
        return tokenizer.batch_decode(said, skip_special_tokens=True)

    def complete(prompts: Sequence[str]) -> list[str]:
        ids = [tokenizer(prompt)["input_ids"] for prompt in prompts]
        order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
        found: dict[int, str] = {}
        with Progress("judging", total=len(ids), unit="responses") as progress:
            for first in range(0, len(order), batch_rows):
                numbers = order[first : first + batch_rows]
                rows = [ids[number] for number in numbers]
                name = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
                found |= zip(numbers, parts.json(f"answers to {name}", partial(batch, rows)), strict=True)
                progress.advance(len(numbers))
        return [found[number] for number in range(len(prompts))]

    return complete
