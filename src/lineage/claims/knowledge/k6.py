"""K6: larger batches forget more slowly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from lineage.analysis.names import ALL_DEPTHS, LOG_FIT, NO_FIT
from lineage.claims.claim import Claim, Gate, Measured, NotMeasured, Row
from lineage.claims.knowledge.study import Floats, Run, Study, from_draws, lower_end
from lineage.claims.statistics import above, below

BATCH_SIZES = 3
BURN_IN = 3.0
"""Times 1 / (1 - beta2): AdamW's second moment must have forgotten the batch that it came from."""
SETTINGS = {"fixed_dose": "dose", "fixed_share": "token_share"}
"""What a placement keeps, by its mode."""

ONCE = "once"
"""Facts met once show the kernel itself. Encounters a number of steps apart lie further apart in tokens where the batch
is larger, and bend R(t) the less: pooled over all arms, R(t2) / R(t1) rises with the batch by .02 a doubling where
forgetting is the same function of tokens in all batches (a = .2, four encounters 25 steps apart, a test)."""

SPAN = Gate("span of the lags that all runs reach, longest over shortest, in tokens", at_least=3.0)
FITTED = Gate("lower end of the smallest R(1), by which a is divided", above=0.0)


@dataclass(frozen=True)
class Retained:
    """R of one run at its fixed lags."""

    run: str
    lags: Floats
    """[lag] in tokens, rising."""
    rows: Floats
    """[lag, 1 + draw] the sample itself first."""
    facts: int

    def at(self, lag_tokens: float) -> Floats:
        """[1 + draw] R at a lag in tokens, linear in the logarithm of the lag between fixed lags."""
        known = np.log10(self.lags)
        return np.asarray([np.interp(np.log10(lag_tokens), known, column) for column in self.rows.T])


def kept_per_doubling(study: Study, *, mode: str, arm: str | None = ONCE) -> Measured:
    """Change of R(t2) / R(t1), lags equal in tokens, with each doubling of the batch; of all arms together for None."""
    runs = _runs(study, mode)
    curves = [_retained(run, arm) for run in runs]
    facts = min(one.facts for one in curves)
    first, last = max(one.lags[0] for one in curves), min(one.lags[-1] for one in curves)
    if last <= first:
        raise NotMeasured(SPAN.text, last / first)
    shares = np.stack([_share(one, first, last) for one in curves])
    slopes = _slope(runs, shares)
    return from_draws(float(slopes[0]), slopes[1:], facts, gate=last / first)


def decay_per_doubling(study: Study, *, mode: str) -> Measured:
    """Change of a* with each doubling of the batch, lags in steps."""
    runs = _runs(study, mode)
    fitted = min(lower_end(run.figure(ONCE, "r1", fit=LOG_FIT)) for run in runs)
    values = [run.figure(ONCE, "a_star", fit=LOG_FIT).value for run in runs]
    draws = np.stack([run.draws(ONCE, "a_star", fit=LOG_FIT) for run in runs])
    slope = _slope(runs, np.asarray(values)[:, None])[0]
    return from_draws(float(slope), _slope(runs, draws), min(run.num_facts(ONCE) for run in runs), gate=fitted)


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
        placement = run.plan["placement"]
        if placement["mode"] != mode:
            raise NotMeasured(f"run {run.name} places its injections by {placement['mode']}, not {mode}")
        kept = SETTINGS.get(mode)
        if kept and not math.isclose(placement[kept], runs[0].plan["placement"][kept], rel_tol=0.01):
            raise NotMeasured(f"run {run.name} has another {kept} than run {runs[0].name}", placement[kept])
        burn_in = BURN_IN / (1 - run.plan["optimization"]["betas"][1])
        if run.first_encounter_step < round(burn_in):
            raise NotMeasured(
                f"run {run.name} injects before {burn_in:.0f} steps of burn-in", float(run.first_encounter_step)
            )
    return runs


def _retained(run: Run, arm: str | None) -> Retained:
    lags = run.fixed_lags if arm is None else run.fixed_lags_of(arm)
    if len(lags) < 2:
        raise NotMeasured(f"run {run.name} reaches fewer than two fixed lags", float(len(lags)))
    names = [f"r_{lag}" for lag in lags]
    if arm is None:
        values = [run.contrast("K1 decay", name, depth=ALL_DEPTHS).value for name in names]
        draws = [run.pooled_draws(name) for name in names]
    else:
        values = [run.figure(arm, name, fit=NO_FIT).value for name in names]
        draws = [run.draws(arm, name) for name in names]
    facts = sum(run.num_facts(one) for one in (run.arms if arm is None else [arm]))
    rows = np.concatenate([np.asarray(values)[:, None], np.stack(draws)], axis=1)
    return Retained(run.name, np.asarray(lags, dtype=np.float64) * run.batch_tokens, rows, facts)


def _share(one: Retained, first: float, last: float) -> Floats:
    """[1 + draw] R(t2) / R(t1).

    Raises:
        NotMeasured: R(t1) is not surely above 0, so nothing is a share of it.
    """
    whole = one.at(first)
    low = lower_end(from_draws(float(whole[0]), whole[1:], one.facts))
    if low <= 0:
        raise NotMeasured(f"at the shorter lag R of run {one.run} is not surely above 0", low)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, one.at(last) / whole, np.nan)


def _slope(runs: list[Run], values: Floats) -> Floats:
    """[draw] least-squares slope of [run, draw] on the batch's logarithm to base 2."""
    x = np.log2([run.batch_tokens for run in runs])
    centred = x - x.mean()
    return centred @ values / (centred @ centred)


def _kept_row(mode: str, words: str, arm: str | None = ONCE) -> Row[Study]:
    return Row(
        name=f"kept, {words}" if arm else f"kept, {words}, all arms",
        statement=f"With {words}, larger batches keep more of a gain over the same tokens.",
        statistic=f"change of R(t2) / R(t1) per doubling of the batch, lags equal in tokens, split-half, "
        f"{f'facts met {arm}' if arm else 'all arms (whose encounters lie further apart in tokens as it grows)'}",
        expected=above(0),
        measure=partial(kept_per_doubling, mode=mode, arm=arm),
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
        _kept_row("fixed_dose", "a fixed dose", arm=None),
        Row(
            name="a*, a fixed dose",
            statement="With a fixed dose, larger batches have a smaller decay constant.",
            statistic="change of a* (split-half, log-uniform fit) per doubling of the batch, facts met once",
            expected=below(0),
            measure=partial(decay_per_doubling, mode="fixed_dose"),
            gate=FITTED,
        ),
        Row(
            name="a*, fixed rows",
            statement="With fixed rows, larger batches have a smaller decay constant.",
            statistic="change of a* (split-half, log-uniform fit) per doubling of the batch, facts met once",
            expected=below(0),
            measure=partial(decay_per_doubling, mode="fixed_rows"),
            gate=FITTED,
            paper_figure="a* .24 - .26 at 128 against .19 - .23 at 2,048 (mid; from Tables 2, 6, 10, 11)",
        ),
    ),
)
