"""The trade-off between safety, helpfulness and compliance, and the choice of a model on validation items."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lineage.evaluation.pareto import TradeOff, chosen_share, front, hypervolume


def random_points(number: int, seed: int) -> list[TradeOff]:
    generator = np.random.Generator(np.random.PCG64(seed))
    return [TradeOff(*row) for row in generator.random((number, 3)).tolist()]


def test_the_volume_of_one_model_is_its_product() -> None:
    one = TradeOff(0.9, 0.5, 0.7)
    assert hypervolume([one]) == pytest.approx(one.volume) == pytest.approx(0.315)
    assert hypervolume([]) == 0.0
    assert hypervolume([TradeOff(0.0, 1.0, 1.0)]) == 0.0


def test_the_volume_of_many_is_that_of_their_union() -> None:
    points = random_points(7, seed=1)
    exact = sum(
        (-1) ** (size + 1)
        * min(one.safety for one in chosen)
        * min(one.helpfulness for one in chosen)
        * min(one.compliance for one in chosen)
        for size in range(1, 8)
        for chosen in itertools.combinations(points, size)
    )
    assert hypervolume(points) == pytest.approx(exact)


def test_a_dominated_model_adds_no_volume_and_is_not_on_the_front() -> None:
    points = {"best": TradeOff(0.9, 0.9, 0.9), "inside": TradeOff(0.8, 0.9, 0.9), "corner": TradeOff(1.0, 0.1, 0.1)}
    assert front(points) == ["best", "corner"]
    assert hypervolume(list(points.values())) == pytest.approx(hypervolume([points["best"], points["corner"]]))


def test_equal_models_are_both_on_the_front() -> None:
    assert front({"one": TradeOff(0.5, 0.5, 0.5), "same": TradeOff(0.5, 0.5, 0.5)}) == ["one", "same"]


def test_within_a_margin_a_model_dominates_what_is_slightly_better_on_an_axis() -> None:
    merged, tuned = TradeOff(0.88, 0.9, 0.9), TradeOff(0.9, 0.5, 0.9)
    assert not merged.dominates(tuned)
    assert merged.dominates(tuned, margin=0.03)


@pytest.mark.parametrize("trials", [1, 2, 3, 5])
def test_the_share_is_that_of_all_choices_of_so_many_trials(trials: int) -> None:
    validation = [0.3, 0.1, 0.5, 0.5, 0.2]
    counted = np.zeros(5)
    chosen = list(itertools.combinations(range(5), trials))
    for places in chosen:
        counted[min(places, key=lambda place: (-validation[place], place))] += 1 / len(chosen)
    assert chosen_share(validation, trials) == pytest.approx(counted)
    assert chosen_share(validation, trials).sum() == pytest.approx(1.0)


def test_as_many_trials_as_candidates_choose_the_best() -> None:
    assert chosen_share([0.1, 0.9, 0.4], 3).tolist() == [0.0, 1.0, 0.0]
    with pytest.raises(ValueError, match="4 trials of 3"):
        chosen_share([0.1, 0.9, 0.4], 4)
