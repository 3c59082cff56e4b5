"""Tokenizers of the three kinds that models come with, trained on a few words in the test."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from lineage.data import tokenizer as ours
from lineage.models.decoder import open_tokenizer

WORDS = ["Say", "yes", "no", "What", "is", "it", "A", "bus", "Why", "Because", "Be", "short", "Red"]
TEXT = " ".join([*WORDS, "USER: ASSISTANT: [INST] [/INST] <<SYS>> <</SYS>> . , ? !", *"abcdefghijklmnopqrstuvwxyz"])


@cache
def roles() -> PreTrainedTokenizerFast:
    """Ours: bytes, a token a role, the words above one token each after a space."""
    with TemporaryDirectory() as folder:
        ours.save(ours.train([" ".join(WORDS)], vocab_size=330, min_frequency=1, words=WORDS), Path(folder))
        return open_tokenizer(Path(folder))


@cache
def byte_level() -> PreTrainedTokenizerFast:
    """As GPT-2's and Llama 3's: bytes, no space put in front."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([TEXT] * 3, trainer)
    return wrapped(tokenizer)


@cache
def sentence_piece() -> PreTrainedTokenizerFast:
    """As Llama 2's: a space in front of the text, spaces as `_` in tokens, bytes for what is unknown."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=560, special_tokens=["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))], show_progress=False
    )
    tokenizer.train_from_iterator(TEXT.split(" "), trainer)
    return wrapped(tokenizer)


def wrapped(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """With the special tokens of Llama and LLaVA."""
    special = [AddedToken(text, special=True, normalized=False) for text in ("<unk>", "<s>", "</s>", "<image>")]
    tokenizer.add_special_tokens(special)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
