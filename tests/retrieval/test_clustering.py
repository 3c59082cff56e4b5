"""Clustering all groups at once is what clustering each by itself would be, and is scikit-learn's Lloyd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from lineage.config.retrieval_models import Clustering
from lineage.retrieval.clustering import gram, groups
from lineage.retrieval.clustering.distinct import distinct_vectors
from lineage.retrieval.clustering.gram import Inner, cluster_small
from lineage.retrieval.clustering.groups import Grouped, States
from lineage.retrieval.clustering.lloyd import assign, best_restart, lloyd
from lineage.retrieval.clustering.points import Points
from lineage.retrieval.clustering.seeding import num_draws, plus_plus, uniform

CPU = torch.device("cpu")
WIDTH = 6


def made(sizes: list[int], *, seed: int = 0, senses: int = 4, width: int = WIDTH) -> States:
    """Groups of these sizes, each scattered about a few places."""
    drawn = np.random.default_rng(seed)
    places = 4 * drawn.standard_normal((len(sizes), senses, width))
    group = np.repeat(np.arange(len(sizes)), sizes)
    vectors = places[group, drawn.integers(0, senses, len(group))] + drawn.standard_normal((len(group), width))
    return States(vectors.astype(np.float32), np.ones(len(group), np.float32), np.concatenate([[0], np.cumsum(sizes)]))


def clustered(states: States, k: int | None, **changes: object) -> tuple[np.ndarray, np.ndarray, Grouped]:
    grouped = Grouped(states, k)
    table = np.full((grouped.row_first[-1], states.vectors.shape[1]), np.nan, np.float32)
    rows = grouped.cluster(table, Clustering.model_validate(changes), CPU)
    return table, rows, grouped


def inertia(states: States, table: np.ndarray, rows: np.ndarray) -> float:
    return float(((states.vectors - table[rows]) ** 2).sum(axis=1) @ states.weights)


@pytest.mark.parametrize("block", [1000, 7])
def test_lloyd_from_the_same_centers_is_scikit_learns(block: int) -> None:
    drawn = np.random.default_rng(0)
    sizes, k = [40, 25, 60], 5
    states = [drawn.standard_normal((size, WIDTH)) for size in sizes]
    weights = [drawn.integers(1, 4, size).astype(float) for size in sizes]
    starts = np.stack([[drawn.permutation(one)[:k] for _ in range(3)] for one in states])
    starts[:, 1, 0] += 100  # one center without points
    starts[:, 2, 1:3] -= 100  # two
    points, padded = np.zeros((3, 60, WIDTH)), np.zeros((3, 60))
    for number, (one, weight) in enumerate(zip(states, weights, strict=True)):
        points[number, : len(one)], padded[number, : len(one)] = one, weight
    ours = Points.of(torch.from_numpy(points), torch.from_numpy(padded), block=block)
    moved = lloyd(ours, torch.from_numpy(starts) - ours.mean[:, None], max_iter=300, tol=0.0)
    for number, (one, weight) in enumerate(zip(states, weights, strict=True)):
        for restart in range(3):
            theirs = KMeans(k, init=starts[number, restart], n_init=1, tol=0.0, algorithm="lloyd")
            theirs.fit(one, sample_weight=weight)
            found = (moved[number, restart] + ours.mean[number]).numpy()
            np.testing.assert_allclose(found, theirs.cluster_centers_, atol=1e-10)
            labels, sums = assign(ours, moved[:, restart])
            np.testing.assert_array_equal(labels[number, : len(one)], theirs.labels_)
            assert float(sums[number]) == pytest.approx(theirs.inertia_)


@pytest.mark.parametrize("k", [1, 3, 5, 7])
def test_inner_products_give_the_same_clusters(k: int) -> None:
    drawn = np.random.default_rng(k)
    values = torch.from_numpy(drawn.standard_normal((6, 30, WIDTH)))
    weights = torch.from_numpy(drawn.integers(1, 4, (6, 30)).astype(float))
    weights[1, 17:], weights[4, 9:] = 0, 0
    points = Points.of(values, weights, block=100)
    draws = torch.from_numpy(uniform(1, np.arange(6), restarts=8, draws=num_draws(k)))
    centers, labels = cluster_small(points, k, draws, max_iter=300)
    plain = best_restart(points, lloyd(points, plus_plus(points, k, draws), max_iter=300, tol=0.0))
    torch.testing.assert_close(centers, plain)
    present = weights > 0
    torch.testing.assert_close(labels[present], assign(points, plain)[0][present])


def test_inner_products_fill_empty_centers_alike() -> None:
    values = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 20, WIDTH)))
    points = Points.of(values, torch.ones(1, 20, dtype=torch.float64), block=100)
    shares = torch.zeros(1, 1, 4, 20, dtype=torch.float64)
    shares[0, 0, 0, :10], shares[0, 0, 1, 10:] = 0.1, 0.1
    shares[0, 0, 2, 3], shares[0, 0, 3, 3] = 50, -50  # two centers that are far from every point
    centers = shares @ points.only.values[:, None]
    after = gram._iteration(Inner.of(points), shares)
    torch.testing.assert_close(after @ points.only.values[:, None], lloyd(points, centers, max_iter=1, tol=0.0))


def test_the_best_restart_has_the_least_inertia() -> None:
    states = made([50, 50])
    points = Points.of(torch.from_numpy(states.vectors.reshape(2, 50, WIDTH)), torch.ones(2, 50), block=1000)
    centers = plus_plus(points, 3, torch.from_numpy(uniform(0, np.arange(2), restarts=4, draws=num_draws(3))))
    sums = torch.stack([assign(points, centers[:, restart])[1] for restart in range(4)], dim=1)
    best = best_restart(points, centers)
    torch.testing.assert_close(assign(points, best)[1], sums.amin(dim=1))


def test_inertia_is_that_of_scikit_learn() -> None:
    states = made([30, 500, 80, 12, 200, 7, 3], senses=9)
    table, rows, _ = clustered(states, 5)
    theirs = 0.0
    for first, last in zip(states.group_first[:5], states.group_first[1:6], strict=True):
        means = KMeans(5, n_init=10, algorithm="lloyd", random_state=0).fit(states.vectors[first:last])
        theirs += float(means.inertia_)
    first, last = states.group_first[5:7]
    theirs += float(KMeans(5, n_init=10, random_state=0).fit(states.vectors[first:last]).inertia_)
    assert inertia(states, table, rows) == pytest.approx(theirs, rel=0.01)


@pytest.mark.parametrize("backend", ["faiss", "sklearn"])
def test_other_backends_agree(backend: str) -> None:
    states = made([60, 90, 4], senses=3)
    table, rows, _ = clustered(states, 3)
    other_table, other_rows, _ = clustered(states, 3, backend=backend)
    assert inertia(states, other_table, other_rows) == pytest.approx(inertia(states, table, rows), rel=1e-4)
    for group in range(3):
        part = slice(states.group_first[group], states.group_first[group + 1])
        pairs = set(zip(rows[part].tolist(), other_rows[part].tolist(), strict=True))
        assert len(pairs) == 3, "the same partition, in another order"


def test_a_group_is_clustered_alike_in_any_company() -> None:
    states = made([40, 33, 36, 90])
    table, rows, _ = clustered(states, 5)
    part = slice(states.group_first[2], states.group_first[3])
    changed = States(states.vectors.copy(), states.weights, states.group_first)
    changed.vectors[: part.start] += np.random.default_rng(1).standard_normal((part.start, WIDTH)).astype(np.float32)
    other_table, other_rows, _ = clustered(changed, 5)
    np.testing.assert_array_equal(rows[part], other_rows[part])
    np.testing.assert_allclose(table[10:15], other_table[10:15], rtol=1e-5)
    assert not np.allclose(table[:5], other_table[:5])


def test_seeds_matter_and_repeat() -> None:
    states = made([400], senses=40)
    once, again = clustered(states, 5, seed=0, n_init=1), clustered(states, 5, seed=0, n_init=1)
    other = clustered(states, 5, seed=1, n_init=1)
    np.testing.assert_array_equal(once[0], again[0])
    assert not np.array_equal(once[1], other[1])


def test_a_group_larger_than_a_tile_is_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = made([300, 20])
    table, rows, _ = clustered(states, 3)
    np.save(tmp_path / "vectors.npy", states.vectors)
    mapped = States(np.load(tmp_path / "vectors.npy", mmap_mode="r+"), states.weights, states.group_first)
    monkeypatch.setitem(groups._TILE_DISTANCES, "cpu", 1500)
    other_table, other_rows, _ = clustered(mapped, 3)
    pairs = set(zip(rows.tolist(), other_rows.tolist(), strict=True))
    assert len(pairs) == 6, "the same partition; equally good restarts may number it otherwise"
    for row, other in pairs:
        np.testing.assert_allclose(table[row], other_table[other], rtol=1e-4, atol=1e-4)


def test_groups_with_few_distinct_vectors_keep_them() -> None:
    a, b, c = np.eye(3, dtype=np.float32)
    vectors = np.stack([b, a, b, b, a, c, -0.0 * c + a])
    states = States(vectors, np.ones(7, np.float32), np.array([0, 5, 7]))
    table, rows, grouped = clustered(states, 5)
    assert grouped.rows_per_group.tolist() == [2, 2]
    np.testing.assert_array_equal(table, [b, a, c, a])
    assert rows.tolist() == [0, 1, 0, 0, 1, 2, 3]


def test_one_row_a_group_is_its_weighted_mean() -> None:
    states = made([10, 4])
    states = States(states.vectors, np.arange(1, 15, dtype=np.float32), states.group_first)
    table, rows, _ = clustered(states, 1)
    np.testing.assert_allclose(
        table[1], np.average(states.vectors[10:], axis=0, weights=states.weights[10:]), rtol=1e-5
    )
    assert rows.tolist() == [0] * 10 + [1] * 4


def test_without_k_every_distinct_vector_is_a_row() -> None:
    states = made([10, 4])
    table, rows, _ = clustered(states, None)
    np.testing.assert_array_equal(table[rows], states.vectors)
    assert rows.tolist() == list(range(14))


@settings(max_examples=40, deadline=None)
@given(
    groups=st.lists(
        st.lists(st.tuples(st.integers(-2, 2), st.integers(-1, 1)), min_size=1, max_size=12), min_size=1, max_size=5
    ),
    k=st.integers(1, 4),
)
def test_any_groups_get_nearest_rows_of_their_own(groups: list[list[tuple[int, int]]], k: int) -> None:
    vectors = np.array([point for group in groups for point in group], np.float32)
    first = np.concatenate([[0], np.cumsum([len(group) for group in groups])])
    states = States(vectors, np.ones(len(vectors), np.float32), first)
    table, rows, grouped = clustered(states, k, n_init=2)
    assert np.isfinite(table).all()
    for number, group in enumerate(groups):
        own = range(grouped.row_first[number], grouped.row_first[number + 1])
        assert len(own) == min(k, len(set(group)))
        part = slice(first[number], first[number + 1])
        distances = ((vectors[part, None] - table[None, own]) ** 2).sum(axis=2)
        chosen = distances[np.arange(len(group)), rows[part] - own.start]
        np.testing.assert_allclose(chosen, distances.min(axis=1), atol=1e-4)


def test_the_first_of_equally_near_centers_takes_a_point() -> None:
    values = torch.tensor([[[-1.0], [0.0], [1.0], [1.0]]], dtype=torch.float64)
    points = Points.of(values, torch.tensor([[1.0, 1.0, 0.5, 0.5]], dtype=torch.float64), block=10)
    centers = torch.tensor([[[[-1.0], [1.0]]]], dtype=torch.float64)
    moved = lloyd(points, centers, max_iter=1, tol=0.0)
    assert moved.flatten().tolist() == [-0.5, 1.0]


def test_distinct_vectors_are_numbered_by_first_occurrence() -> None:
    vectors = np.array([[2.0], [1.0], [2.0], [2.0], [1.0]], np.float32)
    found = distinct_vectors(vectors, np.array([0, 3, 5]))
    assert found.number.tolist() == [0, 1, 0, 2, 3]
    assert found.first_state.tolist() == [0, 1, 3, 4]
    assert found.per_group.tolist() == [2, 2]


def test_seeding_prefers_far_points_and_skips_padding() -> None:
    values = torch.tensor([[[0.0], [0.1], [100.0], [200.0], [0.0]]])
    points = Points.of(values, torch.tensor([[1.0, 1.0, 1.0, 1.0, 0.0]]), block=10)
    draws = torch.from_numpy(uniform(3, np.array([7]), restarts=20, draws=num_draws(3)))
    chosen = plus_plus(points, 3, draws) + points.mean[:, None]
    for restart in range(20):
        values_chosen = sorted(chosen[0, restart, :, 0].tolist())
        assert values_chosen[1:] == pytest.approx([100, 200], abs=1e-3)
        assert values_chosen[0] == pytest.approx(0, abs=0.11)


def test_uniforms_depend_on_seed_and_group_alone() -> None:
    both = uniform(5, np.array([3, 9]), restarts=4, draws=6)
    np.testing.assert_array_equal(both[1], uniform(5, np.array([9]), restarts=4, draws=6)[0])
    many = uniform(0, np.arange(2000), restarts=2, draws=5)
    assert many.min() >= 0 and many.max() < 1
    assert abs(many.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(many.reshape(2000, -1).T) - np.eye(10)).max() < 0.1
