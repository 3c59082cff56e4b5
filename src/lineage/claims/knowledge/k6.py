"""K6: larger batches forget more slowly."""

from __future__ import annotations

from functools import partial

import numpy as np

from lineage.claims.claim import Claim, Gate, Measured, NotMeasured, Row
from lineage.claims.knowledge.study import ALL_DEPTHS, LOG_FIT, Floats, Run, Study, from_draws
from lineage.claims.statistics import above, below

BATCH_SIZES = 3
BURN_IN = 3.0
"""Times 1 / (1 - beta2): AdamW's second moment must have forgotten the batch that it came from."""

SPAN = Gate("span of the lags that all runs reach, longest over shortest, in tokens", at_least=3.0)


def kept_per_doubling(study: Study, *, mode: str) -> Measured:
    """Change of R(t2) / R(t1), lags equal in tokens, with each doubling of the batch."""
    runs = _runs(study, mode)
    first = max(run.fixed_lags[0] * run.batch_tokens for run in runs)
    last = min(run.fixed_lags[-1] * run.batch_tokens for run in runs)
    if last <= first:
        raise NotMeasured(SPAN.text, last / first)
    values = np.stack([_retained(run, last, _values(run)) / _retained(run, first, _values(run)) for run in runs])
    draws = np.stack([_share(_retained(run, last, _draws(run)), _retained(run, first, _draws(run))) for run in runs])
    slope, slopes = _slope(runs, values)[0], _slope(runs, draws)
    return from_draws(float(slope), slopes, _facts(runs), gate=last / first)


def decay_per_doubling(study: Study, *, mode: str) -> Measured:
    """Change of a* with each doubling of the batch, lags in steps."""
    runs = _runs(study, mode)
    values = np.stack([[_mean_a_star(run)] for run in runs])
    draws = np.stack([run.pooled_draws("a_star", fit=LOG_FIT) for run in runs])
    return from_draws(float(_slope(runs, values)[0]), _slope(runs, draws), _facts(runs))


def _runs(study: Study, mode: str) -> list[Run]:
    """
    Raises:
        NotMeasured: too few batch sizes, another placement than the mode's, injection before the burn-in is over.
    """
    runs = study.series(getattr(study.comparisons.batches, mode), at_least=BATCH_SIZES)
    sizes = [run.batch_tokens for run in runs]
    if sizes != sorted(set(sizes)):
        raise NotMeasured(f"batches do not rise: {', '.join(map(str, sizes))} tokens", float(len(set(sizes))))
    for run in runs:
        placement = run.plan["placement"]["mode"]
        if placement != mode:
            raise NotMeasured(f"run {run.name} places its injections by {placement}, not {mode}")
        burn_in = BURN_IN / (1 - run.plan["optimization"]["betas"][1])
        if run.first_encounter_step < round(burn_in):
            raise NotMeasured(
                f"run {run.name} injects before {burn_in:.0f} steps of burn-in", float(run.first_encounter_step)
            )
        if len(run.fixed_lags) < 2:
            raise NotMeasured(f"run {run.name} reaches fewer than two fixed lags", float(len(run.fixed_lags)))
    return runs


def _retained(run: Run, lag_tokens: float, retained: Floats) -> Floats:
    """[draw] R at a lag in tokens, linear in the logarithm of the lag between [lag, draw] at fixed lags."""
    known = np.log10([lag * run.batch_tokens for lag in run.fixed_lags])
    return np.stack([np.interp(np.log10(lag_tokens), known, column) for column in retained.T])


def _values(run: Run) -> Floats:
    values = [run.contrast("K1 decay", f"r_{lag}", depth=ALL_DEPTHS).value for lag in run.fixed_lags]
    return np.asarray(values)[:, None]


def _draws(run: Run) -> Floats:
    return np.stack([run.pooled_draws(f"r_{lag}") for lag in run.fixed_lags])


def _mean_a_star(run: Run) -> float:
    weights = [run.num_facts(arm) for arm in run.arms]
    return float(np.average([run.figure(arm, "a_star", fit=LOG_FIT).value for arm in run.arms], weights=weights))


def _share(part: Floats, whole: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def _slope(runs: list[Run], values: Floats) -> Floats:
    """[draw] least-squares slope of [run, draw] on the batch's logarithm to base 2."""
    x = np.log2([run.batch_tokens for run in runs])
    centred = x - x.mean()
    return centred @ values / (centred @ centred)


def _facts(runs: list[Run]) -> int:
    return min(sum(run.num_facts(arm) for arm in run.arms) for run in runs)


def _kept_row(mode: str, words: str) -> Row[Study]:
    return Row(
        name=f"kept, {words}",
        statement=f"With {words}, larger batches keep more of a gain over the same tokens.",
        statistic="change of R(t2) / R(t1) per doubling of the batch, lags equal in tokens, split-half",
        expected=above(0),
        measure=partial(kept_per_doubling, mode=mode),
        gate=SPAN,
        paper_figure="tau 31 - 398 times longer in tokens at 2,048 than at 128, five things changed at once (Table 11)",
    )


CLAIM = Claim(
    id="K6",
    text="Larger batches forget more slowly.",
    source="arXiv 2406.11813, section 4.3, Figure 5, appendix G",
    primary=_kept_row("fixed_dose", "a fixed dose"),
    secondary=(
        _kept_row("fixed_share", "a fixed share of tokens"),
        _kept_row("fixed_rows", "fixed rows"),
        Row(
            name="a*, a fixed dose",
            statement="With a fixed dose, larger batches have a smaller decay constant.",
            statistic="change of a* (split-half, log-uniform fit) per doubling of the batch",
            expected=below(0),
            measure=partial(decay_per_doubling, mode="fixed_dose"),
        ),
        Row(
            name="a*, fixed rows",
            statement="With fixed rows, larger batches have a smaller decay constant.",
            statistic="change of a* (split-half, log-uniform fit) per doubling of the batch",
            expected=below(0),
            measure=partial(decay_per_doubling, mode="fixed_rows"),
            paper_figure="a* .24 - .26 at 128 against .19 - .23 at 2,048 (mid; from Tables 2, 6, 10, 11)",
        ),
    ),
)
