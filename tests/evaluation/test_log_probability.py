"""Log-probabilities are those of a softmax written by hand, however sequences are batched."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.evaluation.log_probability import Scored, TokenScores, batches_by_length, score_tokens
from tests.evaluation.tiny import VOCABULARY, by_hand, model

SEQUENCES = st.lists(
    st.lists(st.integers(0, VOCABULARY - 1), min_size=2, max_size=9).flatmap(
        lambda tokens: st.builds(Scored, st.just(tokens), st.integers(1, len(tokens) - 1))
    ),
    min_size=1,
    max_size=6,
)
ROUNDING = 2e-5
"""Padding changes the shapes of float32 products; measured: 2e-6."""


def score(sequences: list[Scored], batch_tokens: int) -> list[TokenScores]:
    found = dict(score_tokens(model(), sequences, batch_tokens=batch_tokens))
    assert sorted(found) == list(range(len(sequences)))
    return [found[index] for index in range(len(sequences))]


@settings(deadline=None, max_examples=12)
@given(SEQUENCES)
def test_equals_the_softmax_by_hand(sequences: list[Scored]) -> None:
    for one, scores in zip(sequences, score(sequences, 64), strict=True):
        expected = by_hand(list(one.tokens))[one.first - 1 :]
        assert scores.log_probability.tolist() == pytest.approx(expected, abs=ROUNDING)


@settings(deadline=None, max_examples=12)
@given(SEQUENCES, st.integers(1, 40))
def test_composition_and_padding_do_not_matter(sequences: list[Scored], batch_tokens: int) -> None:
    together = score(sequences, batch_tokens)
    alone = [score([one], 1)[0] for one in sequences]
    for left, right in zip(together, alone, strict=True):
        torch.testing.assert_close(left.log_probability, right.log_probability, rtol=0, atol=ROUNDING)
        torch.testing.assert_close(left.first_logits, right.first_logits, rtol=0, atol=ROUNDING)
        assert left.log_probability.shape == left.greedy.shape


def test_greedy_and_first_logits_belong_to_the_scored_positions() -> None:
    tokens = [2, 3, 4, 5, 6]
    (scores,) = score([Scored(tokens, 3)], 8)
    model().eval()
    with torch.no_grad():
        expected = torch.log_softmax(model()(torch.tensor([tokens])).logits[0, 2:4].double(), -1)
    model().train()
    assert scores.greedy.tolist() == expected.argmax(-1).tolist()
    torch.testing.assert_close(scores.first_logits.double(), expected[0], rtol=0, atol=ROUNDING)
    assert float(scores.first_logits.exp().sum()) == pytest.approx(1, abs=1e-5)
    assert scores.log_probability[0] == scores.first_logits[tokens[3]]


def test_the_model_is_left_as_it_was() -> None:
    assert model().training
    score([Scored([1, 2, 3], 1)], 8)
    assert model().training
    assert model().lm_head.weight.grad is None
    first, second = (score([Scored([1, 2, 3], 1)], 8)[0].log_probability for _ in range(2))
    assert torch.equal(first, second), "dropout is off"


@given(st.lists(st.integers(1, 30), max_size=20), st.integers(1, 100))
def test_batches_hold_every_sequence_once_within_the_limit(lengths: list[int], batch_tokens: int) -> None:
    batches = list(batches_by_length(lengths, batch_tokens))
    assert sorted(index for rows in batches for index in rows) == list(range(len(lengths)))
    assert all(len(rows) == 1 or len(rows) * max(lengths[index] for index in rows) <= batch_tokens for rows in batches)
    falling = [lengths[index] for rows in batches for index in rows]
    assert falling == sorted(falling, reverse=True)
