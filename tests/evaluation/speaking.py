"""Models with random weights that say long and different things, with and without eyes, for tests of generation."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from lineage.conversations.conversation import Conversation
from lineage.conversations.start import Opened, opened
from lineage.data import tokenizer as tokenizers
from lineage.models.decoder import open_tokenizer
from lineage.models.vision_language import ImageReading, assemble, reading_of_tower

WORDS = ["I", "will", "not", "help", "with", "that", "use", "the", "spoon", "fork", "lamp", "red", "blue", "is", "it"]
SIZE = 16


@cache
def words() -> PreTrainedTokenizerFast:
    """The words above, each one token, and bytes."""
    with TemporaryDirectory() as folder:
        tokenizers.save(tokenizers.train([" ".join(WORDS)], vocab_size=330, min_frequency=1, words=WORDS), Path(folder))
        return open_tokenizer(Path(folder))


def _decoder() -> PreTrainedModel:
    torch.manual_seed(3)
    end = words().eos_token_id
    assert isinstance(end, int)
    config = LlamaConfig(
        vocab_size=len(words()), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=256, initializer_range=0.35, eos_token_id=end, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        model.lm_head.weight[end] *= 1.5  # so that some answers end by themselves
    return model


@cache
def reader() -> Opened:
    """Reads text only."""
    return opened(_decoder(), words(), None, "roles", "reader")


@cache
def seer() -> Opened:
    """Reads pictures too."""
    torch.manual_seed(4)
    tower = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=SIZE,
            patch_size=8,
            initializer_range=0.5,
        )
    )
    model = assemble(_decoder(), tower, words(), feature_layer=-1, seed=0).eval()
    with torch.no_grad():
        for parameter in model.model.multi_modal_projector.parameters():
            parameter.mul_(20)  # as it is drawn, a picture would hardly change a logit
    processor = CLIPImageProcessorPil(size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE})
    reading: ImageReading = reading_of_tower(model, processor, words())
    return opened(model, words(), reading, "roles", "seer")


def picture(number: int) -> bytes:
    """A PNG of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (SIZE, SIZE), (number * 53 % 256, number * 97 % 256, number * 31 % 256)).save(file, "PNG")
    return file.getvalue()


def prompt(number: int, *, shown: bool = False) -> Conversation:
    """A prompt of 3 to 25 words, every number another one."""
    said = " ".join(WORDS[(number * 7 + place * (number % 5 + 1)) % len(WORDS)] for place in range(3 + number % 23))
    mark = "<image> " if shown else ""
    images = (picture(number),) if shown else ()
    return Conversation(f"p{number}", [{"role": "user", "content": mark + said}], images)
