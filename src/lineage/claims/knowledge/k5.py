"""K5: duplicates gain more than paraphrases and are forgotten faster."""

from __future__ import annotations

from functools import partial

from lineage.analysis.names import ALL_DEPTHS, LOG_FIT, NO_FIT, PAPERS, PAPERS_FIT, POOLED, SPLIT_HALF
from lineage.claims.claim import Claim, Gate, Measured, NotMeasured, Row
from lineage.claims.knowledge.study import Study, lower_end
from lineage.claims.statistics import above, below, within

ARMS = ("duplicate", "paraphrase")
EQUAL = "K5 duplicate-paraphrase at equal stated"
PLAIN = "K5 duplicate-paraphrase"

ACQUIRED = Gate("lower end of the smaller arm's effectivity interval, all depths (nats)", above=0.0)

# (arm, depth): a, tau and R(1) of OLMo-7B at batch 2,048, early / mid / late: Tables 2 and 6, a* = 1 / log10 tau.
PAPER_TABLE = {
    ("duplicate", "memorization"): (".26 / .25 / .20", ".228 / .227 / .201"),
    ("duplicate", "semantic"): (".24 / .25 / .21", ".236 / .229 / .212"),
    ("duplicate", "compositional"): (".18 / .20 / .16", ".212 / .213 / .191"),
    ("paraphrase", "memorization"): (".20 / .21 / .18", ".212 / .211 / .184"),
    ("paraphrase", "semantic"): (".20 / .23 / .21", ".208 / .232 / .206"),
    ("paraphrase", "compositional"): (".14 / .15 / .19", ".184 / .190 / .209"),
}


def acquired(study: Study) -> float:
    """The gate's figure."""
    return min(lower_end(study.reference.effectivity(arm, encounter=POOLED)) for arm in ARMS)


def difference(
    study: Study, *, quantity: str, name: str = EQUAL, estimator: str = SPLIT_HALF, fit: str = NO_FIT, sign: int = 1
) -> Measured:
    """Duplicate minus paraphrase, over all depths; the other way round with `sign` -1."""
    found = study.reference.contrast(name, quantity, depth=ALL_DEPTHS, estimator=estimator, fit=fit)
    low, high = (found.low, found.high) if sign > 0 else (_minus(found.high), _minus(found.low))
    return Measured(sign * found.value, low, high, found.items, gate=acquired(study))


def retained_more(study: Study) -> Measured:
    """R of paraphrase minus R of duplicate at the longest fixed lag that was reached."""
    lags = study.reference.fixed_lags
    if not lags:
        raise NotMeasured(f"run {study.reference.name} reaches no fixed lag in all arms")
    return difference(study, quantity=f"r_{lags[-1]}", sign=-1)


def first_encounter(study: Study) -> Measured:
    """Both arms meet the passage first, so their first jumps must agree; as a share of the duplicates' first jump."""
    name = "check first encounter duplicate-paraphrase"
    found = study.reference.contrast(name, "effectivity_first", depth=ALL_DEPTHS)
    first = study.reference.effectivity(ARMS[0], encounter=0)
    if lower_end(first) <= 0:
        raise NotMeasured("the first encounter did not surely raise the duplicates", lower_end(first))
    low, high = (None if one is None else one / first.value for one in (found.low, found.high))
    return Measured(found.value / first.value, low, high, found.items)


def once_more(study: Study) -> Measured:
    """E of facts met once minus pooled E of facts met often."""
    return study.reference.contrast("once-duplicate", "effectivity", depth=ALL_DEPTHS)


def decay(study: Study, *, arm: str, depth: str, quantity: str, estimator: str, fit: str) -> Measured:
    """A decay constant of one arm and depth."""
    return study.reference.figure(arm, quantity, depth=depth, estimator=estimator, fit=fit)


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _table_rows(arm: str, depth: str) -> tuple[Row[Study], Row[Study]]:
    papers, ours = PAPER_TABLE[arm, depth]
    return (
        Row(
            name=f"paper a {arm} {depth}",
            statement=f"The paper's decay constant of {depth} probes in {arm} is positive.",
            statistic="a (IQR 1.5, uniform fit; per decade of steps)",
            expected=above(0),
            measure=partial(decay, arm=arm, depth=depth, quantity="a", estimator=PAPERS, fit=PAPERS_FIT),
            paper_figure=f"{papers} early / mid / late (Table 2)",
        ),
        Row(
            name=f"a* {arm} {depth}",
            statement=f"The normalised decay constant of {depth} probes in {arm} is positive.",
            statistic="a* = a / R(1) (split-half, log-uniform fit; per decade of steps)",
            expected=above(0),
            measure=partial(decay, arm=arm, depth=depth, quantity="a_star", estimator=SPLIT_HALF, fit=LOG_FIT),
            paper_figure=f"{ours} early / mid / late (from Tables 2 and 6)",
        ),
    )


CLAIM = Claim(
    id="K5",
    text="Duplicates gain more than paraphrases and are forgotten faster.",
    source="arXiv 2406.11813, sections 4.2 and 4.3, Figures 3 and 4, Table 2",
    null_world="same_text",
    primary=Row(
        name="forgets faster",
        statement="At equal occurrences of the target, duplicates decay faster and retain less.",
        statistic="the weaker of a* (duplicate - paraphrase) and R at a fixed lag (paraphrase - duplicate)",
        expected=above(0),
        weakest_of=("a* at equal occurrences", "retained at equal occurrences"),
        paper_figure="a* -1 .. 13 % higher; raw a .04 / .02 / .05 higher (mid: mem / sem / comp, Table 2)",
    ),
    secondary=(
        Row(
            name="a* at equal occurrences",
            statement="At equal occurrences of the target, duplicates decay faster.",
            statistic="a* (split-half, log-uniform fit), duplicate - paraphrase, all depths (per decade)",
            expected=above(0),
            measure=partial(difference, quantity="a_star", fit=LOG_FIT),
            gate=ACQUIRED,
        ),
        Row(
            name="retained at equal occurrences",
            statement="At equal occurrences of the target, paraphrases retain more.",
            statistic="split-half R at the longest fixed lag, paraphrase - duplicate, all depths",
            expected=above(0),
            measure=retained_more,
            gate=ACQUIRED,
        ),
        Row(
            name="gains more at equal occurrences",
            statement="At equal occurrences of the target, an exposure to a duplicate raises the probes more.",
            statistic="split-half effectivity, duplicate - paraphrase, all depths (nats per target token)",
            expected=above(0),
            measure=partial(difference, quantity="effectivity"),
            gate=ACQUIRED,
        ),
        Row(
            name="gains more",
            statement="An exposure to a duplicate raises the probes more (wording and dose together).",
            statistic="split-half effectivity, duplicate - paraphrase, all depths (nats per target token)",
            expected=above(0),
            measure=partial(difference, quantity="effectivity", name=PLAIN),
            gate=ACQUIRED,
            paper_figure="> 0 at all depths (Figure 3)",
        ),
        Row(
            name="half-life",
            statement="Duplicates lose half of their gain sooner.",
            statistic="half-life, duplicate - paraphrase, split-half, at equal occurrences (steps)",
            expected=below(0),
            measure=partial(difference, quantity="half_life_steps"),
            gate=ACQUIRED,
        ),
        Row(
            name="paper gains more",
            statement="By the paper's effectivity, duplicates gain more.",
            statistic="paper's effectivity (IQR 1.5), duplicate - paraphrase, all depths (nats per target token)",
            expected=above(0),
            measure=partial(difference, quantity="effectivity", name=PLAIN, estimator=PAPERS),
            paper_figure="> 0 at all depths (Figure 3)",
        ),
        Row(
            name="paper forgets faster",
            statement="By the paper's decay constant, duplicates are forgotten faster.",
            statistic="a (IQR 1.5, uniform fit), duplicate - paraphrase, all depths (per decade)",
            expected=above(0),
            measure=partial(difference, quantity="a", name=PLAIN, estimator=PAPERS, fit=PAPERS_FIT),
            paper_figure=".04 / .02 / .05 memorization / semantic / compositional, mid (Table 2)",
        ),
        Row(
            name="first encounters agree",
            statement="At the first encounter, where both arms meet the passage, they gain the same.",
            statistic="split-half effectivity of the first encounter, (duplicate - paraphrase) / duplicate",
            expected=within(-0.15, 0.15),
            measure=first_encounter,
        ),
        Row(
            name="once gains most",
            statement="Facts met once gain more at that exposure than often-met facts do on average.",
            statistic="split-half effectivity, once - duplicate, all depths (nats per target token)",
            expected=above(0),
            measure=once_more,
            paper_figure="> 0: the first encounter is the largest (Figure 3)",
        ),
        *(row for arm, depth in PAPER_TABLE for row in _table_rows(arm, depth)),
    ),
)
