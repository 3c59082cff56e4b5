"""R7: both spaces matter: writing rows against the nearest rows of the same table under a frozen body."""

from __future__ import annotations

from functools import partial

from lineage.claims.claim import Claim, Measured, Row
from lineage.claims.retrieval.choice import HEADROOM, arms
from lineage.claims.retrieval.study import HITS, Queries, Study, measured
from lineage.claims.statistics import above


def against_nearest(study: Study, *, measure: str = HITS, documents: str = "all") -> Measured:
    """The contextual arm minus the nearest rows of the table that it starts from; nothing is trained for the latter."""
    found = arms(study, ("contextual", "nearest"), measure, of=Queries(study.config.set, documents=documents))
    return measured(found["contextual"] - found["nearest"], gate=max(one.value for one in found.values()))


def _row(name: str, words: str, queries: str = "", **how: str) -> Row:
    return Row(
        name=name,
        statement=words,
        statistic=f"{how.get('measure', HITS)}, `contextual` - `nearest`, test queries{queries}",
        expected=above(0),
        measure=partial(against_nearest, **how),
        gate=HEADROOM,
    )


CLAIM = Claim(
    id="R7",
    text="The table alone does not retrieve: the body that writes its rows matters as well.",
    source="arXiv 2210.02068: parametric and nonparametric space",
    control="both read the same table; the body of the nearest rows is frozen, so it spends fewer steps by design",
    primary=_row("writing against nearest rows", "Writing rows finds more than the nearest rows."),
    secondary=(
        _row("first ten", "It finds more among the first ten.", measure="hits@10"),
        _row("unseen documents", "It does for unseen documents.", " of unseen documents", documents="unseen"),
        _row(
            "unseen documents, first ten",
            "It does among the first ten.",
            " of unseen documents",
            documents="unseen",
            measure="hits@10",
        ),
    ),
)
