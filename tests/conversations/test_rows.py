"""Rows of a step: labels, positions, pictures and padding, padded and packed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lineage.conversations.render import Rendered
from lineage.conversations.rows import make_batch, packed
from lineage.data.batch import IGNORED

PAD = 99
X = IGNORED


def rendered(name: str, *tokens: int) -> Rendered:
    """Negative tokens are learned."""
    ids = np.abs(np.asarray(tokens, dtype=np.int32))
    return Rendered(name, ids, np.asarray(tokens) < 0)


def pixels(*values: float) -> Tensor:
    """[image, 1, 1, 1]: each picture is one number."""
    return torch.tensor(values).reshape(-1, 1, 1, 1)


A = rendered("a", 1, 2, -3, -4)
B = rendered("b", 5, -6)
C = rendered("c", 7, -8, 9, -10, -11)


def test_padded_by_hand() -> None:
    batch = make_batch([A, B], [[0], [1]], pad_id=PAD)
    assert batch.inputs["input_ids"].tolist() == [[1, 2, 3, 4], [5, 6, PAD, PAD]]
    assert batch.targets["labels"].tolist() == [[X, 3, 4, X], [6, X, X, X]]
    assert batch.inputs["position_ids"].tolist() == [[0, 1, 2, 3], [0, 1, 0, 1]]
    assert (batch.count, batch.tokens, batch.attached) == (3, 6, {})


def test_packed_by_hand() -> None:
    batch = make_batch([A, B, C], [[2, 1], [0]], pad_id=PAD)
    assert batch.inputs["input_ids"].tolist() == [[7, 8, 9, 10, 11, 5, 6], [1, 2, 3, 4, PAD, PAD, PAD]]
    assert batch.targets["labels"].tolist() == [[8, X, 10, 11, X, 6, X], [X, 3, 4, X, X, X, X]]
    assert batch.inputs["position_ids"].tolist() == [[0, 1, 2, 3, 4, 0, 1], [0, 1, 2, 3, 0, 1, 2]]
    assert (batch.count, batch.tokens) == (6, 11)


def test_a_conversations_first_token_is_never_a_target() -> None:
    """Even if it were learned: nothing stands before it but another conversation."""
    batch = make_batch([A, rendered("d", -12, -13)], [[0, 1]], pad_id=PAD)
    assert batch.targets["labels"].tolist() == [[X, 3, 4, X, 13, X]]


def test_pictures_come_in_the_order_of_rows_and_within_a_row_of_its_conversations() -> None:
    batch = make_batch([A, B, C], [[2, 1], [0]], pad_id=PAD, pixels=[pixels(0.1, 0.2), pixels(1.0), pixels(2.0)])
    shown = batch.attached["pixel_values"]
    assert shown.values.flatten().tolist() == pytest.approx([2.0, 1.0, 0.1, 0.2])
    assert shown.row.tolist() == [0, 0, 1, 1]
    assert shown.of_rows(0, 1).flatten().tolist() == [2.0, 1.0]
    assert shown.of_rows(1, 2).flatten().tolist() == pytest.approx([0.1, 0.2])


def test_conversations_without_pictures_beside_those_with() -> None:
    batch = make_batch([A, B], [[0], [1]], pad_id=PAD, pixels=[None, pixels(1.0)])
    assert batch.attached["pixel_values"].row.tolist() == [1]
    assert make_batch([A, B], [[0], [1]], pad_id=PAD, pixels=[None, None]).attached == {}


def test_rows_of_padding_for_several_processes() -> None:
    batch = make_batch([A, B, C], [[0], [1], [2]], pad_id=PAD, row_multiple=2)
    assert batch.num_rows == 4
    assert batch.inputs["input_ids"][3].tolist() == [PAD] * 5
    assert batch.targets["labels"][3].tolist() == [X] * 5
    assert (batch.count, batch.tokens) == (6, 11)


def test_first_fit_by_hand() -> None:
    assert packed([3, 5, 2, 4], 7) == [[1, 2], [3, 0]]
    assert packed([4, 4, 4], 8) == [[0, 1], [2]]
    assert packed([8], 8) == [[0]]
    assert packed([], 8) == []


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(30, 64))
def test_packing_keeps_every_conversation_once_and_no_row_is_too_long(lengths: list[int], row_tokens: int) -> None:
    rows = packed(lengths, row_tokens)
    assert sorted(item for row in rows for item in row) == list(range(len(lengths)))
    assert all(sum(lengths[item] for item in row) <= row_tokens for row in rows)
    assert all(rows)
    for first, second in pairwise(rows):
        used = sum(lengths[item] for item in first)
        assert used + lengths[second[0]] > row_tokens, "a row is opened only where no earlier one has room"


CONVERSATIONS = st.lists(
    st.lists(st.integers(1, 90).flatmap(lambda token: st.sampled_from([token, -token])), min_size=1, max_size=12),
    min_size=1,
    max_size=12,
)


@settings(deadline=None)
@given(CONVERSATIONS, st.integers(1, 4))
def test_packed_and_padded_rows_hold_the_same_targets(tokens: list[list[int]], row_multiple: int) -> None:
    """Every conversation stands once, whole; each learned token but its first is a label, after its own past."""
    given_ones = [rendered(str(number), *one) for number, one in enumerate(tokens)]
    rows = packed([len(one.ids) for one in given_ones], 24)
    batch = make_batch(given_ones, rows, pad_id=PAD, row_multiple=row_multiple)
    assert batch.num_rows % row_multiple == 0
    ids, labels, positions = (
        batch.inputs["input_ids"].numpy(), batch.targets["labels"].numpy(), batch.inputs["position_ids"].numpy(),
    )  # fmt: skip
    for number in range(batch.num_rows):
        column = 0
        for item in rows[number] if number < len(rows) else []:
            one = given_ones[item]
            end = column + len(one.ids)
            assert ids[number, column:end].tolist() == one.ids.tolist()
            assert positions[number, column:end].tolist() == list(range(len(one.ids)))
            expected = [int(token) if said else X for token, said in zip(one.ids[1:], one.learned[1:], strict=True)]
            assert labels[number, column:end].tolist() == [*expected, X]
            column = end
        assert (ids[number, column:] == PAD).all()
        assert (labels[number, column:] == X).all()
        assert positions[number, column:].tolist() == list(range(ids.shape[1] - column))
    assert batch.count == sum(int(one.learned[1:].sum()) for one in given_ones)
    assert batch.tokens == sum(map(len, tokens))
