"""K9: acquisition and forgetting explain the gains of the other arms, recall by exposure and the gain from dedup.

Every error is that of a forecast made before, with the kernel of facts met once and nothing fitted anew, over that of
the better of two naive forecasts: no forgetting (gains add up) and last exposure only. Below 1 the kernel explains
more.

All rows are gated by the kernel, all depths pooled: where its a* is not surely above 0, superposition says the same as
no forgetting, within noise, and its error says nothing. A single depth whose a* is not above 0 is predicted by it as it
is, and counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lineage.analysis.names import ALL_DEPTHS, EVERY_LEVEL, SIGNALS
from lineage.claims.claim import Claim, Gate, Measured, NotMeasured, Row
from lineage.claims.knowledge.k8 import dedup_forecast, pair
from lineage.claims.knowledge.study import Floats, Run, Study, from_draws
from lineage.claims.statistics import below

FORECASTS = ("value", "naive_no_forgetting", "naive_last_only")
FORGETS = Gate("lower end of the 95 % interval of the calibration's a*, all depths (per decade)", above=0.0)

_NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Compared:
    """Forecasts beside one outcome, and draws of the outcome."""

    forecasts: Floats
    """[forecast, point], in the order of `FORECASTS`."""
    outcome: Floats
    """[point]"""
    draws: Floats
    """[draw, point]"""


def forgets(study: Study) -> float:
    """The gate's figure.

    Raises:
        NotMeasured: nothing was forecast, or the calibration did not surely acquire anything that could be forgotten.
    """
    acquired = study.kernel("effectivity_low")
    if acquired <= 0:
        raise NotMeasured("lower end of the 95 % interval of the calibration's effectivity (nats)", acquired)
    return study.kernel("a_star_low")


def error_ratio(parts: Sequence[Compared], items: int, *, gate: float) -> Measured:
    """RMSE of the forecast over the smaller RMSE of the naive ones, over all points of all parts.

    Raises:
        NotMeasured: a naive forecast is exactly right, so nothing can be better.
    """
    forecasts = np.concatenate([part.forecasts for part in parts], axis=1)
    outcome = np.concatenate([part.outcome for part in parts])
    draws = np.concatenate([part.draws for part in parts], axis=1)

    def ratio(outcomes: Floats) -> Floats:
        """[draw] for outcomes [draw, point]."""
        errors = np.sqrt(np.mean((forecasts[:, None, :] - outcomes) ** 2, axis=-1))
        with np.errstate(divide="ignore", invalid="ignore"):
            return errors[0] / errors[1:].min(axis=0)

    value = float(ratio(outcome[None])[0])
    if not np.isfinite(value) or value == 0:
        raise NotMeasured("a forecast without any error")
    return from_draws(value, ratio(draws), items, gate=gate)


def gains(study: Study) -> Measured:
    """Gain curves of all arms with several encounters, by depth, at every probed time."""
    run = study.reference
    gate = forgets(study)
    study.foretold(run)
    often = [arm for arm, (_, encounters) in run.dealt.items() if encounters > 1]
    if not often:
        raise NotMeasured(f"run {run.name} has no arm with several encounters")
    parts = [gain_curve(study, run, arm, depth) for arm in often for depth in _depths(run, arm)]
    return error_ratio(parts, sum(run.num_facts(arm) for arm in often), gate=gate)


def curve_estimator(run: Run, arm: str, depth: str) -> str:
    """The best signal that the run has."""
    there = run.select("curves", arm=arm, depth=depth).column("estimator").to_pylist()
    return next(one for one in SIGNALS if one in there)


def _depths(run: Run, arm: str) -> list[str]:
    found = dict.fromkeys(run.select("curves", arm=arm).column("depth").to_pylist())
    return [depth for depth in found if depth != ALL_DEPTHS]


def gain_curve(study: Study, run: Run, arm: str, depth: str) -> Compared:
    """Forecast and curve of one arm and depth.

    In a draw the curve moves as a whole within its interval: facts differ far more than the same facts at two times.
    The depths of an arm, which share their facts, move together; other arms hold other facts and move on their own.
    """
    predicted = study.predicted(target="gain", run=run.name, arm=arm, depth=depth).to_pylist()
    estimator = curve_estimator(run, arm, depth)
    measured = {row["time"]: row for row in run.select("curves", arm=arm, depth=depth, estimator=estimator).to_pylist()}
    both = [(row, measured[int(row["at"])]) for row in predicted if int(row["at"]) in measured and row["at"] > 0]
    if not both:
        raise NotMeasured(f"forecast and curve of {arm}, {depth} share no time")
    outcome = np.asarray([one["mean"] for _, one in both])
    spread = np.asarray([_spread(one["low"], one["high"]) for _, one in both])
    moved = study.generator(f"curves of {arm}").standard_normal(study.bootstrap_samples)
    forecasts = np.asarray([[row[name] for row, _ in both] for name in FORECASTS])
    return Compared(forecasts, outcome, outcome + moved[:, None] * spread)


def _spread(low: float | None, high: float | None) -> float:
    return 0.0 if low is None or high is None else (high - low) / (2 * _NORMAL_95)


def recall_by_exposure(study: Study) -> Measured:
    """Mean probability of the target at each designed exposure level."""
    gate = forgets(study)
    name = study.comparisons.long_tail
    recall = study.recall(name)
    rows = [row for row in study.predicted(target="recall", run=name).to_pylist() if row["at"] != EVERY_LEVEL]
    members = [recall.level == int(row["at"]) for row in rows]
    if not all(one.any() for one in members):
        raise NotMeasured("forecast and scores have different exposure levels")
    times = study.subject_draws(recall.subjects).astype(np.float64)
    outcome = np.asarray([recall.probability[one].mean() for one in members])
    with np.errstate(invalid="ignore"):
        drawn = [times[:, one] @ recall.probability[one] / times[:, one].sum(axis=1) for one in members]
    forecasts = np.asarray([[row[column] for row in rows] for column in FORECASTS])
    return error_ratio([Compared(forecasts, outcome, np.stack(drawn, axis=1))], len(recall.level), gate=gate)


def deduplication_gain(study: Study) -> Measured:
    """The gain in probability from deduplication: one point."""
    gate = forgets(study)
    first, second = pair(study)
    difference = first.probability - second.probability
    value = float(difference.mean())
    forecast, naive = dedup_forecast(study, value)
    if forecast is None or naive is None:
        raise NotMeasured("no forecast of the gain from deduplication")
    times = study.subject_draws(first.subjects).astype(np.float64)
    draws = times @ difference / times.sum(axis=1)
    part = Compared(np.asarray([[forecast], [naive]]), np.asarray([value]), draws[:, None])
    return error_ratio([part], len(difference), gate=gate)


CLAIM = Claim(
    id="K9",
    text="Acquisition and forgetting of single exposures explain the other arms, the long tail and deduplication.",
    source="arXiv 2406.11813, sections 4.3 and 4.4 (proposed there, not measured)",
    primary=Row(
        name="forecast error",
        statement="Kernel and superposition predict the arms and the long tail better than both naive forecasts.",
        statistic="the larger error ratio: RMSE of the forecast over that of the better naive one",
        expected=below(1, ratio=True),
        weakest_of=("gains of the arms", "recall by exposure"),
    ),
    secondary=(
        Row(
            name="gains of the arms",
            statement="They predict the gains of facts met several times better.",
            statistic="error ratio over gain curves, arms with several encounters",
            expected=below(1, ratio=True),
            measure=gains,
            gate=FORGETS,
        ),
        Row(
            name="recall by exposure",
            statement="They predict recall by exposure better.",
            statistic="error ratio over mean probabilities of the target by exposure level",
            expected=below(1, ratio=True),
            measure=recall_by_exposure,
            gate=FORGETS,
        ),
        Row(
            name="gain from deduplication",
            statement="They predict the gain from deduplication better.",
            statistic="error ratio of the mean gain in probability",
            expected=below(1, ratio=True),
            measure=deduplication_gain,
            gate=FORGETS,
        ),
    ),
)
