"""S4: the objectives of adaptation and safety tuning diverge, and training on both at once is not best."""

from __future__ import annotations

import numpy as np

from lineage.analysis.weights.schemas import ALL, COSINE, COSINE_RANDOM, LAYERS, NORM, SHARES, sign_conflict
from lineage.claims.claim import Claim, Measured, NotMeasured, Row
from lineage.claims.safety.choice import compared_arms
from lineage.claims.safety.gates import REPAIR_GATES, check_gates
from lineage.claims.safety.study import Study, measured
from lineage.claims.statistics import above, below
from lineage.evaluation.paired import Resampled, draws

Tensor = tuple[int | None, str]


def cosine(study: Study, first: str, second: str) -> Resampled:
    """Cosine of two task vectors over the whole language model; resampled over its tensors, whose cosines weighted by
    both norms add up to it.

    Raises:
        NotMeasured: no analysis of weights, or not of this pair.
    """
    inner = _tensors(study, COSINE, first, second)
    lengths = [_tensors(study, NORM, one, None) for one in (first, second)]
    names = [name for name in inner if all(name in length for length in lengths)]
    mine, theirs = (np.asarray([length[name] for name in names]) for length in lengths)
    dots = np.asarray([inner[name] for name in names]) * mine * theirs
    drawn = draws([names], samples=study.bootstrap_samples, seed=study.bootstrap_seed).weights
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = drawn @ dots / np.sqrt((drawn @ mine**2) * (drawn @ theirs**2))
    value = float(dots.sum() / np.sqrt((mine**2).sum() * (theirs**2).sum()))
    return Resampled(value, rows, len(names), len(names))


def _tensors(study: Study, statistic: str, vector: str, other: str | None) -> dict[Tensor, float]:
    """One figure a tensor.

    Raises:
        NotMeasured: there is none.
    """
    found = {
        (row["layer"], row["module"]): row["value"]
        for row in _rows(study, statistic, vector, other)
        if row["module"] not in (ALL, LAYERS) and row["value"] is not None
    }
    if not found:
        raise NotMeasured(f"weights: no {statistic} of {vector}{f' and {other}' if other else ''}")
    return found


def _rows(study: Study, statistic: str, vector: str, other: str | None) -> list[dict]:
    """Rows of a statistic of one vector, or of a pair in either order."""
    if study.weights is None:
        raise NotMeasured("no analysis of weights in this experiment")
    pairs = [(vector, other), (other, vector)]
    return [
        row
        for row in study.weights.to_pylist()
        if row["statistic"] == statistic and (row["vector"], row["other"]) in pairs
    ]


def _whole(study: Study, statistic: str, vector: str, other: str) -> Measured:
    """A figure over the whole language model, with the interval that the analysis gave it.

    Raises:
        NotMeasured: it is not there.
    """
    found = [row for row in _rows(study, statistic, vector, other) if row["layer"] is None and row["module"] == ALL]
    if not found or found[0]["value"] is None:
        raise NotMeasured(f"weights: no {statistic} of {vector} and {other}")
    return Measured(found[0]["value"], found[0]["low"], found[0]["high"])


def _vectors(study: Study) -> tuple[str, str, str]:
    if study.roles.vectors is None:
        raise NotMeasured("no task vectors are named: `vectors`")
    named = study.roles.vectors
    return named.seeing, named.safe, named.benign


def safe_against_benign(study: Study) -> Measured:
    """Cosine of adaptation and safety tuning, minus that of adaptation and a harmless task.

    Raises:
        NotMeasured: a gate fails, vectors are missing.
    """
    check_gates(study)
    seeing, safe, benign = _vectors(study)
    return measured(cosine(study, seeing, safe) - cosine(study, seeing, benign))


def safe_against_random(study: Study) -> Measured:
    """Cosine of adaptation and safety tuning, minus the mean of random directions, as long in each tensor. The interval
    spans that of the cosine and that of the random ones.
    """
    check_gates(study)
    seeing, safe, _ = _vectors(study)
    own, drawn = measured(cosine(study, seeing, safe)), _whole(study, COSINE_RANDOM, seeing, safe)
    value = own.value - drawn.value
    if own.low is None or own.high is None or drawn.low is None or drawn.high is None:
        return Measured(value)
    return Measured(value, own.low - drawn.high, own.high - drawn.low, own.items)


def random_against_benign(study: Study) -> Measured:
    """The same with random directions, as long in each tensor, in place of safety tuning."""
    check_gates(study)
    seeing, safe, benign = _vectors(study)
    drawn, reference = _whole(study, COSINE_RANDOM, seeing, safe), cosine(study, seeing, benign).value
    if drawn.low is None or drawn.high is None:
        return Measured(drawn.value - reference)
    return Measured(drawn.value - reference, drawn.low - reference, drawn.high - reference)


def conflict(study: Study) -> Measured:
    """Share of opposite signs among the largest entries of both vectors, minus that of the harmless task."""
    seeing, safe, benign = _vectors(study)
    name = sign_conflict(SHARES[1])
    return Measured(_whole(study, name, seeing, safe).value - _whole(study, name, seeing, benign).value)


def joint_against_merge(study: Study) -> Measured:
    """V of joint training minus that of merging, each with its validation-best model of equally many trials.

    Raises:
        NotMeasured: a gate fails, an arm has no trial, or steps differ.
    """
    check_gates(study, REPAIR_GATES)
    arms = compared_arms(study, ["joint", "merges"])
    return measured(arms["joint"] - arms["merges"])


CLAIM = Claim(
    id="S4",
    text="The objectives of adaptation and safety tuning diverge, so joint training is not best.",
    source="arXiv 2410.07571, abstract",
    control="safety tuning must point away further than random directions too, which lie below a harmless task anyway",
    primary=Row(
        name="divergence and joint training",
        statement="All hold: it diverges more than a harmless task and than chance, and joint training is not best.",
        statistic="the weakest of the three",
        expected=below(0),
        weakest_of=("cosine against a harmless task", "cosine against random directions", "joint against merge"),
        paper_figure="< 0 (objectives diverge, multi-task training is suboptimal)",
    ),
    secondary=(
        Row(
            name="cosine against a harmless task",
            statement="Safety tuning points further away from the adaptation than a harmless task does.",
            statistic="cos(tau_see, tau_safe) - cos(tau_see, tau of a harmless task of equal steps)",
            expected=below(0),
            measure=safe_against_benign,
        ),
        Row(
            name="cosine against random directions",
            statement="Safety tuning points further away from the adaptation than chance: an orthogonal one does not.",
            statistic="cos(tau_see, tau_safe) - cos(tau_see, random direction)",
            expected=below(0),
            measure=safe_against_random,
        ),
        Row(
            name="joint against merge",
            statement="Joint training trades off worse than merging.",
            statistic="V on test items, joint - merge (validation-best each, equal trials and steps)",
            expected=below(0),
            measure=joint_against_merge,
        ),
        Row(
            name="random directions",
            statement="A random direction points further away than a harmless task too.",
            statistic="cos(tau_see, random direction) - cos(tau_see, tau of a harmless task)",
            expected=below(0),
            measure=random_against_benign,
        ),
        Row(
            name="sign conflict",
            statement="More signs conflict with safety tuning than with a harmless task.",
            statistic="share of opposite signs among the largest 5 % of entries, safety tuning - harmless task",
            expected=above(0),
            measure=conflict,
        ),
    ),
)
