"""Which trial stands for an arm: the one with the largest V on validation items, never on test items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lineage.claims.claim import NotMeasured
from lineage.claims.safety.measures import VALIDATION, volume
from lineage.claims.safety.study import Study
from lineage.evaluation.paired import Floats, Resampled
from lineage.evaluation.pareto import chosen_share

EQUAL_STEPS = 0.9
"""Least ratio of the fewest to the most steps of training behind models that are compared."""


def validation_volumes(study: Study, models: Sequence[str]) -> Floats:
    """[model] V on validation items.

    Raises:
        NotMeasured: no trial.
    """
    if not models:
        raise NotMeasured("no trial of this arm in this experiment")
    return np.asarray([volume(study, model, split=VALIDATION).value for model in models])


def best_on_validation(study: Study, models: Sequence[str]) -> str:
    """The first model among those with the largest V on validation items."""
    return models[int(np.argmax(validation_volumes(study, models)))]


def arm_volume(study: Study, models: Sequence[str], *, trials: int) -> Resampled:
    """V on test items that an arm reaches when `trials` of its models are tried and validation chooses: the mean over
    all choices of so many.
    """
    shares = chosen_share(validation_volumes(study, models).tolist(), trials)
    first, *others = [
        volume(study, name) * float(share) for name, share in zip(models, shares, strict=True) if share > 0
    ]
    return sum(others, start=first)


def compared_arms(study: Study, arms: Sequence[str]) -> dict[str, Resampled]:
    """V of each arm (a part with a list of models) with as many trials as the arm with fewest has.

    Raises:
        NotMeasured: an arm has no trial, or its models stand on other amounts of training.
    """
    models: dict[str, list[str]] = {arm: getattr(study.roles, arm) for arm in arms}
    empty = [arm for arm, tried in models.items() if not tried]
    if empty:
        raise NotMeasured(f"no trial of the arm `{empty[0]}` in this experiment")
    check_equal_steps(study, [name for tried in models.values() for name in tried])
    trials = min(len(tried) for tried in models.values())
    return {arm: arm_volume(study, tried, trials=trials) for arm, tried in models.items()}


def check_equal_steps(study: Study, models: Sequence[str]) -> None:
    """Raises:
    NotMeasured: the model with fewest steps of training has less than 0.9 of those of the one with most.
    """
    steps = [study.roles.training_steps[name] for name in models if name in study.roles.training_steps]
    if steps and min(steps) < EQUAL_STEPS * max(steps):
        raise NotMeasured("arms differ in their steps of training (fewest / most)", min(steps) / max(steps))
