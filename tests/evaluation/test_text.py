"""Text is measured as training cut it, behind the token that the tokenizer itself puts first."""

from __future__ import annotations

from pathlib import Path

from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from lineage.data import tokenizer as bpe
from lineage.evaluation.text import encode_text, start_tokens


def trained(folder: Path) -> PreTrainedTokenizerFast:
    bpe.save(bpe.train(["a small text about nothing"] * 4, vocab_size=320, min_frequency=1), folder)
    return AutoTokenizer.from_pretrained(folder)


def test_a_spelled_special_token_is_text_as_in_training(tmp_path: Path) -> None:
    tokenizer = trained(tmp_path)
    text = "a small <|end|> text"
    assert encode_text(tokenizer, text)["input_ids"] == bpe.load(tmp_path).encode(text, add_special_tokens=False).ids
    assert tokenizer.eos_token_id not in encode_text(tokenizer, text)["input_ids"]


def test_the_start_token_is_the_one_that_the_tokenizer_adds(tmp_path: Path) -> None:
    tokenizer = trained(tmp_path)
    assert start_tokens(tokenizer) == []
    tokenizer.bos_token = "<|end|>"
    template = TemplateProcessing(single="<|end|> $A", special_tokens=[("<|end|>", 1)])
    tokenizer.backend_tokenizer.post_processor = template
    assert start_tokens(tokenizer) == [1]
