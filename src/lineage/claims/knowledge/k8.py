"""K8: recall rises with exposure, and deduplication helps."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from lineage.analysis.names import EVERY_LEVEL
from lineage.claims.claim import Claim, Gate, Measured, NotMeasured, Row
from lineage.claims.knowledge.study import Floats, Recall, Study, from_draws
from lineage.claims.statistics import above, below, within

TESTABLE = Gate("share of test facts recalled", at_least=0.05, at_most=0.95)
"""Neither nothing nor everything is known."""


def rank_correlation(study: Study, *, outcome: str) -> Measured:
    """Spearman's rho over test facts between the designed exposure level and an outcome, drawn by subjects.

    The level is a label: where a null world shows all facts equally often it says nothing about the outcome.
    """
    recall = study.recall(study.comparisons.long_tail)
    values: Floats = getattr(recall, outcome)
    draws = study.subject_draws(recall.subjects)
    rhos = np.asarray([spearman(np.repeat(recall.level, times), np.repeat(values, times)) for times in draws])
    return from_draws(spearman(recall.level, values), rhos, len(values), gate=float(recall.correct.mean()))


def spearman(first: NDArray, second: NDArray) -> float:
    """Pearson's correlation of the ranks, equal values sharing their mean rank; NaN without any spread.

    >>> spearman(np.array([0, 1, 2, 2]), np.array([0.1, 0.2, 0.9, 0.9]))
    1.0
    """
    one, other = (_centred_ranks(values) for values in (first, second))
    spread = np.sqrt((one @ one) * (other @ other))
    return float(one @ other / spread) if spread > 0 else float("nan")


def _centred_ranks(values: NDArray) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks - ranks.mean()


def gain_per_doubling(study: Study) -> Measured:
    """Slope of recall on log2(1 + exposures really seen)."""
    recall = study.recall(study.comparisons.long_tail)
    x = np.log2(1.0 + recall.exposures)
    times = study.subject_draws(recall.subjects).astype(np.float64)

    def slope(weights: Floats) -> Floats:
        total = weights.sum(axis=-1)
        mean_x, mean_y = weights @ x / total, weights @ recall.correct / total
        spread = weights @ (x * x) / total - mean_x**2
        with np.errstate(divide="ignore", invalid="ignore"):
            return (weights @ (x * recall.correct) / total - mean_x * mean_y) / spread

    value = float(slope(np.ones(len(x))))
    return from_draws(value, slope(times), len(x), gate=float(recall.correct.mean()))


def above_chance_unseen(study: Study) -> Measured:
    """Recall minus chance of test facts that training never showed."""
    recall = study.recall(study.comparisons.long_tail)
    unseen = recall.exposures == 0
    if not unseen.any():
        raise NotMeasured("every test fact was seen", 0.0)
    difference = (recall.correct - recall.chance)[unseen]
    subjects = [name for name, one in zip(recall.subjects, unseen, strict=True) if one]
    draws = study.subject_draws(subjects).astype(np.float64)
    return from_draws(float(difference.mean()), draws @ difference / draws.sum(axis=1), len(difference))


def deduplication(study: Study, *, outcome: str) -> Measured:
    """Deduplicated minus duplicated, mean over the same test facts, drawn by subjects."""
    first, second = pair(study)
    difference = getattr(first, outcome) - getattr(second, outcome)
    draws = study.subject_draws(first.subjects).astype(np.float64)
    value = float(difference.mean())
    forecast, naive = dedup_forecast(study, value) if outcome == "probability" else (None, None)
    means = draws @ difference / draws.sum(axis=1)
    return from_draws(value, means, len(difference), forecast=forecast, naive=naive)


def pair(study: Study) -> tuple[Recall, Recall]:
    """Recall of the deduplicated and of the duplicated model, over the same facts.

    Raises:
        NotMeasured: no such models.
    """
    models = study.comparisons.deduplication
    first = study.recall(models.deduplicated if models else None)
    second = study.recall(models.duplicated if models else None)
    assert list(first.subjects) == list(second.subjects), "both models are asked the same facts"
    return first, second


def dedup_forecast(study: Study, outcome: float) -> tuple[float | None, float | None]:
    """The forecast of the gain in probability, and that of the naive baseline that comes nearer."""
    models = study.comparisons.deduplication
    assert models is not None
    try:
        rows = [
            study.predicted(target="recall", run=name, at=EVERY_LEVEL).to_pylist()[0]
            for name in (models.deduplicated, models.duplicated)
        ]
    except NotMeasured:
        return None, None
    columns = ("value", "naive_no_forgetting", "naive_last_only")
    value, *naives = (rows[0][column] - rows[1][column] for column in columns)
    return value, min(naives, key=lambda one: abs(one - outcome))


def bits_saved(study: Study) -> Measured:
    """Held-out bits per byte, deduplicated minus duplicated, drawn by documents."""
    first, second = pair(study)
    documents = sorted(set(first.bits) & set(second.bits))
    if not documents:
        raise NotMeasured("the models read no held-out document in common")
    bits = np.asarray([[one.bits[name][0] for name in documents] for one in (first, second)])
    sizes = np.asarray([first.bits[name][1] for name in documents], dtype=np.float64)
    draws = study.subject_draws(documents).astype(np.float64)
    value = float((bits[0] - bits[1]).sum() / sizes.sum())
    return from_draws(value, draws @ (bits[0] - bits[1]) / (draws @ sizes), len(documents))


CLAIM = Claim(
    id="K8",
    text="A fact is recalled the better the more often training showed it; deduplication helps.",
    source="arXiv 2406.11813, section 4.4 (explanations there, not measured)",
    null_world="equal_exposures",
    primary=Row(
        name="recall by exposure",
        statement="Recall rises with the exposure level.",
        statistic="Spearman's rho of designed exposure level and closed-book recall over test facts",
        expected=above(0),
        measure=partial(rank_correlation, outcome="correct"),
        gate=TESTABLE,
    ),
    secondary=(
        Row(
            name="probability by exposure",
            statement="The probability of the right value rises with the exposure level.",
            statistic="Spearman's rho of designed exposure level and probability of the target",
            expected=above(0),
            measure=partial(rank_correlation, outcome="probability"),
        ),
        Row(
            name="gain per doubling",
            statement="Recall rises with each doubling of the exposures.",
            statistic="slope of recall on log2(1 + exposures really seen)",
            expected=above(0),
            measure=gain_per_doubling,
            gate=TESTABLE,
        ),
        Row(
            name="unseen facts",
            statement="Facts that training never showed are recalled at chance.",
            statistic="recall minus chance, test facts of no exposure",
            expected=within(-0.1, 0.1),
            measure=above_chance_unseen,
        ),
        Row(
            name="deduplication, recall",
            statement="Trained on equally many tokens, the deduplicated model recalls more.",
            statistic="recall of test facts, deduplicated - duplicated",
            expected=above(0),
            measure=partial(deduplication, outcome="correct"),
        ),
        Row(
            name="deduplication, probability",
            statement="Trained on equally many tokens, the deduplicated model gives test facts more probability.",
            statistic="probability of the target, test facts, deduplicated - duplicated",
            expected=above(0),
            measure=partial(deduplication, outcome="probability"),
        ),
        Row(
            name="deduplication, held-out text",
            statement="Trained on equally many tokens, the deduplicated model predicts held-out text better.",
            statistic="held-out bits per byte, deduplicated - duplicated",
            expected=below(0),
            measure=bits_saved,
        ),
    ),
)
