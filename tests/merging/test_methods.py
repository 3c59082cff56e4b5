"""The arithmetic of merging, against figures worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lineage.merging.methods import NEARLY_PARALLEL, arc, drop, elect, linear, slerp, weighted_sum


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def vectors(size: int, count: int) -> st.SearchStrategy[list[torch.Tensor]]:
    number = st.floats(-100, 100, width=32)
    one = st.lists(number, min_size=size, max_size=size).map(lambda values: torch.tensor(values, dtype=torch.float32))
    return st.lists(one, min_size=count, max_size=count)


def test_linear_by_hand() -> None:
    """(3 * 1 + 1 * 5) / 4 = 2, and so on: weights are divided by their sum."""
    assert torch.equal(linear([tensor(1, -2), tensor(5, 2)], [3, 1]), tensor(2, -1))
    three = linear([tensor(0), tensor(4), tensor(8)], [0.25, 0.25, 0.5])
    assert torch.equal(three, tensor(5))


def test_linear_beyond_the_ends() -> None:
    """Weights 1.5 and -0.5: half the way from the second on behind the first."""
    assert torch.equal(linear([tensor(2), tensor(1)], [1.5, -0.5]), tensor(2.5))


@given(vectors(7, 1), st.lists(st.floats(0.01, 5), min_size=3, max_size=3))
def test_models_that_are_equal_come_out_bit_for_bit(one: list[torch.Tensor], weights: list[float]) -> None:
    """.3 x + .7 x need not be x in float32."""
    assert torch.equal(linear(one * 3, weights), one[0])


def test_slerp_by_hand() -> None:
    """From (1, 0) to (0, 2): a right angle, so both factors are sin 45 degrees at half the way."""
    way = arc(0.0, 1.0, 2.0, 0.5)
    assert not way.straight
    assert torch.allclose(slerp(tensor(1, 0), tensor(0, 2), way), tensor(math.sqrt(0.5), math.sqrt(2)))
    third = arc(0.0, 1.0, 2.0, 1 / 3)
    assert third[:2] == pytest.approx((math.cos(math.pi / 6), math.sin(math.pi / 6)))


def test_slerp_at_sixty_degrees() -> None:
    """Lengths 2 and 3, dot product 3: cosine 1/2, W = 60 degrees; t = 1/4: sin 45 / sin 60 and sin 15 / sin 60."""
    way = arc(3.0, 2.0, 3.0, 0.25)
    assert way.first == pytest.approx(math.sqrt(0.5) / math.sqrt(0.75))
    assert way.second == pytest.approx(math.sin(math.pi / 12) / math.sqrt(0.75))


@pytest.mark.parametrize("cosine", [0.99951, -0.99951, 1.0, -1.0])
def test_nearly_parallel_takes_the_straight_line(cosine: float) -> None:
    assert arc(cosine * 6, 2.0, 3.0, 0.25) == (0.75, 0.25, True)


def test_the_border_of_the_straight_line() -> None:
    assert NEARLY_PARALLEL == 0.9995
    assert not arc(0.99949, 1.0, 1.0, 0.5).straight


def test_a_vector_of_zeros_has_no_direction() -> None:
    way = arc(0.0, 0.0, 2.0, 0.5)
    assert way.straight
    assert torch.equal(slerp(tensor(0, 0), tensor(2, 4), way), tensor(1, 2))


@given(vectors(5, 2), st.floats(0, 1))
def test_slerp_is_symmetric(pair: list[torch.Tensor], share: float) -> None:
    first, second = pair
    dot, norms = float(first @ second), (float(first.norm()), float(second.norm()))
    there = slerp(first, second, arc(dot, *norms, share))
    back = slerp(second, first, arc(dot, *reversed(norms), 1 - share))
    assert torch.allclose(there, back, rtol=1e-4, atol=1e-4 * max(norms) + 1e-30)


def test_task_vectors_add_up() -> None:
    assert torch.equal(weighted_sum([tensor(1, 2), tensor(-4, 0)], [2, 0.5]), tensor(0, 4))


def test_ties_by_hand() -> None:
    """Weights 1, 1, 2; column by column (sum w tau -> sign -> mean over those who agree, by weight):

    (2, -1, 4): 2 - 1 + 8 = 9 -> (2 + 8) / 3
    (-3, 1, 0): -3 + 1 + 0 = -2 -> -3 / 1 (an entry of 0 takes no side)
    (1, 1, -1): 1 + 1 - 2 = 0 -> + -> (1 + 1) / 2
    (0, 0, 0): nobody -> 0
    """
    deltas = [tensor(2, -3, 1, 0), tensor(-1, 1, 1, 0), tensor(4, 0, -1, 0)]
    assert torch.allclose(elect(deltas, [1, 1, 2], mean=True), tensor(10 / 3, -3, 1, 0))
    other = elect(deltas, [1, 1, 2], mean=True, zero_is_positive=False)
    assert torch.allclose(other, tensor(10 / 3, -3, -1, 0)), "undecided, and the majority is negative: -2 / 2"


def test_election_without_a_mean() -> None:
    """As DARE uses it: 2 + 2 * 4 = 10 of the first column stays a sum."""
    deltas = [tensor(2, -3), tensor(-1, 1), tensor(4, 0)]
    assert torch.equal(elect(deltas, [1, 1, 2], mean=False), tensor(10, -3))


@given(vectors(6, 1), st.floats(0.01, 10))
def test_one_model_elects_itself(one: list[torch.Tensor], weight: float) -> None:
    assert torch.allclose(elect(one, [weight], mean=True), one[0], rtol=1e-5)
    assert torch.equal(elect(one, [1.0], mean=True), one[0])


@given(vectors(6, 3))
def test_the_elected_mean_lies_among_those_who_agree(deltas: list[torch.Tensor]) -> None:
    merged = elect(deltas, [1, 1, 1], mean=True)
    stacked = torch.stack(deltas)
    assert (
        (merged <= stacked.max(0).values.clamp_min(0) * (1 + 1e-5))
        & (merged >= stacked.min(0).values.clamp_max(0) * (1 + 1e-5))
    ).all()


def test_drop_by_hand() -> None:
    """Density 1/4: what is left counts four times."""
    assert torch.equal(drop(tensor(1, -2, 3), tensor(0, 1, 1), 4), tensor(0, -8, 12))
