"""R5: documents that no training query was about."""

from __future__ import annotations

from functools import partial

from lineage.claims.claim import Claim, Measured, Row
from lineage.claims.retrieval.choice import HEADROOM, arms, check_budget, check_same, difference
from lineage.claims.retrieval.study import HITS, Queries, Study, measured
from lineage.claims.statistics import above
from lineage.evaluation.paired import Resampled

SAME = ("text", "decoding")


def gaps(study: Study, names: list[str]) -> tuple[dict[str, Resampled], float]:
    """Hits@1 on queries of seen documents minus that of unseen ones, by arm; and the best figure on unseen ones."""
    seen, unseen = (arms(study, names, HITS, of=Queries(study.config.set, documents=one)) for one in ("seen", "unseen"))
    return {name: seen[name] - unseen[name] for name in names}, max(one.value for one in unseen.values())


def gap(study: Study, *, arm: str) -> Measured:
    """How much less of unseen documents an arm finds."""
    found, _ = gaps(study, [arm])
    seen = arms(study, [arm], HITS, of=Queries(study.config.set, documents="seen"))[arm]
    return measured(found[arm], gate=seen.value)


def smaller_gap(study: Study, *, of: str, than: str) -> Measured:
    """How much smaller the gap of one arm is than that of another; the gate is what the better finds of the unseen."""
    for name in (of, than):
        study.trials(name)
    check_budget(study, [of, than])
    for what in SAME:
        check_same(study, [of, than], what)
    found, best = gaps(study, [of, than])
    return measured(found[than] - found[of], gate=best)


def _unseen(name: str, words: str, measure: str = HITS, of: str = "contextual") -> Row:
    return Row(
        name=name,
        statement=words,
        statistic=f"{measure}, `{of}` - `ordinary`, test queries of unseen documents (equal trials and training)",
        expected=above(0),
        measure=partial(difference, of=of, minus="ordinary", measure=measure, documents="unseen", same=SAME),
        gate=HEADROOM,
    )


def _gap(arm: str) -> Row:
    return Row(
        name=f"gap of {arm}",
        statement=f"The arm `{arm}` finds less of documents that no training query was about.",
        statistic=f"hits@1 of `{arm}`, queries of seen - of unseen documents",
        expected=above(0),
        measure=partial(gap, arm=arm),
        gate=HEADROOM,
        paper_figure="69.5 - 6.0 (GENRE, NQ-320k)" if arm == "ordinary" else None,
    )


def _smaller(name: str, words: str, of: str, than: str) -> Row:
    return Row(
        name=name,
        statement=words,
        statistic=f"gap (hits@1 seen - unseen) of `{than}` - gap of `{of}`",
        expected=above(0),
        measure=partial(smaller_gap, of=of, than=than),
        gate=HEADROOM,
    )


CLAIM = Claim(
    id="R5",
    text="Contextual rows find documents that no training query was about.",
    source="arXiv 2210.02068, abstract (zero-shot); gaps of arXiv 2304.04171, table 2",
    null_row="one row a token",
    primary=_unseen("unseen documents", "Of unseen documents contextual rows find more than the ordinary vocabulary."),
    secondary=(
        _unseen("unseen documents, first ten", "They find more of them among the first ten.", "hits@10"),
        _unseen(
            "one row a token", "One row a token, without any sense of its own, finds more of them too.", of="clusters_1"
        ),
        _gap("contextual"),
        _gap("ordinary"),
        _smaller("smaller gap", "The gap of contextual rows is smaller.", "contextual", "ordinary"),
        _smaller("frozen rows", "Rows that training leaves as they are have a smaller gap.", "frozen", "contextual"),
    ),
)
