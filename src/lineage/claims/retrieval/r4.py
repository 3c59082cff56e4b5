"""R4: CONTRA beats ASYNC beats BASE: which encoder makes the rows."""

from __future__ import annotations

from functools import partial

from lineage.claims.claim import Claim, Row
from lineage.claims.retrieval.choice import HEADROOM, difference
from lineage.claims.statistics import above

SAME = ("text", "decoding")


def _row(name: str, words: str, of: str, minus: str, measure: str = "hits@1", paper: str | None = None) -> Row:
    return Row(
        name=name,
        statement=words,
        statistic=f"{measure}, `{of}` - `{minus}`, test queries (steps of contrast and pretraining counted)",
        expected=above(0),
        measure=partial(difference, of=of, minus=minus, measure=measure, same=SAME),
        gate=HEADROOM,
        paper_figure=paper,
    )


_CONTRASTIVE = _row("contrastive against renewed", "CONTRA finds more than ASYNC.", "contrastive", "refreshed")
_RENEWED = _row("renewed against base", "ASYNC finds more than BASE.", "refreshed", "contextual")

CLAIM = Claim(
    id="R4",
    text="Rows of a contrastively trained encoder are best, renewed ones next, those of the pretrained encoder last.",
    source="arXiv 2210.02068, section 4",
    control="all three share rows a token, text and total steps; one row a token stands in R3",
    primary=Row(
        name="order",
        statement="CONTRA beats ASYNC, and ASYNC beats BASE, at equal total steps.",
        statistic="the weaker of the two differences of Hits@1",
        expected=above(0),
        weakest_of=(_CONTRASTIVE.name, _RENEWED.name),
        paper_figure="63.4 for CONTRA, 62.2 for another variant (NQ-320k)",
    ),
    secondary=(
        _CONTRASTIVE,
        _RENEWED,
        _row("contrastive against base", "CONTRA finds more than BASE.", "contrastive", "contextual"),
        _row(
            "contrastive against base, first ten",
            "CONTRA finds more among the first ten.",
            "contrastive",
            "contextual",
            "hits@10",
        ),
        _row(
            "renewed against base, first ten",
            "ASYNC finds more among the first ten.",
            "refreshed",
            "contextual",
            "hits@10",
        ),
    ),
)
