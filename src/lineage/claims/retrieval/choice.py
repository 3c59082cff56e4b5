"""Which trial stands for an arm, and what must be equal before two arms are compared.

A trial is chosen by Hits@1 on validation queries, the earlier one of equals. Of an arm with more trials than its rival
the figure is the mean over all choices of so many (`evaluation.pareto.chosen_share`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lineage.claims.claim import Gate, Measured, NotMeasured
from lineage.claims.retrieval.study import HITS, VALIDATION, Queries, Study, measured
from lineage.evaluation.paired import Resampled
from lineage.evaluation.pareto import chosen_share

EQUAL_BUDGET = 0.98
"""Least ratio of the fewest to the most steps (and pairs) of training behind arms that are compared."""
FIXED = frozenset({"bm25", "nearest"})
"""Arms that take no steps of their own: there is nothing to try, so their one figure takes no trial from a rival."""
HEADROOM = Gate("the better arm's figure: at floor or ceiling nobody tells arms apart", at_least=0.05, at_most=0.95)
Check = Callable[[Study, list[str]], None]


def validation_shares(study: Study, trials: Sequence[str], *, num_trials: int, set: str) -> list[float]:
    """How often each trial is chosen among `num_trials` of them; an only one needs no validation queries."""
    if len(trials) == 1:
        return [1.0]
    values = [study.figure(one, HITS, of=Queries(set, VALIDATION)).value for one in trials]
    return chosen_share(values, num_trials).tolist()


def arm_figure(study: Study, arm: str, measure: str = HITS, *, of: Queries, num_trials: int) -> Resampled:
    """What an arm reaches on these queries when so many of its trials are tried and validation chooses."""
    trials = study.trials(arm, set=of.set)
    shares = validation_shares(study, trials, num_trials=num_trials, set=of.set)
    chosen = [(one, share) for one, share in zip(trials, shares, strict=True) if share > 0]
    first, *others = [study.figure(one, measure, of=of) * share for one, share in chosen]
    return sum(others, start=first)


def arms(study: Study, names: Sequence[str], measure: str = HITS, *, of: Queries) -> dict[str, Resampled]:
    """Figures of several arms with as many trials each as the trained one with fewest has.

    Raises:
        NotMeasured: an arm has no trial.
    """
    counts = {name: len(study.trials(name, set=of.set)) for name in names}
    fewest = min((count for name, count in counts.items() if name not in FIXED), default=1)
    return {
        name: arm_figure(study, name, measure, of=of, num_trials=min(count, fewest)) for name, count in counts.items()
    }


def chosen(study: Study, arm: str, *, set: str) -> str:
    """The trial that validation chooses among all of an arm."""
    trials = study.trials(arm, set=set)
    shares = validation_shares(study, trials, num_trials=len(trials), set=set)
    return trials[shares.index(max(shares))]


def check_budget(study: Study, names: Sequence[str], *, set: str | None = None) -> None:
    """What was spent on an arm is what its longest trial took: earlier checkpoints lie on the way.

    Raises:
        NotMeasured: arms differ in steps or pairs of training, every pre-stage counted.
    """
    for what in ("steps", "pairs"):
        spent = {}
        for name in names:
            known = [study.config.training[one] for one in study.trials(name, set=set) if one in study.config.training]
            if not known:
                raise NotMeasured(f"the plan does not know what the training of `{name}` took")
            spent[name] = max(getattr(one, what) for one in known)
        if min(spent.values()) < EQUAL_BUDGET * max(spent.values()):
            told = " and ".join(f"`{name}`" for name in spent)
            ratio = min(spent.values()) / max(spent.values())
            raise NotMeasured(f"{told} differ in their {what} of training, pre-stages included (fewest / most)", ratio)


def check_same(study: Study, names: Sequence[str], what: str) -> None:
    """
    Raises:
        NotMeasured: arms differ in the text that they read, or in how they decode.
    """
    found = {getattr(study.config.training[one], what) for name in names for one in study.trials(name)}
    if len(found) > 1:
        said = {"text": "in the text that they read", "decoding": "in how they decode"}[what]
        raise NotMeasured(f"{' and '.join(f'`{name}`' for name in names)} differ {said}", 0.0)


def difference(
    study: Study,
    *,
    of: str,
    minus: str,
    measure: str = HITS,
    documents: str = "all",
    same: Sequence[str] = ("decoding",),
) -> Measured:
    """A measure of one trained arm minus that of another on the same test queries; the gate is the better one's figure.

    `same` are fields of `Training` in which both must agree.

    Raises:
        NotMeasured: an arm has no trial, or they differ in training or in `same`.
    """
    names = [of, minus]
    for name in names:
        study.trials(name)
    check_budget(study, names)
    for what in same:
        check_same(study, names, what)
    found = arms(study, names, measure, of=Queries(study.config.set, documents=documents))
    better = max(one.value for one in found.values())
    return measured(found[of] - found[minus], gate=better)
