"""K2: memorization gains at least as much as semantic probes, and these at least as much as compositional ones."""

from __future__ import annotations

from functools import partial

from lineage.analysis.names import ALL_DEPTHS, LOG_FIT, NO_FIT, PAPERS, PAPERS_FIT, SPLIT_HALF
from lineage.claims.claim import Claim, Gate, Measured, Row
from lineage.claims.knowledge.study import Study, lower_end
from lineage.claims.statistics import above

ACQUIRED = Gate("lower end of the effectivity's interval, all depths (nats)", above=0.0)
"""Differences of nothing say nothing."""

PAIRS = ("memorization-semantic", "semantic-compositional")


def acquired(study: Study) -> float:
    """The gate's figure: how surely the reference run acquired anything.

    Raises:
        NotMeasured: it has no effectivity.
    """
    return lower_end(study.reference.contrast("K1 effectivity", "effectivity", depth=ALL_DEPTHS))


def difference(
    study: Study,
    *,
    pair: str,
    quantity: str = "effectivity",
    estimator: str = SPLIT_HALF,
    fit: str = NO_FIT,
    arm: str = "",
) -> Measured:
    """First depth minus second, over all injected arms or one."""
    name = f"K2 {pair} {arm}".rstrip()
    found = study.reference.contrast(name, quantity, depth=pair, estimator=estimator, fit=fit)
    return Measured(found.value, found.low, found.high, found.items, gate=acquired(study))


def _pair_row(pair: str) -> Row[Study]:
    first, second = pair.split("-")
    return Row(
        name=pair,
        statement=f"An exposure raises {first} probes more than {second} ones.",
        statistic="difference of split-half effectivity over all injected arms (nats per target token)",
        expected=above(0),
        measure=partial(difference, pair=pair),
        gate=ACQUIRED,
        paper_figure="> 0 (Figure 3; heights not published)",
    )


def _paper_row(pair: str) -> Row[Study]:
    first, second = pair.split("-")
    return Row(
        name=f"paper {pair}",
        statement=f"By the paper's effectivity, an exposure raises {first} probes more than {second} ones.",
        statistic="difference of the paper's effectivity (IQR 1.5) over all injected arms (nats per target token)",
        expected=above(0),
        measure=partial(difference, pair=pair, estimator=PAPERS),
        gate=ACQUIRED,
        paper_figure="> 0 (Figure 3)",
    )


CLAIM = Claim(
    id="K2",
    text="An exposure raises memorization probes most, then semantic, then compositional ones.",
    source="arXiv 2406.11813, section 4.2 and Figure 3",
    null_world="permuted_cues",
    primary=Row(
        name="adjacent depths",
        statement="Both differences between adjacent depths are positive.",
        statistic="the weaker difference of split-half effectivity, adjacent depths (nats per target token)",
        expected=above(0),
        weakest_of=PAIRS,
        paper_figure="> 0",
    ),
    secondary=(
        *(_pair_row(pair) for pair in PAIRS),
        Row(
            name="gap of duplicates over paraphrases",
            statement="Paraphrases narrow the gap between memorization and semantic probes.",
            statistic="memorization - semantic in duplicate minus the same in paraphrase, split-half (nats)",
            expected=above(0),
            measure=partial(difference, pair="memorization-semantic", arm="duplicate-paraphrase"),
            gate=ACQUIRED,
            paper_figure="> 0: the gap nearly closes under paraphrase",
        ),
        *(_paper_row(pair) for pair in PAIRS),
        Row(
            name="paper composition decays slower",
            statement="By the paper's decay constant, memorization is forgotten faster than composition.",
            statistic="a (IQR 1.5, uniform fit), memorization - compositional, duplicate (per decade)",
            expected=above(0),
            measure=partial(
                difference,
                pair="memorization-compositional",
                quantity="a",
                estimator=PAPERS,
                fit=PAPERS_FIT,
                arm="duplicate",
            ),
            gate=ACQUIRED,
            paper_figure=".08 / .05 / .04 early / mid / late (Table 2)",
        ),
        Row(
            name="composition decays slower",
            statement="With attenuation by noise divided out, memorization is still forgotten faster.",
            statistic="a* (split-half, log-uniform fit), memorization - compositional, duplicate (per decade)",
            expected=above(0),
            measure=partial(
                difference, pair="memorization-compositional", quantity="a_star", fit=LOG_FIT, arm="duplicate"
            ),
            gate=ACQUIRED,
            paper_figure=".016 / .014 / .010 (from Tables 2 and 6)",
        ),
    ),
)
