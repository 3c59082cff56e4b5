"""R3: how many rows a token needs."""

from __future__ import annotations

import math
from functools import partial

from lineage.claims.claim import Claim, Measured, Row
from lineage.claims.retrieval.choice import HEADROOM, arms, check_budget, check_same, difference
from lineage.claims.retrieval.study import HITS, Queries, Study, measured, slope
from lineage.claims.statistics import above, within
from lineage.config.retrieval_study import BASE_CLUSTERS

RISING = {"clusters_1": 1, "clusters_3": 3, "contextual": BASE_CLUSTERS}
"""Arms by their rows a token, up to the paper's number."""
SAME = ("text", "decoding")
FLAT = 0.03


def trend(study: Study) -> Measured:
    """Slope of Hits@1 over log2 of the rows a token, one to five."""
    names = list(RISING)
    for name in names:
        study.trials(name)
    check_budget(study, names)
    for what in SAME:
        check_same(study, names, what)
    found = arms(study, names, HITS, of=Queries(study.config.set))
    rising = slope([math.log2(rows) for rows in RISING.values()], [found[name] for name in names])
    return measured(rising, gate=max(one.value for one in found.values()))


def _row(name: str, words: str, of: str, minus: str, *, flat: bool = False) -> Row:
    return Row(
        name=name,
        statement=words,
        statistic=f"hits@1, `{of}` - `{minus}`, test queries (equal trials and training)",
        expected=within(-FLAT, FLAT) if flat else above(0),
        measure=partial(difference, of=of, minus=minus, same=SAME),
        gate=HEADROOM,
    )


CLAIM = Claim(
    id="R3",
    text="More rows a token find more documents, and then no more.",
    source="arXiv 2210.02068: k = 5",
    null_world="one_sense",
    primary=Row(
        name="trend",
        statement="From one to five rows a token, more documents are found first.",
        statistic="slope of Hits@1 over log2(rows a token) at 1, 3 and 5, test queries (equal trials and training)",
        expected=above(0),
        measure=trend,
        gate=HEADROOM,
        paper_figure="5 rows chosen; curve not recovered",
    ),
    secondary=(
        _row("five against one", "Five rows are better than one.", "contextual", "clusters_1"),
        _row("five against three", "Five rows are better than three.", "contextual", "clusters_3"),
        _row("thirty against five", "Thirty rows are as good as five.", "clusters_30", "contextual", flat=True),
        _row(
            "all against five",
            "All states of a token are as good as five rows.",
            "clusters_all",
            "contextual",
            flat=True,
        ),
    ),
)
