"""K7: beyond an interval between encounters, facts do not accumulate."""

from __future__ import annotations

from functools import partial
from typing import Any

from lineage.analysis.names import ALL_DEPTHS, LOG_FIT
from lineage.claims.claim import Claim, Gate, Measured, NotMeasured, Row
from lineage.claims.knowledge.study import Run, Study, lower_end
from lineage.claims.statistics import below, within

NOTHING_LEFT = 0.1
"""Share of the first effectivity that counts as nothing; fixed before anything was measured."""

REACHED = Gate("longest interval over the tau that the once arm predicts", at_least=1.0)


def left_over(study: Study, *, longest: bool) -> Measured:
    """What stands before the last encounter, as a share of the first jump, at the longest or shortest interval."""
    run = study.run(study.comparisons.intervals)
    cells = _last_encounters(run)
    cell = max(cells, key=_interval) if longest else min(cells, key=_interval)
    _check_first_jump(run, cell["arm"])
    reach = max(map(_interval, cells)) / predicted_tau(study, run)
    if cell["share"] is None:
        raise NotMeasured(f"undefined in run {run.name}: gain before the last encounter of {cell['arm']}")
    forecast, naive = _forecast(study, run, cell)
    items = run.num_facts(cell["arm"])
    return Measured(
        cell["share"], cell["share_low"], cell["share_high"], items, gate=reach, forecast=forecast, naive=naive
    )


def threshold_ratio(study: Study) -> Measured:
    """Shortest interval at which surely less than a tenth is left, over the tau that the once arm predicts."""
    run = study.run(study.comparisons.intervals)
    cells = sorted(_last_encounters(run), key=_interval)
    for cell in cells:
        _check_first_jump(run, cell["arm"])
    lost = [cell for cell in cells if cell["share_high"] is not None and cell["share_high"] < NOTHING_LEFT]
    if not lost:
        raise NotMeasured("at no interval of the sweep is surely less than a tenth left", float(_interval(cells[-1])))
    return Measured(_interval(lost[0]) / predicted_tau(study, run), items=len(cells))


def predicted_tau(study: Study, run: Run) -> float:
    """tau in steps: that of the forecast's kernel, or that of the run's own once arm where nothing was forecast.

    Raises:
        NotMeasured: there is none, the kernel is that of another signal, or a* is not surely above 0 (1 / a* is
            log10 tau, so that nothing could bound it).
    """
    if study.forecast is None:
        low = lower_end(run.figure("once", "a_star", fit=LOG_FIT))
        tau = 10 ** run.figure("once", "log10_tau_steps", fit=LOG_FIT).value
    else:
        study.foretold(run)
        low, tau = study.kernel("a_star_low"), study.kernel("tau_steps")
    if low <= 0:
        raise NotMeasured("tau has no bound: lower end of the 95 % interval of the once arm's a*", low)
    return tau


def first_jump(run: Run, arm: str, depth: str = ALL_DEPTHS) -> float:
    """Lower end of the interval of the first effectivity, which what stands later is a share of.

    Raises:
        NotMeasured: it is undefined.
    """
    return lower_end(run.effectivity(arm, encounter=0, depth=depth))


def _check_first_jump(run: Run, arm: str) -> None:
    low = first_jump(run, arm)
    if low <= 0:
        raise NotMeasured(f"lower end of the 95 % interval of the first effectivity of {arm} (nats)", low)


def _last_encounters(run: Run) -> list[dict[str, Any]]:
    """The accumulation of every arm before its last encounter.

    Raises:
        NotMeasured: fewer than three intervals.
    """
    last: dict[str, dict[str, Any]] = {}
    for row in run.select("accumulation", depth=ALL_DEPTHS).to_pylist():
        known = last.setdefault(row["arm"], row) if row["arm"] in run.arms else row
        if row["encounter"] > known["encounter"]:
            last[row["arm"]] = row
    intervals = {_interval(row) for row in last.values()}
    if len(intervals) < 3:
        raise NotMeasured(f"run {run.name} has fewer than three intervals", float(len(intervals)))
    return list(last.values())


def _interval(cell: dict[str, Any]) -> int:
    return int(cell["interval"])


def _forecast(study: Study, run: Run, cell: dict[str, Any]) -> tuple[float | None, float | None]:
    """Share forecast by superposition, and by the naive baseline that comes nearer."""
    try:
        found = study.predicted(target="accumulation", run=run.name, arm=cell["arm"], depth=ALL_DEPTHS)
    except NotMeasured:
        return None, None
    [row] = [one for one in found.to_pylist() if one["at"] == cell["encounter"]]
    naives = (row["naive_no_forgetting"], row["naive_last_only"])
    return row["value"], min(naives, key=lambda one: abs(one - cell["share"]))


CLAIM = Claim(
    id="K7",
    text="Beyond an interval between encounters, facts do not accumulate.",
    source="arXiv 2406.11813, section 4.4 (a hypothesis there, never tested)",
    null_row="left at the shortest interval",
    primary=Row(
        name="left at the longest interval",
        statement="At the longest interval less than a tenth of the first jump stands before the last encounter.",
        statistic="gain before the last encounter over the first split-half effectivity, all depths",
        expected=below(NOTHING_LEFT),
        measure=partial(left_over, longest=True),
        gate=REACHED,
        paper_figure="0 beyond tau = 10^4.2 - 10^5.4 steps, extrapolated (Table 6)",
    ),
    secondary=(
        Row(
            name="left at the shortest interval",
            statement="At the shortest interval, too, less than a tenth stands: facts accumulate nowhere.",
            statistic="gain before the last encounter over the first split-half effectivity, all depths",
            expected=below(NOTHING_LEFT),
            measure=partial(left_over, longest=False),
        ),
        Row(
            name="threshold over tau",
            statement="Accumulation ends at the tau that facts met once predict, within a factor of two.",
            statistic="shortest interval with less than a tenth left over tau of the once arm",
            expected=within(0.5, 2.0, ratio=True),
            measure=threshold_ratio,
        ),
    ),
)
