"""K1: each exposure raises the probes at once, then the gain decays."""

from __future__ import annotations

from functools import partial

from lineage.analysis.names import ALL_DEPTHS, LOG_FIT, PAPERS, PAPERS_FIT, PLACEBO_SUBTRACTED, SPLIT_HALF
from lineage.claims.claim import Claim, Gate, Measured, NotMeasured, Row
from lineage.claims.knowledge.study import Run, Study
from lineage.claims.statistics import above, below
from lineage.data.facts import DEPTHS

TWIN_TOLERANCE = 1e-4
"""Nats per target token; on a CPU the twin is exact."""

TWIN = Gate("largest difference from the twin before the first injection (nats)", at_most=TWIN_TOLERANCE)


def twin_exact(run: Run) -> float:
    """The gate's figure.

    Raises:
        NotMeasured: the run has no twin.
    """
    figure = run.metrics["twin_exact"]
    if figure is None:
        raise NotMeasured(f"run {run.name} has no twin")
    return float(figure)


def effectivity(study: Study, *, depth: str, estimator: str) -> Measured:
    """E over all arms but the placebo, weighted by facts; in a world without injection at the planned steps."""
    run = study.reference
    found = run.contrast("K1 effectivity", "effectivity", depth=depth, estimator=estimator)
    return Measured(found.value, found.low, found.high, found.items, gate=twin_exact(run))


def decay(study: Study, *, depth: str, estimator: str, fit: str) -> Measured:
    """Decay constant over all injected arms."""
    return study.reference.contrast("K1 decay", "a", depth=depth, estimator=estimator, fit=fit)


def share_failed(study: Study) -> Measured:
    """Share of single jumps that are none, mean over arms."""
    run = study.reference
    shares = [share for arm in run.arms if (share := run.metrics["share_failed"][arm][ALL_DEPTHS]) is not None]
    if not shares:
        raise NotMeasured(f"run {run.name} has no arm but the placebo")
    return Measured(sum(shares) / len(shares))


CLAIM = Claim(
    id="K1",
    text="Each exposure raises the probes of a fact at once; then the gain decays.",
    source="arXiv 2406.11813, section 4.2 and Figure 2",
    null_world="no_injection",
    primary=Row(
        name="effectivity",
        statement="Each exposure raises the probes.",
        statistic="split-half effectivity over twin and never-injected facts, all depths (nats per target token)",
        expected=above(0),
        measure=partial(effectivity, depth=ALL_DEPTHS, estimator=SPLIT_HALF),
        gate=TWIN,
        paper_figure="raw effectivity > 0 at every injection (Figures 3, 27-29; heights not published)",
    ),
    secondary=(
        *(
            Row(
                name=f"effectivity {depth}",
                statement=f"Each exposure raises the {depth} probes.",
                statistic="split-half effectivity (nats per target token)",
                expected=above(0),
                measure=partial(effectivity, depth=depth, estimator=SPLIT_HALF),
                gate=TWIN,
            )
            for depth in DEPTHS
        ),
        Row(
            name="decay",
            statement="The gain decays.",
            statistic="decay constant a over all injected arms, split-half, log-uniform fit (per decade of steps)",
            expected=above(0),
            measure=partial(decay, depth=ALL_DEPTHS, estimator=SPLIT_HALF, fit=LOG_FIT),
            paper_figure=".14 - .26 (Table 2)",
        ),
        Row(
            name="placebo subtracted",
            statement="The paper's effectivity is larger than the same figure of facts that are never injected.",
            statistic="paper's effectivity (IQR 1.5) minus placebo, all depths (nats per target token)",
            expected=above(0),
            measure=partial(effectivity, depth=ALL_DEPTHS, estimator=PLACEBO_SUBTRACTED),
            gate=TWIN,
        ),
        Row(
            name="paper effectivity",
            statement="The paper's effectivity is positive (it is so without any learning: the maximum of noise is).",
            statistic="paper's effectivity (IQR 1.5), all depths (nats per target token)",
            expected=above(0),
            measure=partial(effectivity, depth=ALL_DEPTHS, estimator=PAPERS),
            paper_figure="> 0",
        ),
        Row(
            name="paper decay",
            statement="The paper's decay constant is positive.",
            statistic="decay constant a over all injected arms, IQR 1.5, uniform fit (per decade of steps)",
            expected=above(0),
            measure=partial(decay, depth=ALL_DEPTHS, estimator=PAPERS, fit=PAPERS_FIT),
            paper_figure=".14 - .26 (Table 2)",
        ),
        Row(
            name="share failed",
            statement="Few single jumps fail (noise alone leaves 2-6 % of them: no evidence by itself).",
            statistic="share of jumps at or below 0, all depths, mean over arms",
            expected=below(0.5),
            measure=share_failed,
        ),
    ),
)
