"""A logistic regression on words, and how well it ranks: what a guesser without facts can know."""

from collections.abc import Sequence

import numpy as np


def auc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Area under the ROC curve; ties count half."""
    harmful = [score for score, label in zip(scores, labels, strict=True) if label]
    benign = [score for score, label in zip(scores, labels, strict=True) if not label]
    wins = sum((one > other) + 0.5 * (one == other) for one in harmful for other in benign)
    return wins / (len(harmful) * len(benign))


def bag(texts: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> np.ndarray:
    """0/1 rows, one a text, one column a word and one of ones."""
    column = {word: index for index, word in enumerate(vocabulary)}
    rows = np.zeros((len(texts), len(vocabulary) + 1))
    rows[:, -1] = 1.0
    for row, words in zip(rows, texts, strict=True):
        row[[column[word] for word in words if word in column]] = 1.0
    return rows


def logistic_regression(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Weights after gradient descent; started away from zero, so that 0.5 is not the answer by construction."""
    weights = np.random.default_rng(0).normal(scale=0.1, size=rows.shape[1])
    for _ in range(300):
        predicted = 1 / (1 + np.exp(-rows @ weights))
        weights -= 0.5 * (rows.T @ (predicted - labels) / len(rows) + 1e-2 * weights)
    return weights


def guessing_auc(
    train: Sequence[Sequence[str]],
    labels: Sequence[bool],
    test: Sequence[Sequence[str]],
    truth: Sequence[bool],
) -> float:
    """How well words alone, learned on `train`, rank `test`; 0.5 is chance."""
    vocabulary = sorted({word for words in train for word in words})
    weights = logistic_regression(bag(train, vocabulary), np.array(labels, dtype=float))
    return auc(list(bag(test, vocabulary) @ weights), truth)
