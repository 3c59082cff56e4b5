"""R2: where contextual generative retrieval stands beside a bi-encoder and BM25."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from lineage.claims.claim import Claim, Measured, NotMeasured, Row
from lineage.claims.retrieval.choice import HEADROOM, arms, check_budget, difference
from lineage.claims.retrieval.study import HITS, Queries, Study, measured
from lineage.claims.statistics import above, below
from lineage.evaluation.paired import Resampled, mean

WRITES, RIVALS = "contextual", ("bi_encoder", "bm25")
FIRST = 1.5
"""Below it, the mean rank is nearer to the first place than to the second."""


def rank(figures: Mapping[str, Resampled]) -> Resampled:
    """Place of the contextual arm among all, 1 the best, in the sample and in each resample; equals share a place."""
    mine = figures[WRITES]
    place = mine * 0.0 + 1.0
    for name in RIVALS:
        place = place + _behind(figures[name] - mine)
    return place


def _behind(lead: Resampled) -> Resampled:
    """1 where the rival leads, 1/2 where both are equal, else 0; a lead of rounding errors is none."""

    def behind(value: np.ndarray | float) -> np.ndarray:
        return 0.5 + 0.5 * np.sign(np.where(np.abs(value) < 1e-12, 0.0, value))

    return Resampled(float(behind(lead.value)), behind(lead.rows), lead.groups, lead.items)


def mean_rank(study: Study) -> Measured:
    """Mean of the ranks over all sets with the three arms whose best stands between floor and ceiling.

    Raises:
        NotMeasured: no such set, or arms were trained differently.
    """
    ranks, out = [], 0.0
    named = [
        name for name, roles in study.config.roles.items() if all(roles.arms.get(one) for one in (WRITES, *RIVALS))
    ]
    if not named:
        raise NotMeasured(f"no set has retrievers for all of `{WRITES}`, {' and '.join(f'`{one}`' for one in RIVALS)}")
    for name in named:
        check_budget(study, [WRITES, "bi_encoder"], set=name)
        figures = arms(study, (WRITES, *RIVALS), of=Queries(name))
        best = max(one.value for one in figures.values())
        if HEADROOM.passes(best):
            ranks.append(rank(figures))
        else:
            out = best
    if not ranks:
        raise NotMeasured(f"gate: {HEADROOM.text}, on every set", out)
    return measured(mean(ranks))


def against_bm25(study: Study, *, measure: str = HITS, documents: str = "all") -> Measured:
    """The contextual arm minus BM25, which trains nothing."""
    found = arms(study, (WRITES, "bm25"), measure, of=Queries(study.config.set, documents=documents))
    return measured(found[WRITES] - found["bm25"], gate=max(one.value for one in found.values()))


_DENSE = partial(difference, of=WRITES, minus="bi_encoder", same=())

CLAIM = Claim(
    id="R2",
    text="Contextual generative retrieval finds more than a bi-encoder and BM25.",
    source="arXiv 2210.02068; figures of arXiv 2304.04171, table 2",
    control="BM25 reads every text and trains nothing: what a set asks for without learning",
    primary=Row(
        name="rank",
        statement="It is first among the three at Hits@1 over all sets that ran.",
        statistic="mean over sets of its rank by Hits@1 among contextual, bi-encoder and BM25 (1 is the best)",
        expected=below(FIRST),
        measure=mean_rank,
        paper_figure="1 (NQ-320k: 63.4; GTR-base 56.0, BM25 29.7)",
    ),
    secondary=(
        Row(
            name="against the bi-encoder",
            statement="It finds more documents first than a bi-encoder.",
            statistic="hits@1, `contextual` - `bi_encoder`, test queries (equal trials and training)",
            expected=above(0),
            measure=_DENSE,
            gate=HEADROOM,
            paper_figure="63.4 - 56.0 (GTR-base, NQ-320k)",
        ),
        Row(
            name="against the bi-encoder, first ten",
            statement="It finds more among the first ten.",
            statistic="hits@10, `contextual` - `bi_encoder`, test queries (equal trials and training)",
            expected=above(0),
            measure=partial(_DENSE, measure="hits@10"),
            gate=HEADROOM,
            paper_figure="81.1 - 84.4 (GTR-base, NQ-320k)",
        ),
        Row(
            name="against the bi-encoder, seen",
            statement="It finds more of the documents that training queries were about.",
            statistic="hits@1, `contextual` - `bi_encoder`, test queries of seen documents",
            expected=above(0),
            measure=partial(_DENSE, documents="seen"),
            gate=HEADROOM,
        ),
        Row(
            name="against bm25",
            statement="It finds more documents first than BM25.",
            statistic="hits@1, `contextual` - `bm25`, test queries",
            expected=above(0),
            measure=against_bm25,
            gate=HEADROOM,
            paper_figure="63.4 - 29.7 (NQ-320k)",
        ),
        Row(
            name="against bm25, seen",
            statement="It finds more of the documents that training queries were about.",
            statistic="hits@1, `contextual` - `bm25`, test queries of seen documents",
            expected=above(0),
            measure=partial(against_bm25, documents="seen"),
            gate=HEADROOM,
        ),
    ),
)
