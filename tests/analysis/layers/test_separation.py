"""A direction that is tested on requests that it was not found on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lineage.analysis.layers.gap import draw_pairs, gaps, similarity
from lineage.analysis.layers.ranges import RULES, Range, safety_range
from lineage.analysis.layers.separation import folds_of, null_separations, ordered_pairs, separation
from lineage.errors import UserError
from tests.analysis.layers.building import requests, unweighted

HARMFUL = np.asarray([True, False, True, False])
FOLDS = np.asarray([0, 0, 1, 1])


def test_pairs_in_the_right_order_by_hand() -> None:
    """One layer, one number: each fold is tested on the direction of the other.

    Fold 1 has 5 (harmful) and 1 (benign): direction +4, which puts 2 before 3 in fold 0. Fold 0 has direction -1.
    """
    states = np.asarray([2.0, 3.0, 5.0, 1.0]).reshape(4, 1, 1)
    values, pairs = ordered_pairs(states, HARMFUL, FOLDS)
    assert pairs.tolist() == [[0, 1], [2, 3]]
    assert values.tolist() == [[0.0, 0.0]]
    states[0] = 4.0
    assert ordered_pairs(states, HARMFUL, FOLDS)[0].tolist() == [[1.0, 1.0]]
    states[0] = states[1]
    assert ordered_pairs(states, HARMFUL, FOLDS)[0].tolist() == [[0.5, 0.5]], "no direction, and no order"


def test_a_request_is_never_tested_on_a_direction_that_it_gave() -> None:
    """Noise in many dimensions is separable on what the direction was found on, at chance on the rest."""
    generator = np.random.default_rng(0)
    states = generator.normal(size=(60, 1, 200))
    harmful = np.arange(60) % 2 == 0
    folds = np.arange(60) // 2 % 5
    [found] = separation(states, harmful, folds, unweighted(60))
    assert 0.3 < found.value < 0.7


def test_an_exclusive_or_shows_no_gap_but_is_separated_where_it_is_decided() -> None:
    """Layer 0 holds two facts, layer 1 their exclusive-or beside them: pairs of a kind are alike in neither."""
    generator = np.random.default_rng(1)
    facts = generator.choice([-1.0, 1.0], size=(200, 2))
    harmful = facts.prod(axis=1) > 0
    noise = 0.05 * generator.normal(size=(200, 2, 3))
    states = noise + np.stack([np.c_[facts, np.zeros(200)], np.c_[3 * facts, facts.prod(axis=1)]], axis=1)
    gap = gaps(similarity(states), draw_pairs(harmful.tolist(), pairs=500, seed=0))
    assert np.abs(gap).max() < 0.15
    folds = np.arange(200) % 5
    before, after = separation(states, harmful, folds, unweighted(200))
    assert 0.3 < before.value < 0.7 and after.value > 0.8
    assert safety_range([before.value, after.value], RULES["separation"]) == Range(1, 2)


def test_permuted_labels_are_at_chance() -> None:
    states = np.random.default_rng(2).normal(size=(60, 2, 4))
    states[:30, 1] += 3
    harmful, folds = np.arange(60) < 30, np.arange(60) % 5
    null = null_separations(states, harmful, folds, permutations=60, seed=0)
    assert null.shape == (60, 2)
    assert null.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.05)
    assert separation(states, harmful, folds, unweighted(60))[1].value > np.quantile(null[:, 1], 0.975)


def test_clusters_are_held_out_together() -> None:
    items = [replace(one, cluster=one.verb) for one in requests()]
    folds = folds_of(items)
    assert len(set(folds)) == 2
    assert {(one.verb, fold) for one, fold in zip(items, folds, strict=True)} == {
        (verb, fold) for verb, fold in zip(("eat", "break"), (folds[0], folds[-1]), strict=True)
    }
    with pytest.raises(UserError, match="1 cluster"):
        folds_of([replace(one, cluster="same") for one in items])
