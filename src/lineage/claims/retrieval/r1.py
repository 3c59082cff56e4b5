"""R1: contextual rows beat the ordinary vocabulary, and it is the context that does it."""

from __future__ import annotations

from functools import partial

from lineage.claims.claim import Claim, Row
from lineage.claims.retrieval.choice import HEADROOM, difference
from lineage.claims.statistics import above

EQUAL = ("text", "decoding")
"""What both arms must share, beside steps and pairs."""


def against(
    name: str, words: str, *, of: str = "contextual", minus: str = "ordinary", paper: str | None = None, **how: object
) -> Row:
    """One arm minus another in Hits@1, or in what `how` says."""
    measure = str(how.get("measure", "hits@1"))
    documents = str(how.get("documents", "all"))
    queries = "" if documents == "all" else f" of {documents} documents"
    return Row(
        name=name,
        statement=words,
        statistic=f"{measure}, `{of}` - `{minus}`, test queries{queries} (equal trials and training)",
        expected=above(0),
        measure=partial(difference, of=of, minus=minus, **{"same": EQUAL, **how}),
        gate=HEADROOM,
        paper_figure=paper,
    )


CLAIM = Claim(
    id="R1",
    text="Contextual rows beat the ordinary vocabulary.",
    source="arXiv 2210.02068, abstract; released code",
    null_world="one_sense",
    primary=against(
        "contextual against ordinary",
        "At the same text, steps and decoding, contextual rows find more documents first.",
        paper="62.2 - 53.7 (NQ-320k, BASE or ASYNC, not stated)",
    ),
    secondary=(
        against("first ten", "They find more among the first ten.", measure="hits@10", paper="78.8 - 64.7 (NQ-320k)"),
        against(
            "r-precision",
            "Their R-precision by KILT's definition is higher.",
            measure="rprec_kilt",
            paper="+6 % (KILT)",
        ),
        against("seen documents", "They find more documents that training queries were about.", documents="seen"),
        against(
            "both read documents",
            "They do when both arms are trained on document -> title.",
            of="contextual_documents",
        ),
        against(
            "without text",
            "They do when neither arm reads documents.",
            of="without_context",
            minus="ordinary_queries",
        ),
        against(
            "contrastive against ordinary",
            "Rows of a contrastively trained encoder beat the ordinary vocabulary.",
            of="contrastive",
            paper="63.4 - 53.7 (NQ-320k)",
        ),
        against("renewed against ordinary", "Rows that training renews beat the ordinary vocabulary.", of="refreshed"),
        against(
            "context",
            "Titles read in their documents give better rows than titles alone.",
            minus="without_context",
            same=("decoding",),
        ),
        against("shuffled", "Rows dealt at random are worse: it is which row, not how many.", minus="shuffled"),
        against("random rows", "Rows with random directions are worse: it is where they lie.", minus="random_rows"),
        against("one row a token", "One row a token is worse.", minus="clusters_1"),
        against("one row against ordinary", "One row a token beats the ordinary vocabulary.", of="clusters_1"),
    ),
)
