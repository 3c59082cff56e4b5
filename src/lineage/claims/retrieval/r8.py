"""R8: an inner product of small width cannot rank all pairs of documents, and generation escapes it."""

from __future__ import annotations

from functools import partial

from lineage.claims.claim import Claim, Gate, Measured, NotMeasured, Row
from lineage.claims.retrieval.study import Study
from lineage.claims.statistics import above

TABLE, DENSE, WRITES = "table", "bi_encoder", "generative"
NARROW = Gate(
    "recall of freely optimised vectors of the smallest width: below 1 only a narrow product is told", at_most=0.95
)
LEARNT = Gate("recall of freely optimised vectors of the largest width: what optimisation reaches", at_least=0.95)


def recall(study: Study, arm: str, *, widest: bool = False) -> float:
    """Share of the answers that an arm finds at the smallest or largest width.

    Raises:
        NotMeasured: no bottleneck, or it did not try the arm.
    """
    if study.bottleneck is None:
        raise NotMeasured("no bottleneck in this experiment")
    mine = study.bottleneck[study.bottleneck.arm == arm]
    if mine.empty:
        raise NotMeasured(f"the bottleneck did not try the arm `{arm}`")
    width = mine["dimension"].max() if widest else mine["dimension"].min()
    return float(mine.loc[mine["dimension"] == width, "recall"].iloc[0])


def at_smallest(study: Study, *, of: str, minus: str) -> Measured:
    """Recall of one arm minus that of another at the smallest width.

    Raises:
        NotMeasured: free vectors of the largest width miss pairs, so that a small figure may be failed optimisation.
    """
    reached = recall(study, TABLE, widest=True)
    if not LEARNT.passes(reached):
        raise NotMeasured(LEARNT.text, reached)
    return Measured(recall(study, of) - recall(study, minus), gate=recall(study, TABLE))


def widening(study: Study, *, arm: str) -> Measured:
    """What the largest width adds to the smallest."""
    return Measured(recall(study, arm, widest=True) - recall(study, arm), gate=recall(study, TABLE, widest=True))


def _narrow(name: str, words: str, of: str, minus: str) -> Row:
    return Row(
        name=name,
        statement=words,
        statistic=f"recall of all pairs at the smallest width, `{of}` - `{minus}`",
        expected=above(0),
        measure=partial(at_smallest, of=of, minus=minus),
        gate=NARROW,
    )


def _wide(arm: str, words: str) -> Row:
    return Row(
        name=f"width of {arm}",
        statement=words,
        statistic=f"recall of all pairs of `{arm}`, at the largest - at the smallest width",
        expected=above(0),
        measure=partial(widening, arm=arm),
        gate=LEARNT,
    )


CLAIM = Claim(
    id="R8",
    text="A narrow inner product cannot rank all pairs of documents, and generation escapes that.",
    source="arXiv 2508.21038; ours for generation",
    control="freely optimised vectors are the most that any bi-encoder of a width can do",
    primary=_narrow("generation against the bi-encoder", "At the smallest width a decoder finds more.", WRITES, DENSE),
    secondary=(
        _narrow(
            "generation against free vectors", "It finds more than any bi-encoder of that width could.", WRITES, TABLE
        ),
        _narrow("free vectors against the bi-encoder", "A trained encoder stays below free vectors.", TABLE, DENSE),
        _wide(DENSE, "The bi-encoder finds more as it gets wider."),
        _wide(TABLE, "Free vectors find more as they get wider."),
        _wide(WRITES, "The decoder finds more as it gets wider."),
    ),
)
