"""Held-out bits per byte: every token but the first is scored once, and bits are counted over bytes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import pre_tokenizers
from transformers import PreTrainedTokenizerFast

from lineage.data.tokenizer import train
from lineage.errors import UserError
from lineage.evaluation.held_out import DocumentBits, HeldOutText, _windows, bits_per_byte
from tests.evaluation.tiny import by_hand, model, word_tokenizer


@given(st.integers(2, 60), st.integers(2, 20))
def test_windows_score_every_token_but_the_first_once(num_tokens: int, context: int) -> None:
    tokens = list(range(num_tokens))
    scored = []
    for index, window in enumerate(_windows(tokens, context, [])):
        assert 1 <= window.first < len(window.tokens) <= context
        assert list(window.tokens) == tokens[window.tokens[0] : window.tokens[-1] + 1]
        assert index == 0 or window.first >= context - context // 2, "half a window stands before what is scored"
        scored.extend(window.tokens[window.first :])
    assert scored == tokens[1:]


def test_windows_of_the_docstring() -> None:
    found = [(list(window.tokens), list(window.tokens[window.first :])) for window in _windows(list(range(10)), 4, [])]
    assert found == [
        ([0, 1, 2, 3], [1, 2, 3]),
        ([2, 3, 4, 5], [4, 5]),
        ([4, 5, 6, 7], [6, 7]),
        ([6, 7, 8, 9], [8, 9]),
    ]


def test_bits_are_those_of_the_softmax_by_hand() -> None:
    """A document that fits the context: -sum of log p in bits, over the bytes behind its first word."""
    text = "a b c red blue"
    (found,) = tokenize([("d", text)]).score(model(), batch_tokens=64)
    tokens = word_tokenizer()(text)["input_ids"]
    assert found.bits == pytest.approx(-sum(by_hand(tokens)) / math.log(2), abs=1e-4)
    assert (found.id, found.tokens, found.bytes) == ("d", 4, len(" b c red blue"))


def test_a_longer_document_is_read_in_windows() -> None:
    """Context 4, seven tokens: [0:4] scores 1-3, [2:6] scores 4-5, [4:7] scores 6."""
    text = "a b c d e red blue"
    tokens = word_tokenizer()(text)["input_ids"]
    expected = by_hand(tokens[:4]) + by_hand(tokens[2:6])[1:] + by_hand(tokens[4:7])[1:]
    (found,) = tokenize([("d", text)], context_tokens=4).score(model(), batch_tokens=8)
    assert found.bits == pytest.approx(-sum(expected) / math.log(2), abs=1e-4)
    assert found.tokens == 6


def tokenize(documents: list[tuple[str, str]], *, context_tokens: int = 8) -> HeldOutText:
    return HeldOutText.tokenize(documents, word_tokenizer(), context_tokens=context_tokens)


@settings(deadline=None, max_examples=10)
@given(
    st.lists(st.lists(st.sampled_from("abcde"), min_size=2, max_size=12), min_size=1, max_size=5), st.integers(1, 50)
)
def test_documents_and_batches_do_not_touch_each_other(documents: list[list[str]], batch_tokens: int) -> None:
    texts = [(str(index), " ".join(words)) for index, words in enumerate(documents)]
    together = tokenize(texts).score(model(), batch_tokens=batch_tokens)
    for one, text in zip(together, texts, strict=True):
        (alone,) = tokenize([text]).score(model(), batch_tokens=1000)
        assert (one.id, one.tokens, one.bytes) == (alone.id, alone.tokens, alone.bytes)
        assert one.bits == pytest.approx(alone.bits, rel=1e-5)


def test_all_bits_over_all_bytes() -> None:
    """Not the mean of each document's ratio, which would be (1 + 4) / 2."""
    documents = [DocumentBits("a", 90.0, 5, 90), DocumentBits("b", 40.0, 5, 10)]
    assert bits_per_byte(documents) == 130 / 100


def test_unigram_entropy_by_hand() -> None:
    """Scored words: b b b c of "a b b b c". H = 3/4 log2(4/3) + 1/4 log2(4) = 0.8113 bits a word, 4 words, 8 bytes."""
    text = tokenize([("d", "a b b b c")])
    entropy = 0.75 * math.log2(4 / 3) + 0.25 * 2
    assert text.unigram_bits_per_byte() == pytest.approx(4 * entropy / len(" b b b c"))
    two = tokenize([("d", "a b b"), ("e", "c b c")])  # b b, and b c
    assert two.unigram_bits_per_byte() == pytest.approx(4 * entropy / 8)
    assert tokenize([("d", "a b b b")]).unigram_bits_per_byte() == 0


def test_documents_that_say_nothing_are_left_out() -> None:
    text = tokenize([("short", "a"), ("empty", ""), ("long", "a b")])
    assert text.ids == ["long"]
    with pytest.raises(UserError, match="no document of two tokens or more: raise `held_out_share`"):
        tokenize([("short", "a"), ("empty", " ")])


def test_bytes_of_characters_that_are_several_tokens() -> None:
    """Without a space before it, a sign of four tokens alone has no byte behind its first character."""
    bpe = train(["plain"] * 3, vocab_size=320, min_frequency=1)
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe)
    assert len(tokenizer("\U0001f600", add_special_tokens=False)["input_ids"]) == 4
    documents = [("face", "\U0001f600"), ("text", "ab \U0001f600")]
    found = HeldOutText.tokenize(documents, tokenizer, context_tokens=8)
    assert found.ids == ["text"]
    assert found.bytes == [len("b \U0001f600".encode())]
    assert found.unigram_bits_per_byte() > 0


def test_windows_begin_with_the_token_that_the_model_was_trained_behind() -> None:
    """A context of 5 with one start token reads four tokens of text, and scores the same ones as a context of 4."""
    with_start = list(_windows(list(range(10)), 5, [99]))
    without = list(_windows(list(range(10)), 4, []))
    assert [list(one.tokens) for one in with_start] == [[99, *one.tokens] for one in without]
    assert [one.tokens[one.first :] for one in with_start] == [one.tokens[one.first :] for one in without]
