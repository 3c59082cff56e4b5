"""The exact k-th largest magnitude without sorting, and ties broken by order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lineage.merging.selection import EVERYTHING, Cut, Trimmer, cut_at, cuts, locate, magnitude_bits, num_kept


def pieces(values: torch.Tensor, size: int) -> list[list[torch.Tensor]]:
    return [[piece] for piece in values.split(size)]


def trimmed(values: torch.Tensor, keep: int, size: int = 3) -> torch.Tensor:
    [cut] = cuts(lambda: pieces(values, size), [keep])
    trim = Trimmer(cut)
    return torch.cat([trim(piece) for piece in values.split(size)])


def by_sorting(values: torch.Tensor, keep: int) -> torch.Tensor:
    """What a stable sort keeps: larger magnitudes first, then smaller indices."""
    order = values.abs().sort(descending=True, stable=True).indices[:keep]
    kept = torch.zeros_like(values)
    kept[order] = values[order]
    return kept


def test_by_hand() -> None:
    """Of 5, -4, 1, 4, -4 the three largest magnitudes are 5 and two of the three fours: the first two."""
    values = torch.tensor([5.0, -4.0, 1.0, 4.0, -4.0])
    assert trimmed(values, 3).tolist() == [5, -4, 0, 4, 0]


def test_patterns_grow_with_magnitudes() -> None:
    values = torch.tensor([0.0, -0.0, 1e-42, -1e-38, 0.5, -0.5000001, 3.4e38])
    bits = magnitude_bits(values)
    assert bits[0] == bits[1] == 0
    assert (bits.diff()[1:] > 0).all()


VALUES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0]),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.floats(1.0, 1.0 + 2**-10, width=32),
)
"""Many ties, all sizes, and many values with one upper half."""


@given(st.lists(VALUES, min_size=1, max_size=60), st.data(), st.integers(1, 20))
def test_equals_sorting(numbers: Sequence[float], data: st.DataObject, size: int) -> None:
    values = torch.tensor(numbers, dtype=torch.float32)
    keep = data.draw(st.integers(1, len(numbers)))
    assert torch.equal(trimmed(values, keep, size), by_sorting(values, keep))


def test_several_models_at_once() -> None:
    torch.manual_seed(0)
    both = [torch.randn(1000), torch.randn(1000).bfloat16().float()]
    found = cuts(lambda: zip(*(one.split(77) for one in both), strict=True), [200, 700])
    for values, cut, keep in zip(both, found, [200, 700], strict=True):
        assert torch.equal(Trimmer(cut)(values), by_sorting(values, keep))


def test_a_cut_where_all_ties_stay_needs_no_counting() -> None:
    assert cut_at(100, 3, 3) == Cut(99, 0)
    assert cut_at(100, 2, 3) == Cut(100, 2)
    assert cut_at(0, 5, 5) == EVERYTHING


def test_everything_is_left_alone() -> None:
    values = torch.tensor([0.0, 1e-45, -2.0])
    assert Trimmer(EVERYTHING)(values) is values
    assert torch.equal(trimmed(values, 3), values)


def test_locate_by_hand() -> None:
    counts = torch.tensor([0, 5, 0, 2, 3])
    assert [locate(counts, keep) for keep in (1, 3, 4, 5, 6, 10)] == [(4, 1), (4, 3), (3, 1), (3, 2), (1, 1), (1, 5)]


@pytest.mark.parametrize(
    ("density", "size", "kept"), [(0.5, 5, 2), (0.2, 4, 1), (1e-9, 10, 1), (1.0, 7, 7), (0.99, 10, 9)]
)
def test_how_many_are_kept(density: float, size: int, kept: int) -> None:
    """floor(d n), but one at least."""
    assert num_kept(density, size) == kept
