"""Mixtures: shares after any number of items, and passes that are permutations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.conversations.order import MixtureOrder, Part

SHARES = st.lists(
    st.one_of(st.floats(0.001, 1000, allow_nan=False), st.integers(1, 20).map(float)), min_size=1, max_size=9
)


def order(*shares: float, total: int = 100, sizes: int = 7, seed: int = 0) -> MixtureOrder:
    parts = [Part(f"set{number}", sizes + number, share) for number, share in enumerate(shares)]
    return MixtureOrder(parts, total=total, seed=seed)


def test_three_to_one_by_hand() -> None:
    assert [part for part, _ in order(3, 1).items(0, 8)] == [0, 0, 1, 0, 0, 0, 1, 0]
    assert [part for part, _ in order(1, 1).items(0, 4)] == [0, 1, 0, 1]
    assert [part for part, _ in order(1).items(0, 3)] == [0, 0, 0]


@settings(deadline=None, max_examples=200)
@given(SHARES, st.integers(1, 200))
def test_every_set_has_had_its_share_to_within_one_after_any_number_of_items(shares: list[float], total: int) -> None:
    parts = np.asarray([part for part, _ in order(*shares, total=total).items(0, total)])
    assert len(parts) == total
    counts = np.cumsum(parts[:, None] == np.arange(len(shares)), axis=0)
    exact = np.arange(1, total + 1)[:, None] * np.asarray(shares) / sum(shares)
    bound = 1 - 1 / (2 * len(shares) - 2) if len(shares) > 1 else 0
    assert np.abs(counts - exact).max() <= bound + 1e-9


@pytest.mark.parametrize("shares", [[0.5, *[0.01] * 50], [0.7, 0.1, 0.1, 0.1], [50, 1, 1, 1, 1, 1]])
def test_shares_that_simple_rules_get_wrong(shares: list[float]) -> None:
    """In the order of (j + 1/2) / share these are off by 12.5, 1.2 and 2.3 items."""
    parts = np.asarray([part for part, _ in order(*shares, total=400).items(0, 400)])
    counts = np.cumsum(parts[:, None] == np.arange(len(shares)), axis=0)
    exact = np.arange(1, 401)[:, None] * np.asarray(shares) / sum(shares)
    assert np.abs(counts - exact).max() < 1


def test_a_pass_reads_every_conversation_once_and_passes_differ() -> None:
    one = order(1, total=21)
    passes = [[item for _, item in one.items(first, first + 7)] for first in (0, 7, 14)]
    assert all(sorted(read) == list(range(7)) for read in passes)
    assert passes[0] != passes[1] != passes[2]
    assert one.passes(14) == {"set0": 2.0}
    assert one.passes(10) == {"set0": pytest.approx(10 / 7)}


def test_passes_of_a_mixture() -> None:
    one = order(2, 1, total=30)
    read = one.items(0, 30)
    for number, size in enumerate((7, 8)):
        items = [item for part, item in read if part == number]
        assert sorted(items[:size]) == list(range(size))
        assert one.passes(30)[f"set{number}"] == pytest.approx(len(items) / size)


@given(st.integers(0, 60), st.integers(0, 60))
def test_items_do_not_depend_on_how_they_are_asked_for(first: int, second: int) -> None:
    start, stop = sorted((first, second))
    assert order(2, 1, total=60).items(start, stop) == order(2, 1, total=60).items(0, 60)[start:stop]


def test_seeds_and_sets_have_orders_of_their_own() -> None:
    def read(seed: int) -> list[list[int]]:
        found = order(1, 1, total=14, sizes=7, seed=seed).items(0, 14)
        return [[item for part, item in found if part == number] for number in (0, 1)]

    assert read(0) == read(0)
    assert read(0) != read(1)
    same = MixtureOrder([Part("a", 7, 1), Part("b", 7, 1)], total=14, seed=0).items(0, 14)
    assert [item for part, item in same if part == 0] != [item for part, item in same if part == 1]


def test_a_longer_run_begins_as_a_shorter_one() -> None:
    assert order(3, 2, 1, total=500).items(0, 50) == order(3, 2, 1, total=50).items(0, 50)
