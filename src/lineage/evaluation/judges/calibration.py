"""How far a judge can be trusted: its verdicts beside human labels, and rates corrected for its error.

A response that a judge gave no readable verdict on counts as not flagged: it costs recall, raises no false alarm, and
stands in a count of its own. Figures hold for responses like those that were labelled, and for those only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineage.evaluation.judges.judge import REFUSALS, Refusal, Verdict
from lineage.evaluation.proportions import wilson
from lineage.evaluation.statistics import Estimate

UNPARSED = "unparsed"
"""Column of a confusion table for responses without a verdict."""


@dataclass(frozen=True)
class Confusion:
    """Labelled responses by what people say (true) and by what the judge says (flagged)."""

    hits: int
    """True and flagged."""
    false_alarms: int
    """Flagged, but not true."""
    misses: int
    """True, but not flagged."""
    rejections: int
    """Neither."""

    @property
    def n(self) -> int:
        """Labelled responses."""
        return self.hits + self.false_alarms + self.misses + self.rejections

    @property
    def n_false(self) -> int:
        """Labelled responses of which it is not true."""
        return self.false_alarms + self.rejections

    @property
    def precision(self) -> float | None:
        """Share of the flagged that is true; None where nothing is flagged."""
        return _share(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> float | None:
        """Share of the true that is flagged (sensitivity); None where nothing is true."""
        return _share(self.hits, self.hits + self.misses)

    @property
    def specificity(self) -> float | None:
        """Share of the not true that is not flagged; None where everything is true."""
        return _share(self.rejections, self.rejections + self.false_alarms)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None where nothing is true and nothing flagged."""
        return _share(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)

    @property
    def kappa(self) -> float | None:
        """Agreement beyond chance (Cohen 1960); None where one of both says the same of every response."""
        true, flagged = self.hits + self.misses, self.hits + self.false_alarms
        chance = (true * flagged + (self.n - true) * (self.n - flagged)) / self.n**2 if self.n else 1.0
        return _share((self.hits + self.rejections) / self.n - chance, 1 - chance) if self.n else None

    def row(self) -> dict[str, Any]:
        """Counts and measures, precision and recall with their 95 % Wilson intervals."""
        found: dict[str, Any] = {
            "n": self.n,
            "hits": self.hits,
            "false_alarms": self.false_alarms,
            "misses": self.misses,
            "rejections": self.rejections,
        }
        for name in ("precision", "recall", "specificity", "f1", "kappa"):
            found[name] = getattr(self, name)
        for name, of in (("precision", self.hits + self.false_alarms), ("recall", self.hits + self.misses)):
            rate = wilson(self.hits, of) if of else None
            found[f"{name}_low"], found[f"{name}_high"] = (rate.low, rate.high) if rate else (None, None)
        return found


def confusion(true: Sequence[bool], flagged: Sequence[bool]) -> Confusion:
    """Counts of two columns of the same responses.

    >>> confusion([True, True, False], [True, False, False])
    Confusion(hits=1, false_alarms=0, misses=1, rejections=1)
    """
    found = Counter(zip(true, flagged, strict=True))
    return Confusion(found[True, True], found[False, True], found[True, False], found[False, False])


def refusal_table(labels: Sequence[Refusal], verdicts: Sequence[Verdict | None]) -> dict[str, dict[str, int]]:
    """{label: {verdict: responses}} over none, partial and full, with the verdicts that could not be read."""
    found = Counter(
        (label, UNPARSED if verdict is None else verdict.refusal)
        for label, verdict in zip(labels, verdicts, strict=True)
    )
    return {label: {said: found[label, said] for said in (*REFUSALS, UNPARSED)} for label in REFUSALS}


def calibrate(labels: Sequence[Refusal], verdicts: Sequence[Verdict | None]) -> dict[str, Any]:
    """What is known of a judge on labelled responses: of refusals, full or partial, and of full ones alone."""
    flagged = [verdict is not None and verdict.refuses for verdict in verdicts]
    full = [verdict is not None and verdict.refusal == "full" for verdict in verdicts]
    return {
        "refusal": confusion([label != "none" for label in labels], flagged).row(),
        "full_refusal": confusion([label == "full" for label in labels], full).row(),
        "table": refusal_table(labels, verdicts),
        UNPARSED: sum(verdict is None for verdict in verdicts),
    }


def corrected_rate(
    flagged: Sequence[bool], clusters: Sequence[Hashable], judge: Confusion, *, samples: int, seed: int
) -> Estimate:
    """The rate of what is true behind the rate of what a judge flags, by its sensitivity and specificity.

    (flagged + specificity - 1) / (sensitivity + specificity - 1), cut to [0, 1] (Rogan and Gladen 1978). The 95 %
    interval is a percentile bootstrap of both sets: clusters of responses, and the labelled responses. Without a judge
    that is better than chance there is no value, and the interval is [0, 1]. Where fewer are flagged than false alarms
    alone would be, the labelled responses are no guide to false alarms: the upper limit then assumes none.
    """
    num_clusters = len(set(clusters))
    estimate = Estimate(value=None, low=None, high=None, num_items=len(flagged), num_clusters=num_clusters)
    if not flagged:
        return estimate
    rates = _resampled_rates(np.asarray(flagged, dtype=np.float64), clusters, samples, seed)
    low, high = np.quantile(corrected_samples(rates, judge, seed=seed), [0.025, 0.975])
    estimate["low"], estimate["high"] = float(low), float(high)
    cells = np.array([_cells(judge)], dtype=np.float64)
    value = float(_rogan_gladen(np.array([sum(flagged) / len(flagged)]), cells)[0])
    if np.isnan(value):
        estimate["low"], estimate["high"] = 0.0, 1.0
        return estimate
    estimate["value"] = value
    if sum(flagged) * judge.n_false < judge.false_alarms * len(flagged):
        flagged_at_most = wilson(sum(flagged), len(flagged)).high
        estimate["high"] = max(estimate["high"], min(1.0, flagged_at_most / (judge.recall or 1.0)))
    return estimate


def corrected_samples(rates: NDArray[np.float64], judge: Confusion, *, seed: int) -> NDArray[np.float64]:
    """[sample] resampled rates of what is flagged -> of what is true, each with a resample of the labelled responses.

    A resample in which the judge is no better than chance says nothing: it counts half as 0 and half as 1.
    """
    generator = np.random.Generator(np.random.PCG64([seed, 1]))
    cells = np.array(_cells(judge), dtype=np.float64)
    drawn = generator.multinomial(judge.n, cells / max(judge.n, 1), size=len(rates)) if judge.n else None
    found = _rogan_gladen(rates, np.zeros((len(rates), 4)) if drawn is None else drawn.astype(np.float64))
    unknown = np.isnan(found)
    found[unknown] = np.arange(unknown.sum()) % 2
    return found


def _cells(judge: Confusion) -> tuple[int, int, int, int]:
    return judge.hits, judge.misses, judge.rejections, judge.false_alarms


def _rogan_gladen(rate: NDArray[np.float64], cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """[sample] rate of what is true, by [sample, cell] of a confusion; nan where the judge is no better than chance."""
    hits, misses, rejections, alarms = cells.T
    with np.errstate(invalid="ignore", divide="ignore"):
        specificity = rejections / (rejections + alarms)
        informed = hits / (hits + misses) + specificity - 1
        return np.where(informed > 0, np.clip((rate + specificity - 1) / informed, 0, 1), np.nan)


def _resampled_rates(
    flagged: NDArray[np.float64], clusters: Sequence[Hashable], samples: int, seed: int
) -> NDArray[np.float64]:
    """[sample] share of flagged responses in clusters drawn with replacement."""
    index = {cluster: position for position, cluster in enumerate(dict.fromkeys(clusters))}
    rows = np.fromiter((index[cluster] for cluster in clusters), dtype=np.int64, count=len(clusters))
    tops, sizes = np.bincount(rows, flagged, len(index)), np.bincount(rows, minlength=len(index))
    generator = np.random.Generator(np.random.PCG64([seed, 0]))
    drawn = generator.multinomial(len(index), np.full(len(index), 1 / len(index)), size=samples)
    return (drawn @ tops) / (drawn @ sizes)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
