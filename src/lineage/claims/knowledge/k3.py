"""K3: more pretraining improves neither acquisition (a) nor retention (b); size improves acquisition (c)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from lineage.analysis.names import ALL_DEPTHS, PAPERS
from lineage.claims.claim import Claim, Gate, Measured, NotMeasured, Row
from lineage.claims.knowledge.study import Run, Study, from_draws, lower_end
from lineage.claims.statistics import above, not_above, within

MARGIN = 1.15
"""A gain of 15 % counts as none; fixed before anything was measured."""

ACQUIRED = Gate("lower end of the smaller effectivity's interval (nats)", above=0.0)
RETAINED = Gate("lower end of the smaller retainability's interval", above=0.0)


def effectivity_ratio(study: Study, *, runs: str, same_rate: bool) -> Measured:
    """E of the last run over E of the first, pooled over arms and depths."""
    first, last = _ends(study, getattr(study.comparisons, runs), same_rate=same_rate)
    return _ratio(first, last, "K1 effectivity", "effectivity")


def retention_ratio(study: Study, *, runs: str) -> Measured:
    """R at the longest fixed lag that both runs reach, last over first; R is a share of what was acquired."""
    first, last = _ends(study, getattr(study.comparisons, runs), same_rate=runs == "stages")
    gained = min(_acquired(run) for run in (first, last))
    if not ACQUIRED.passes(gained):
        raise NotMeasured(ACQUIRED.text, gained)
    common = sorted(set(first.fixed_lags) & set(last.fixed_lags))
    if not common:
        raise NotMeasured(f"runs {first.name} and {last.name} reach no common fixed lag")
    return _ratio(first, last, "K1 decay", f"r_{common[-1]}")


def paper_effectivity_ratio(study: Study, *, runs: str) -> Measured:
    """The same of the paper's effectivity, which holds the maximum of noise; no interval is made for it."""
    first, last = _ends(study, getattr(study.comparisons, runs), same_rate=False)
    ends = [run.contrast("K1 effectivity", "effectivity", depth=ALL_DEPTHS, estimator=PAPERS) for run in (first, last)]
    if ends[0].value <= 0 or ends[1].value <= 0:
        raise NotMeasured("an effectivity is not positive", min(one.value for one in ends))
    return Measured(ends[1].value / ends[0].value, items=ends[1].items)


def headroom_ratio(study: Study, *, runs: str) -> Measured:
    """How far below certainty the probes stood before the first encounter, last run over first.

    No interval is made for it.
    """
    ends = [_headroom(run) for run in _ends(study, getattr(study.comparisons, runs), same_rate=False)]
    return Measured(ends[1] / ends[0])


def _headroom(run: Run) -> float:
    """Nats per target token, mean over arms by their facts, all depths."""
    before = run.metrics["log_probability_before"]
    weights = [run.num_facts(arm) for arm in run.arms]
    return -float(np.average([before[arm][ALL_DEPTHS] for arm in run.arms], weights=weights))


def _acquired(run: Run) -> float:
    return lower_end(run.contrast("K1 effectivity", "effectivity", depth=ALL_DEPTHS))


def _ends(study: Study, names: Sequence[str], *, same_rate: bool) -> tuple[Run, Run]:
    runs = study.series(names)
    first, last = runs[0], runs[-1]
    if same_rate:
        settings = [run.plan["optimization"] for run in (first, last)]
        rates = [one["peak_learning_rate"] for one in settings]
        if rates[0] != rates[1] or {one["schedule"] for one in settings} != {"constant"}:
            raise NotMeasured(f"runs {first.name} and {last.name} do not share one constant learning rate", rates[1])
    return first, last


def _ratio(first: Run, last: Run, name: str, quantity: str) -> Measured:
    ends = [run.contrast(name, quantity, depth=ALL_DEPTHS) for run in (first, last)]
    gate = min(map(lower_end, ends))
    if ends[0].value <= 0 or ends[1].value <= 0:
        raise NotMeasured(f"{quantity} is not positive in both runs", min(one.value for one in ends))
    before, after = first.pooled_draws(quantity), last.pooled_draws(quantity)
    if len(before) != len(after):
        raise NotMeasured(f"runs {first.name} and {last.name} have different numbers of bootstrap draws")
    with np.errstate(divide="ignore", invalid="ignore"):
        draws = np.where((before > 0) & (after > 0), after / before, np.nan)
    return from_draws(ends[1].value / ends[0].value, draws, ends[1].items or 0, gate=gate)


def _headroom_row(runs: str, words: str) -> Row[Study]:
    return Row(
        name=f"headroom {words}",
        statement="Both models leave a gain the same room, within 15 %: neither gains less for want of it.",
        statistic=f"ratio of minus the log-probability before the first encounter, {words}, all arms and depths",
        expected=within(1 / MARGIN, MARGIN, ratio=True),
        measure=partial(headroom_ratio, runs=runs),
    )


ACQUISITION = Claim(
    id="K3a",
    text="More pretraining does not improve the acquisition of facts.",
    source="arXiv 2406.11813, section 4.2, Figure 3 (left), appendix F",
    primary=Row(
        name="effectivity late / early",
        statement="At one constant learning rate a later checkpoint acquires no more than 15 % better.",
        statistic="ratio of split-half effectivity, last stage over first, all arms and depths",
        expected=not_above(MARGIN, ratio=True),
        measure=partial(effectivity_ratio, runs="stages", same_rate=True),
        gate=ACQUIRED,
        paper_figure="no gain from early to late (Figures 3, 17; heights not published)",
    ),
    secondary=(
        Row(
            name="equal within 15 %",
            statement="Acquisition is the same at both stages, within 15 %.",
            statistic="ratio of split-half effectivity, last stage over first",
            expected=within(1 / MARGIN, MARGIN, ratio=True),
            measure=partial(effectivity_ratio, runs="stages", same_rate=True),
            gate=ACQUIRED,
        ),
        Row(
            name="at the stages' own rates",
            statement="At each stage's own learning rate a later checkpoint acquires no more than 15 % better.",
            statistic="ratio of split-half effectivity, last stage over first",
            expected=not_above(MARGIN, ratio=True),
            measure=partial(effectivity_ratio, runs="stages_own_rate", same_rate=False),
            gate=ACQUIRED,
            paper_figure="no gain (Figure 3, left)",
        ),
        Row(
            name="paper effectivity late / early",
            statement="By the paper's effectivity a later checkpoint acquires no more than 15 % better.",
            statistic="ratio of the paper's effectivity (IQR 1.5), last stage over first",
            expected=not_above(MARGIN, ratio=True),
            measure=partial(paper_effectivity_ratio, runs="stages"),
            paper_figure="no gain (Figures 3, 17)",
        ),
        _headroom_row("stages", "late / early"),
    ),
)

RETENTION = Claim(
    id="K3b",
    text="More pretraining does not improve the retention of facts.",
    source="arXiv 2406.11813, section 4.3, Table 2, appendix F",
    primary=Row(
        name="retainability late / early",
        statement="At one constant learning rate a later checkpoint retains no more than 15 % better.",
        statistic="ratio of split-half R at the longest fixed lag, last stage over first, all arms and depths",
        expected=not_above(MARGIN, ratio=True),
        measure=partial(retention_ratio, runs="stages"),
        gate=RETAINED,
        paper_figure="a .26 / .25 / .20 early / mid / late (duplicate, memorization; own rates, Table 2)",
    ),
    secondary=(
        Row(
            name="equal within 15 %",
            statement="Retention is the same at both stages, within 15 %.",
            statistic="ratio of split-half R at the longest fixed lag, last stage over first",
            expected=within(1 / MARGIN, MARGIN, ratio=True),
            measure=partial(retention_ratio, runs="stages"),
            gate=RETAINED,
        ),
        Row(
            name="at the stages' own rates",
            statement="At each stage's own learning rate a later checkpoint retains no more than 15 % better.",
            statistic="ratio of split-half R at the longest fixed lag, last stage over first",
            expected=not_above(MARGIN, ratio=True),
            measure=partial(retention_ratio, runs="stages_own_rate"),
            gate=RETAINED,
            paper_figure="a falls at the late stage (Table 2); not at constant rate (appendix F)",
        ),
    ),
)

SIZE = Claim(
    id="K3c",
    text="A larger model acquires facts better.",
    source="arXiv 2406.11813, section 4.2, Figure 3 (right)",
    primary=Row(
        name="effectivity large / small",
        statement="At one learning rate the larger model acquires more.",
        statistic="ratio of split-half effectivity, large over small, all arms and depths",
        expected=above(1, ratio=True),
        measure=partial(effectivity_ratio, runs="sizes", same_rate=True),
        gate=ACQUIRED,
        paper_figure="7B > 1B (Figure 3, right; heights not published)",
    ),
    secondary=(
        Row(
            name="paper effectivity large / small",
            statement="By the paper's effectivity the larger model acquires more.",
            statistic="ratio of the paper's effectivity (IQR 1.5), large over small",
            expected=above(1, ratio=True),
            measure=partial(paper_effectivity_ratio, runs="sizes"),
            paper_figure="7B > 1B (Figure 3, right)",
        ),
        _headroom_row("sizes", "large / small"),
    ),
)
