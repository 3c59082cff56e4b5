"""Training of the linear judge, and an honest measure of it: groups of prompts are held out, choices are made inside.

The penalty and the threshold are chosen by leaving out one group after the other among those that train. The measure
leaves out one group more, chooses and trains on the rest, and judges the group that nothing was chosen with.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from lineage.errors import UserError
from lineage.evaluation.judges.features import features
from lineage.evaluation.judges.judge import Verdict
from lineage.evaluation.judges.labelled import Labelled
from lineage.evaluation.judges.trained import TrainedJudge, Weights

Floats = NDArray[np.float64]
_LEAST_GROUPS = 3
_LEAST_OF_A_LABEL = 10
_ITERATIONS = 2000
_FLAT = 1e-9
"""Spread below which a feature says nothing."""


def train(labelled: Sequence[Labelled], penalties: Sequence[float]) -> Weights:
    """Weights from all labelled responses; penalty (C of scikit-learn) and threshold by leaving groups out.

    Raises:
        UserError: too few groups, refusals or answers.
    """
    _check(labelled)
    measured = _features(labelled)
    names = list(measured[0])
    return _chosen(
        np.array([list(one.values()) for one in measured]), _refuses(labelled), _groups(labelled), names, penalties
    )


def cross_validated(labelled: Sequence[Labelled], penalties: Sequence[float]) -> list[Verdict | None]:
    """A verdict on each labelled response, by a judge that was chosen and trained without its group.

    Raises:
        UserError: too few groups, refusals or answers.
    """
    _check(labelled)
    groups = _groups(labelled)
    verdicts: list[Verdict | None] = [None] * len(labelled)
    for group in np.unique(groups):
        held_out = np.flatnonzero(groups == group).tolist()
        judge = TrainedJudge(train([one for one in labelled if one.group != group], penalties))
        for at, verdict in zip(held_out, judge.judge([labelled[at].response for at in held_out]), strict=True):
            verdicts[at] = verdict
    return verdicts


def _chosen(
    x: Floats, y: NDArray[np.bool_], groups: NDArray[np.str_], names: Sequence[str], penalties: Sequence[float]
) -> Weights:
    """The penalty with the best average precision on groups left out, the threshold with the best F1 there."""
    best: tuple[float, float, float] | None = None
    for penalty in sorted(penalties):
        left_out = np.empty(len(y))
        for group in np.unique(groups):
            inside = groups != group
            coefficients, intercept = _fitted(x[inside], y[inside], penalty)
            left_out[~inside] = _sigmoid(x[~inside] @ coefficients + intercept)
        precision, threshold = _average_precision(y, left_out), _best_threshold(y, left_out)
        if best is None or precision > best[0]:
            best = (precision, penalty, threshold)
    assert best is not None
    coefficients, intercept = _fitted(x, y, best[1])
    weights = {name: float(one) for name, one in zip(names, coefficients, strict=True) if one}
    return Weights(intercept=float(intercept), weights=weights, threshold=best[2])


def _fitted(x: Floats, y: NDArray[np.bool_], penalty: float) -> tuple[Floats, float]:
    """Coefficients of the features as they are, and the intercept; the penalty sees features of spread 1."""
    spread = x.std(axis=0)
    scale = np.where(spread > _FLAT, 1 / np.maximum(spread, _FLAT), 0.0)
    model = LogisticRegression(C=penalty, max_iter=_ITERATIONS).fit(x * scale, y)
    return model.coef_[0] * scale, float(model.intercept_[0])


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def _average_precision(y: NDArray[np.bool_], score: Floats) -> float:
    """Mean over the true ones of the precision at their rank."""
    ranked = y[np.argsort(-score, kind="stable")]
    return float((np.cumsum(ranked) / np.arange(1, len(y) + 1))[ranked].mean())


def _best_threshold(y: NDArray[np.bool_], score: Floats) -> float:
    """The midpoint between two neighbouring scores that gives the best F1."""
    order = np.argsort(-score, kind="stable")
    ranked, scores = y[order], score[order]
    f1 = 2 * np.cumsum(ranked) / (np.arange(1, len(y) + 1) + y.sum())
    at = int(np.argmax(f1))
    below = scores[at + 1] if at + 1 < len(scores) else 0.0
    return float((scores[at] + below) / 2)


def _features(labelled: Sequence[Labelled]) -> list[dict[str, float]]:
    return [features(one.response) for one in labelled]


def _refuses(labelled: Sequence[Labelled]) -> NDArray[np.bool_]:
    return np.array([one.label != "none" for one in labelled])


def _groups(labelled: Sequence[Labelled]) -> NDArray[np.str_]:
    return np.array([one.group for one in labelled])


def _check(labelled: Sequence[Labelled]) -> None:
    refusals = sum(one.label != "none" for one in labelled)
    groups = len({one.group for one in labelled})
    if min(refusals, len(labelled) - refusals) < _LEAST_OF_A_LABEL or groups < _LEAST_GROUPS:
        raise UserError(
            f"too little to train a judge on: {refusals} refusals and {len(labelled) - refusals} answers in {groups}"
            f" groups of prompts; {_LEAST_OF_A_LABEL} of both and {_LEAST_GROUPS} groups are the least.\n"
            "  Give more labelled responses, or judge by rules (`by: rules`)."
        )
