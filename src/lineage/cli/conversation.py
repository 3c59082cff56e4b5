"""Prompts in, text out: one loaded model with its tokenizer and what has been said so far."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, TextStreamer
from transformers.utils import logging as transformers_logging

from lineage.models.decoder import open_decoder, open_tokenizer


@dataclass(frozen=True)
class Reply:
    """One prompt with what the model made of it."""

    prompt: str
    reply: str
    prompt_tokens: int
    """Tokens that the model read: template and earlier turns included."""
    new_tokens: int


class Conversation:
    """A model that answers in turns where its tokenizer has a chat template, and continues each prompt where not.

    Raises:
        UserError: the folder holds no causal language model with a tokenizer.
    """

    def __init__(self, folder: Path, *, max_new_tokens: int, temperature: float, seed: int):
        self.folder = folder
        transformers_logging.disable_progress_bar()
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = open_decoder(folder).to(self._device).eval()  # pyright: ignore[reportArgumentType]
        self._tokenizer = open_tokenizer(folder)
        self._max_new_tokens = max_new_tokens
        self._settings = _generation_settings(self._tokenizer, temperature, max_new_tokens)
        self._turns: list[dict[str, str]] = []
        torch.manual_seed(seed)

    @property
    def has_template(self) -> bool:
        """Whether the tokenizer says how turns are written."""
        return bool(self._tokenizer.chat_template)

    def forget(self) -> None:
        """Starts a new conversation."""
        self._turns.clear()

    def reply(self, prompt: str, *, stream: Callable[[str], object] | None = None) -> Reply:
        """The model's answer; `stream` is called with each piece of text as soon as it is whole."""
        ids = self._fitted(self._encode(prompt)).to(self._device)
        streamer = _Pieces(self._tokenizer, stream) if stream else None
        with torch.inference_mode():
            output = self._model.generate(  # pyright: ignore[reportCallIssue]
                ids, attention_mask=torch.ones_like(ids), generation_config=self._settings, streamer=streamer
            )
        new = output[0, ids.shape[1] :]
        text = self._tokenizer.decode(new, skip_special_tokens=True)
        assert isinstance(text, str)
        if self.has_template:
            self._turns += [{"role": "user", "content": prompt}, {"role": "assistant", "content": text}]
        return Reply(prompt, text, ids.shape[1], len(new))

    def _encode(self, prompt: str) -> torch.Tensor:
        """[1, token]: all turns through the template, or the prompt alone."""
        if self.has_template:
            turns = [*self._turns, {"role": "user", "content": prompt}]
            text = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
            return torch.tensor([self._tokenizer.encode(str(text), add_special_tokens=False)])
        return torch.tensor([self._tokenizer.encode(prompt)])

    def _fitted(self, ids: torch.Tensor) -> torch.Tensor:
        """The end of a prompt that is too long for the model's context, with room for the reply."""
        context = getattr(self._model.config, "max_position_embeddings", None)
        room = None if context is None else max(context - self._max_new_tokens, 1)
        if room is None or ids.shape[1] <= room:
            return ids
        sys.stderr.write(f"(the prompt has {ids.shape[1]} tokens, the model reads the last {room})\n")
        return ids[:, -room:]


class _Pieces(TextStreamer):
    """Hands finished pieces of text on instead of printing them."""

    def __init__(self, tokenizer: Any, write: Callable[[str], object]):
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._write = write

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self._write(text)


def _generation_settings(tokenizer: Any, temperature: float, max_new_tokens: int) -> GenerationConfig:
    """Plain sampling, or greedy at temperature 0: nothing is taken from the model's own generation config."""
    sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=pad,
        **(sampling if temperature > 0 else {"do_sample": False}),
    )
