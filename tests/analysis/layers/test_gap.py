"""Gap curves, ranges and ranks by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lineage.analysis.layers.gap import draw_pairs, gap_curve, gaps, label_permutations, similarity
from lineage.analysis.layers.ranges import (
    Range,
    area,
    differences,
    magnitudes,
    null_shares,
    rank,
    safety_range,
    windows,
)
from lineage.analysis.layers.schemas import PAIRS
from lineage.errors import UserError
from lineage.evaluation.paired import Resampled
from tests.analysis.layers.building import unweighted

LABELS = [False, False, False, True, True]


def separated() -> np.ndarray:
    """[request, layer, hidden] all alike in layer 0; harmful at a right angle in layer 1, at 60 degrees in layer 2."""
    states = np.zeros((5, 3, 2))
    states[:, 0] = [2.0, 0.0]
    states[:3, 1:] = [1.0, 0.0]
    states[3:, 1] = [0.0, 3.0]
    states[3:, 2] = [0.5, np.sqrt(0.75)]
    return states


def test_pairs_are_of_their_kind_and_never_of_one_request_with_itself() -> None:
    pairs = draw_pairs(LABELS, pairs=200, seed=0)
    for kind in PAIRS:
        sides = [name == "harmful" for name in kind.split("_")]
        for pair in pairs.of[kind].tolist():
            assert [LABELS[one] for one in pair] == sides and pair[0] != pair[1]
    seen = {tuple(sorted(pair)) for pair in pairs.of["benign_benign"].tolist()}
    assert seen == {(0, 1), (0, 2), (1, 2)}


def test_a_pair_depends_on_seed_kind_and_number_only() -> None:
    few, many = draw_pairs(LABELS, pairs=3, seed=5), draw_pairs(LABELS, pairs=50, seed=5)
    other = draw_pairs(LABELS, pairs=50, seed=6)
    for kind in PAIRS:
        assert np.array_equal(few.of[kind], many.of[kind][:3])
    assert any(not np.array_equal(many.of[kind], other.of[kind]) for kind in PAIRS)


def test_one_of_a_kind_is_too_few() -> None:
    with pytest.raises(UserError, match="1 harmful ones"):
        draw_pairs([False, False, True], pairs=2, seed=0)


def test_the_gap_by_hand() -> None:
    """1 - cos 90 and 1 - cos 60; in degrees 90 and 60."""
    cosines, pairs = similarity(separated()), draw_pairs(LABELS, pairs=40, seed=0)
    assert gaps(cosines, pairs) == pytest.approx([0.0, 1.0, 0.5])
    curve = gap_curve(cosines, pairs, unweighted(5))
    assert [one.value for one in curve.gap_cosine] == pytest.approx([0.0, 1.0, 0.5])
    assert [one.value for one in curve.gap_angle] == pytest.approx([0.0, 90.0, 60.0], abs=1e-4)
    assert [one.value for one in curve.cosines["harmful_harmful"]] == pytest.approx([1.0, 1.0, 1.0])
    rows = {(layer, statistic): value for layer, statistic, value, _, _ in curve.rows()}
    assert rows[1, "cosine_benign_harmful_std"] == pytest.approx(0.0)
    assert rows[2, "angle_benign_harmful"] == pytest.approx(60.0)


def test_a_pair_counts_as_often_as_both_of_its_requests_were_drawn() -> None:
    """Request 0 lies at 60 degrees to the other benign ones; where it is not drawn, all benign are alike."""
    states = separated()
    states[0, 1] = [0.5, np.sqrt(0.75)]
    draws = unweighted(5, samples=3)
    draws.weights[1, 0] = 0
    draws.weights[2] = [2, 1, 0, 1, 1]
    curve = gap_curve(similarity(states), draw_pairs(LABELS, pairs=100, seed=0), draws)
    benign = curve.cosines["benign_benign"][1]
    assert benign.rows[0] == pytest.approx(benign.value)
    assert benign.rows[1] == pytest.approx(1.0)
    assert benign.rows[2] == pytest.approx(0.5), "the pair 0, 1 alone is left"


def test_permuted_labels_leave_no_gap_on_average() -> None:
    generator = np.random.default_rng(0)
    states = generator.normal(size=(40, 2, 8)) + 2.0
    states[20:, 1] *= -1
    pairs = draw_pairs([False] * 20 + [True] * 20, pairs=300, seed=0)
    cosines = similarity(states)
    null = np.stack([gaps(cosines, one) for one in label_permutations(pairs, permutations=80, seed=0)])
    assert abs(null[:, 1].mean()) < 0.03
    assert gaps(cosines, pairs)[1] > np.quantile(null[:, 1], 0.975)
    assert np.array_equal(null, [gaps(cosines, one) for one in label_permutations(pairs, permutations=80, seed=0)])


def test_the_rule_for_the_range() -> None:
    assert safety_range([0.0, 0.0005, 0.0005, 0.0025, 0.0027, 0.00275, 0.1]) == Range(3, 5)
    assert safety_range([0.0, 0.002]) == Range(1, 2)
    assert safety_range([0.5, 0.4, 0.3]) is None, "what is there from the first layer on never opens"
    assert safety_range([0.0, 0.0009, 0.0018]) is None, "two small steps are no large one"


def test_areas_inside_and_outside() -> None:
    def curve(*values: float) -> list[Resampled]:
        return [Resampled(one, np.full(4, one), 4, 10) for one in values]

    lost = differences(curve(0.0, 0.5, 0.8, 0.8), curve(0.1, 0.4, 0.2, 0.8))
    assert [one.value for one in lost] == pytest.approx([-0.1, 0.1, 0.6, 0.0])
    inside, outside = (area(magnitudes(lost), Range(1, 3), outside=side) for side in (False, True))
    assert inside is not None and outside is not None
    assert (inside.value, outside.value) == pytest.approx((0.35, 0.05))
    signed = area(lost, Range(1, 3), outside=True)
    assert signed is not None and signed.value == pytest.approx(-0.05)
    assert area(lost, Range(0, 4), outside=True) is None


def test_the_rank_among_all_windows_of_the_width() -> None:
    moved = [0.1, 0.5, 0.7, 0.0, 0.9, 0.6]
    # Means of windows of two: .3, .6, .35, .45, .75.
    assert windows(6, 2) == [Range(0, 2), Range(1, 3), Range(2, 4), Range(3, 5), Range(4, 6)]
    assert rank(moved, Range(1, 3)) == (2, 5)
    assert rank(moved, Range(4, 6)) == (1, 5)
    assert rank([1.0, 1.0, 1.0], Range(0, 1)) == (3, 3), "layers that moved alike rank last"
    assert null_shares(moved, [Range(4, 6), None, Range(0, 1)]) == [1 / 5, 5 / 6]
