"""R6: summing over the rows of a token, in one pass, against the paper's decoding of the same checkpoint."""

from __future__ import annotations

from functools import partial

from lineage.claims.claim import Claim, Measured, NotMeasured, Row
from lineage.claims.retrieval.choice import HEADROOM, chosen
from lineage.claims.retrieval.study import HITS, Queries, Study, measured
from lineage.claims.statistics import Expectation, above

MARGIN = 0.01


def decoded(study: Study, *, of: str, minus: str, measure: str = HITS, trained: str = "contextual") -> Measured:
    """Two decodings of the checkpoint that validation chooses for `trained`, which both arms search with in turn.

    Raises:
        NotMeasured: an arm has no trial, or not one for each checkpoint.
    """
    checkpoints = study.trials(trained)
    place = checkpoints.index(chosen(study, trained, set=study.config.set))
    arms = {name: study.trials(name) for name in (of, minus)}
    for name, trials in arms.items():
        if len(trials) != len(checkpoints):
            raise NotMeasured(f"`{name}` has not one search for each of `{trained}`", float(len(trials)))
    queries = Queries(study.config.set)
    first, second = (study.figure(trials[place], measure, of=queries) for trials in arms.values())
    return measured(first - second, gate=max(first.value, second.value))


def _row(
    name: str,
    words: str,
    minus: str,
    *,
    of: str = "contextual",
    measure: str = HITS,
    expected: Expectation | None = None,
    trained: str = "contextual",
) -> Row:
    return Row(
        name=name,
        statement=words,
        statistic=f"{measure}, `{of}` - `{minus}`, the same checkpoint, test queries",
        expected=expected or above(0),
        measure=partial(decoded, of=of, minus=minus, measure=measure, trained=trained),
        gate=HEADROOM,
    )


_NO_WORSE = Expectation(low=-MARGIN, confidence=0.9)

CLAIM = Claim(
    id="R6",
    text="Summing over the rows of a token, in one pass, finds more than the paper's decoding.",
    source="ours; decoding of the code of arXiv 2210.02068",
    null_row="one row a token",
    primary=_row("sum against paper", "The approximate marginal finds more documents first.", "paper_decoding"),
    secondary=(
        _row("no worse", "It is no worse by more than a point.", "paper_decoding", expected=_NO_WORSE),
        _row("first ten", "It finds more among the first ten.", "paper_decoding", measure="hits@10"),
        _row(
            "best row against paper",
            "The best row of each token finds more than the paper's.",
            "paper_decoding",
            of="max_decoding",
        ),
        _row("sum against best row", "The sum finds more than the best row.", "max_decoding"),
        _row("sum against own rows", "The sum finds more than a document's own rows alone.", "exact_decoding"),
        _row(
            "one row a token",
            "With one row a token, where there is nothing to sum, it finds more too.",
            "clusters_1_paper_decoding",
            of="clusters_1",
            trained="clusters_1",
        ),
    ),
)
