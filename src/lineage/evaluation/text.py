"""Plain text as the tokens that a model is measured on."""

from __future__ import annotations

from transformers import BatchEncoding, PreTrainedTokenizerFast


def encode_text(tokenizer: PreTrainedTokenizerFast, text: str) -> BatchEncoding:
    """`input_ids` and `offset_mapping` of a text, whole and without special tokens; `<|end|>` spelled in it is text."""
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)


def start_tokens(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """The token that the tokenizer itself puts before every text (BOS of Llama 2, say); none for most.

    A model that was trained behind it must be measured behind it.
    """
    added: list[int] = tokenizer("a")["input_ids"]
    plain: list[int] = tokenizer("a", add_special_tokens=False)["input_ids"]
    begins = len(added) > len(plain) and added[0] == tokenizer.bos_token_id
    return added[:1] if begins else []
