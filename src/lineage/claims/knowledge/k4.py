"""K4: what is left of a gain falls linearly in the logarithm of time."""

from __future__ import annotations

from functools import partial

from lineage.analysis.names import ALL_DEPTHS, PAPERS, PAPERS_FIT, SPLIT_HALF
from lineage.claims.claim import Claim, Gate, Measured, NotMeasured, Row
from lineage.claims.knowledge.study import Run, Study
from lineage.claims.statistics import above, below

OUR_LAW = "log_linear"
RIVALS = ("power", "shifted_power", "exponential")

SURE = 0.8
"""Share of simulated curves of which the law must be told; fixed before anything was measured."""

IDENTIFIED = Gate("share of simulated curves, at the measured noise, whose true law is found", at_least=SURE)
SHOWN = Gate(IDENTIFIED.text)
"""The same figure beside a row that it does not hold back."""

PREFERRED_ARMS = ("once", "duplicate")
"""Facts met once show the kernel itself; several encounters add up to a curve that bends."""


def arm_of(run: Run) -> str:
    """The arm whose forgetting is fitted.

    Raises:
        NotMeasured: the run has neither.
    """
    found = [arm for arm in PREFERRED_ARMS if arm in run.arms]
    if not found:
        raise NotMeasured(f"run {run.name} has no arm {' or '.join(PREFERRED_ARMS)}")
    return found[0]


def identified(run: Run, arm: str) -> float:
    """The gate's figure.

    Raises:
        NotMeasured: nothing was simulated for the arm.
    """
    figure = run.metrics["identification"].get(arm, {}).get(ALL_DEPTHS)
    if figure is None:
        raise NotMeasured(f"laws were not simulated for {arm} in run {run.name}")
    return float(figure)


def against(study: Study, *, rival: str) -> Measured:
    """Held-out error of the log-linear law minus that of a rival."""
    run = study.reference
    arm = arm_of(run)
    gate = identified(run, arm)
    found = run.contrast(f"K4 {OUR_LAW}-{rival} {arm}", "held_out_rmse", depth=ALL_DEPTHS)
    return Measured(found.value, found.low, found.high, found.items, gate=gate)


def falsely_chosen(study: Study) -> Measured:
    """Largest share of simulated curves of a rival law for which the log-linear one predicts best.

    The gate holds it below a fifth wherever the claim is tested, so that it is no null of its own: it says of a claim
    that is not testable whether the curves of other laws are what it fails by.
    """
    run = study.reference
    arm = arm_of(run)
    simulated = run.select("identification", arm=arm, depth=ALL_DEPTHS, chosen=OUR_LAW).to_pylist()
    shares = [float(row["share"]) for row in simulated if row["truth"] != OUR_LAW]
    if not shares:
        raise NotMeasured(f"laws were not simulated for {arm} in run {run.name}")
    return Measured(max(shares), gate=identified(run, arm))


def r_squared(study: Study, *, arm: str, depth: str) -> Measured:
    """R^2 of the paper's fit."""
    return study.reference.figure(arm, "r_squared", depth=depth, estimator=PAPERS, fit=PAPERS_FIT)


def _rival_row(rival: str) -> Row[Study]:
    return Row(
        name=f"log-linear against {rival.replace('_', ' ')}",
        statement=f"Fitted on the first two thirds, the log-linear law predicts the last third better than {rival}.",
        statistic=f"held-out RMSE of R, log-linear minus {rival}, {SPLIT_HALF.replace('_', '-')} curve",
        expected=below(0),
        measure=partial(against, rival=rival),
        gate=IDENTIFIED,
    )


def _r_squared_row(depth: str, at_least: float) -> Row[Study]:
    return Row(
        name=f"paper fit {depth}",
        statement=f"The paper's fit explains the duplicate arm's {depth} curve as well as in the paper.",
        statistic="R^2 of R (IQR 1.5) on log10 of steps, uniform fit (of an autocorrelated curve: no evidence)",
        expected=above(at_least),
        measure=partial(r_squared, arm="duplicate", depth=depth),
        paper_figure=f"> {at_least:g}",
    )


CLAIM = Claim(
    id="K4",
    text="What is left of a gain falls linearly in the logarithm of time.",
    source="arXiv 2406.11813, section 4.3, Equation 4 and Figure 4",
    control="its gate is the control: curves simulated by four laws at the measured noise",
    primary=Row(
        name="log-linear against every rival",
        statement="The log-linear law predicts the last third of the curve better than each other law.",
        statistic="held-out RMSE of R, log-linear minus the best rival",
        expected=below(0),
        weakest_of=tuple(_rival_row(rival).name for rival in RIVALS),
        paper_figure="R^2 > .80 (memorization, semantic), > .65 (compositional); no rival fitted",
    ),
    secondary=(
        *(_rival_row(rival) for rival in RIVALS),
        Row(
            name="another law is true",
            statement="On curves simulated by another law the log-linear one is seldom chosen.",
            statistic="largest share of simulated curves of a rival law for which log-linear predicts best",
            expected=below(1 - SURE),
            measure=falsely_chosen,
            gate=SHOWN,
        ),
        _r_squared_row("memorization", 0.8),
        _r_squared_row("semantic", 0.8),
        _r_squared_row("compositional", 0.65),
    ),
)
