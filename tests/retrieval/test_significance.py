"""The paired test and its interval: exact cases, false alarms, clusters."""

from __future__ import annotations

import numpy as np
import pytest

from lineage.claims.statistics import holm
from lineage.retrieval.scoring import difference_rows
from lineage.retrieval.significance import compare, means, sign_flip
from lineage.retrieval.tables import QueryRow


def test_equal_retrievers_do_not_differ() -> None:
    found = compare([1, 0, 1], [1, 0, 1], "abc", samples=200)
    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_the_sign_flip_test_is_exact_in_the_limit() -> None:
    """Six queries, all better: 2 of the 64 signs are as extreme."""
    p = sign_flip(np.ones((6, 1)), "abcdef", samples=40_000)
    assert p.item() == pytest.approx(2 / 64, abs=0.004)
    assert sign_flip(np.ones((20, 1)), range(20), samples=999).item() == 1 / 1000, "never 0"


def test_the_test_is_two_sided_and_symmetric() -> None:
    first, second = np.random.default_rng(0).random((2, 30))
    one, other = (compare(a, b, range(30), samples=2000) for a, b in ((first, second), (second, first)))
    assert one.p == other.p
    assert one.difference == -other.difference
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=0.01)


def test_false_alarms_are_as_frequent_as_promised() -> None:
    """Two retrievers of equal strength; 0.05 of the tests may find a difference, give or take three standard errors."""
    random = np.random.default_rng(1)
    trials, items = 400, 60
    pairs = random.random((trials, 2, items)) < 0.6
    differences = (pairs[:, 0].astype(float) - pairs[:, 1]).T
    alarms = (sign_flip(differences, range(items), samples=400) <= 0.05).sum()
    assert alarms / trials <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / trials)
    assert alarms > 0


def test_the_interval_covers_the_true_difference() -> None:
    random = np.random.default_rng(2)
    trials, covered = 200, 0
    for trial in range(trials):
        first, second = random.random(100) < 0.7, random.random(100) < 0.5
        found = compare(first, second, range(100), samples=400, seed=trial)
        covered += found.low <= 0.2 <= found.high
    assert covered / trials >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / trials)


def test_questions_of_one_title_are_one_piece_of_evidence() -> None:
    """25 equal questions on each of 6 titles prove no more than 6 do, and a lot less than 150 independent ones."""
    differences = np.repeat([1.0, 1.0, 1.0, 1.0, 1.0, -1.0], 25)
    titles = np.repeat(np.arange(6), 25).tolist()
    by_title = compare(differences, np.zeros(150), titles)
    alone = compare(differences, np.zeros(150), range(150))
    assert by_title.difference == alone.difference
    assert (by_title.num_queries, by_title.num_clusters) == (150, 6)
    assert by_title.p == pytest.approx(14 / 64, abs=0.02)
    assert alone.p < 0.001
    assert by_title.high - by_title.low > 3 * (alone.high - alone.low)


def test_one_cluster_has_no_interval() -> None:
    found = compare([1.0, 1.0], [0.0, 0.0], "aa", samples=100)
    assert np.isnan([found.low, found.high]).all()
    assert found.num_clusters == 1
    with pytest.raises(ValueError, match="one query or more"):
        compare([], [], [])


def test_many_figures_are_what_each_is_alone() -> None:
    values = np.random.default_rng(3).random((40, 5))
    clusters = [number // 4 for number in range(40)]
    together, p = means(values, clusters, samples=300), sign_flip(values - 0.5, clusters, samples=300)
    for figure in range(5):
        alone = means(values[:, [figure]], clusters, samples=300)
        assert (alone.low.item(), alone.high.item()) == pytest.approx((together.low[figure], together.high[figure]))
        assert p[figure] == sign_flip(values[:, [figure]] - 0.5, clusters, samples=300).item()


def test_queries_without_a_value_are_left_out() -> None:
    values = np.array([[1.0, 1.0], [np.nan, 0.0], [0.0, 0.0]])
    found = means(values, "abc", samples=200)
    assert found.value.tolist() == pytest.approx([1 / 2, 1 / 3])
    assert found.num_queries.tolist() == [2, 3]
    assert 0 <= found.low[0] <= 0.5 <= found.high[0] <= 1


def test_differences_are_corrected_over_all_pairs_of_one_measure_and_group() -> None:
    queries = [
        QueryRow(f"q{n}", "", "test", "described", n < 30, None, [], None, [], None, None, 1.0) for n in range(60)
    ]
    shares = {"a": 0.9, "b": 0.5, "c": 0.4}
    values = {
        name: {
            one.id: {"hits@1": float(n < 60 * share), "mrr@10": float(n % 7 < share)} for n, one in enumerate(queries)
        }
        for name, share in shares.items()
    }
    found = difference_rows(values, queries, ["hits@1", "mrr@10"], samples=500, seed=0)
    families = found.groupby(["documents", "measure"])
    assert len(families) == 6 and {len(family) for _, family in families} == {3}
    for _, family in families:
        assert family.p_holm.tolist() == holm(family.p.tolist())
    whole = found[(found.documents == "all") & (found.measure == "hits@1")]
    assert (whole.p_holm > whole.p).any()
