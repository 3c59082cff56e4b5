"""Tables of simulated runs whose truth is known: gains 3, 2, 1 by depth, decay .2, the same text in both arms."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lineage.analysis.groups import RunFigures, equally_stated, run_figures
from lineage.analysis.retention import fit_log_line, uniform_log_t
from lineage.analysis.schemas import SCHEMAS
from lineage.analysis.superposition import predicted_gain
from lineage.analysis.tables import acquisition_tables, run_metrics
from lineage.config.acquisition import Acquisition
from lineage.data.facts import DEPTHS
from lineage.errors import UserError
from tests.analysis.simulation import Run

CONFIG = Acquisition(bootstrap_samples=100, lags=(5, 10, 40, 1000))
RUN = Run()
BATCH_TOKENS = 4096
Row = dict[str, Any]


def figures(run: Run, tables: dict[str, pa.Table] | None = None, *, twin: bool = True) -> RunFigures:
    tables = tables or run.tables()
    injected = tables["injections"].column("step").to_pylist()
    return run_figures(
        CONFIG,
        facts=tables["facts"],
        probes=tables["probes"],
        steps=tables["steps"],
        twin=tables["twin"] if twin else None,
        window_steps=run.window,
        first_injection=min(injected, default=None),
    )


@cache
def made(run_name: str) -> tuple[RunFigures, dict[str, list[Row]], Row]:
    """(figures, tables, metrics) of a run."""
    everyone = {name: pair for name, pair in RUN.arms.items() if name != "never"}
    run, twin = {
        "default": (RUN, True),
        "no twin": (RUN, False),
        "no placebo": (_with(arms=everyone), True),
        "null": (_with(injected=False), True),
    }[run_name]
    found = figures(run, twin=twin)
    tables = acquisition_tables(found, batch_tokens=BATCH_TOKENS)
    return found, {name: table.to_pylist() for name, table in tables.items()}, run_metrics(found, tables)


def _with(**changes: Any) -> Run:
    return replace(RUN, **changes)


def rows(table: str, run_name: str = "default", **wanted: Any) -> list[Row]:
    return [row for row in made(run_name)[1][table] if all(row[key] == value for key, value in wanted.items())]


def row(table: str, run_name: str = "default", **wanted: Any) -> Row:
    (found,) = rows(table, run_name, **wanted)
    return found


def contrast(name: str, run_name: str = "default", **wanted: Any) -> Row:
    defaults = {"estimator": "split_half", "fit": "none", "quantity": "effectivity", "depth": "all"}
    return row("contrasts", run_name, name=name, **(defaults | wanted))


@pytest.mark.parametrize("run_name", ["default", "no twin", "no placebo", "null"])
def test_every_row_stands_once(run_name: str) -> None:
    keys = {
        "curves": ("arm", "depth", "estimator", "time"),
        "effectivity": ("arm", "depth", "estimator", "encounter"),
        "retention": ("arm", "depth", "estimator", "lag"),
        "decay": ("arm", "depth", "estimator", "fit", "quantity"),
        "laws": ("arm", "depth", "estimator", "law"),
        "identification": ("arm", "depth", "truth", "chosen"),
        "stratified": ("arm", "depth", "stated", "encounter"),
        "accumulation": ("arm", "depth", "encounter"),
        "contrasts": ("name", "depth", "estimator", "fit", "quantity"),
        "samples": ("resample", "arm", "depth", "estimator", "fit", "quantity"),
    }
    assert set(made(run_name)[1]) == set(keys) == set(SCHEMAS)
    for table, names in keys.items():
        found = [tuple(one[name] for name in names) for one in made(run_name)[1][table]]
        assert len(found) == len(set(found)), table
        for one in made(run_name)[1][table]:
            if one.get("low") is not None and not math.isinf(one["value" if "value" in one else "mean"]):
                assert one["low"] <= one["high"]
            if one.get("total") is not None:
                assert 0 <= one["kept"] <= one["total"]


def test_the_names_of_the_contrasts() -> None:
    """The claims look for these names."""
    arms = ("duplicate", "paraphrase", "once")
    pairs = ("memorization-semantic", "semantic-compositional", "memorization-compositional")
    laws = ("power", "shifted_power", "exponential")
    expected = {
        "K1 effectivity", "K1 decay", "K5 duplicate-paraphrase", "K5 duplicate-paraphrase at equal stated",
        "once-duplicate", "check first encounter duplicate-paraphrase",
        *(f"first-later {arm}" for arm in ("duplicate", "paraphrase")),
        *(f"K1 effectivity {arm}" for arm in arms), *(f"K1 decay {arm}" for arm in arms),
        *(f"K2 {pair} {arm}" for pair, arm in itertools.product(pairs, arms)),
        *(f"K2 {pair}" for pair in pairs), *(f"K2 {pair} duplicate-paraphrase" for pair in pairs),
        *(f"K4 log_linear-{law} {arm}" for law, arm in itertools.product(laws, arms)),
    }  # fmt: skip
    assert {one["name"] for one in made("default")[1]["contrasts"]} == expected


@pytest.mark.parametrize(("depth", "truth"), [*zip(DEPTHS, (3, 2, 1), strict=True), ("all", 2)])
@pytest.mark.parametrize("arm", ["duplicate", "paraphrase", "once"])
def test_halves_recover_the_gains(arm: str, depth: str, truth: float) -> None:
    """The gain beyond what earlier encounters left, which goes on fading: within .1 of E."""
    found = row("effectivity", arm=arm, depth=depth, estimator="split_half", encounter=-1)
    assert found["value"] == pytest.approx(truth, abs=0.1)
    assert (found["kept"], found["total"]) == (found["total"],) * 2
    per_byte = row("effectivity", arm=arm, depth=depth, estimator="split_half_per_byte", encounter=-1)
    assert per_byte["value"] == pytest.approx(found["value"] * 2 / 8)
    for encounter in range(RUN.arms[arm][1]):
        assert (
            row("effectivity", arm=arm, depth=depth, estimator="split_half", encounter=encounter)["low"] > 0.8 * truth
        )


def test_the_placebo_goes_through_the_same_code() -> None:
    """Drift of .02 nats a step lets the paper's estimator find E in facts that were never injected."""
    placebo = row("effectivity", arm="never", depth="all", estimator="paper_iqr_1.5", encounter=-1)
    assert placebo["value"] == pytest.approx(0.2, abs=0.05)
    assert made("default")[2]["placebo_effectivity"]["all"] == placebo["value"]
    halves = row("effectivity", arm="never", depth="all", estimator="split_half", encounter=-1)
    assert halves["value"] == pytest.approx(0.0, abs=0.03)
    paper = row("effectivity", arm="once", depth="all", estimator="paper_iqr_1.5", encounter=0)
    less = row("effectivity", arm="once", depth="all", estimator="placebo_subtracted", encounter=0)
    assert paper["value"] - less["value"] == pytest.approx(0.2, abs=0.1)


def test_the_decay_of_facts_met_once() -> None:
    """The peak is one step behind the encounter, so R(t) = 1 - .2 log10(1 + t); drift turns the paper's a around."""
    wanted = {"arm": "once", "depth": "all", "fit": "uniform_log_t"}
    found = row("decay", estimator="split_half", quantity="a_star", **wanted)
    lags = made("default")[0].arms["once"].arm.schedule.lags(CONFIG.lags)
    truth = fit_log_line(lags, 1 - 0.2 * np.log10(1 + lags), uniform_log_t(lags)).a_star
    assert found["value"] == pytest.approx(truth, abs=0.015)
    steps, tokens, beyond = (
        row("decay", estimator="split_half", quantity=name, **wanted)
        for name in ("log10_tau_steps", "log10_tau_tokens", "extrapolation_decades")
    )
    for end, other in (("value", "value"), ("low", "high"), ("high", "low")):
        assert steps[end] == pytest.approx(1 / found[other])
        assert tokens[end] - steps[end] == pytest.approx(math.log10(BATCH_TOKENS))
        assert steps[end] - beyond[end] == pytest.approx(math.log10(made("default")[2]["largest_lag"]["once"]))
    assert row("decay", estimator="paper_iqr_1.5", quantity="a", **wanted)["value"] < 0


def test_fixed_lags_that_the_data_reach() -> None:
    found = {one["quantity"] for one in rows("decay", arm="duplicate", depth="all", estimator="split_half", fit="none")}
    assert found == {"half_life_steps", "r_5", "r_10", "r_40", "peak_steps"}
    at = row("decay", arm="once", depth="all", estimator="split_half", quantity="r_40")["value"]
    assert at == row("retention", arm="once", depth="all", estimator="split_half", lag=40)["value"]
    assert at == pytest.approx(1 - 0.2 * math.log10(41), abs=0.03)
    peak = row("decay", arm="once", depth="memorization", estimator="split_half", quantity="peak_steps")["value"]
    assert 1.0 <= peak < 1.5


def test_what_is_accumulated_before_each_encounter() -> None:
    expected = predicted_gain([12, 24], [0, 12], 2.0, 0.2)
    for encounter, gain in zip((1, 2), expected, strict=True):
        found = row("accumulation", arm="duplicate", depth="all", encounter=encounter)
        assert found["gain"] == pytest.approx(gain, abs=0.1)
        first = row("effectivity", arm="duplicate", depth="all", estimator="split_half", encounter=0)["value"]
        assert found["share"] == pytest.approx(found["gain"] / first)
        assert found["gain_low"] < found["gain"] < found["gain_high"]
    assert not rows("accumulation", arm="once")
    never = row("accumulation", arm="never", depth="all", encounter=2)
    assert (never["share"], never["share_low"]) == (None, None)
    assert never["gain"] == pytest.approx(0, abs=0.1)


def test_curves() -> None:
    """Raw curves drift and start at 0; the twin takes the drift off; the placebo's twin curve is a band around 0."""
    for arm in ("duplicate", "never"):
        assert row("curves", arm=arm, depth="all", estimator="raw", time=0)["mean"] == 0
    late = row("curves", arm="never", depth="all", estimator="raw", time=34)
    assert late["mean"] == pytest.approx(34 * 0.02, abs=0.2)
    assert row("curves", arm="never", depth="all", estimator="twin", time=34)["mean"] == pytest.approx(0, abs=0.1)
    peak = row("curves", arm="once", depth="memorization", estimator="gain", time=1)
    assert peak["mean"] == pytest.approx(3, abs=0.1)
    assert (peak["probes"], peak["facts"]) == (12, 6)
    assert not rows("curves", arm="never", estimator="gain")


@pytest.mark.parametrize("signal", ["raw", "twin", "gain"])
def test_every_curve_starts_at_0_just_before_the_first_encounter_of_its_facts(signal: str) -> None:
    """Facts of later groups have spill-over, and noise of their own, before they are met: less that, E is E.

    Spill-over is .5 nats for all at the step after the first injection; only a third of the facts is met by then.
    """
    tables = acquisition_tables(figures(_with(spill=0.5)), batch_tokens=BATCH_TOKENS)["curves"].to_pylist()
    found = [one for one in tables if (one["arm"], one["estimator"]) == ("once", signal)]
    assert {one["mean"] for one in found if one["time"] == 0} == {0.0}
    peak = {one["depth"]: one["mean"] for one in found if one["time"] == 1}
    shared = 0.0 if signal == "gain" else 0.5 / 3
    assert peak["semantic"] == pytest.approx(2 + shared, abs=0.1)


def test_the_room_for_a_gain_is_kept() -> None:
    """Probes start at -8 nats and drift by .02 a step; facts start at steps 0, 4 and 8."""
    before = made("default")[2]["log_probability_before"]
    assert before["once"]["all"] == pytest.approx(-8 + 0.02 * 4, abs=0.1)
    assert set(before) == set(RUN.arms)


def test_depths_differ_and_wordings_do_not() -> None:
    for arm in ("duplicate", "paraphrase", "once"):
        for pair in ("memorization-semantic", "semantic-compositional"):
            found = contrast(f"K2 {pair} {arm}", depth=pair)
            assert found["low"] > 0.8
            assert found["high"] < 1.2
    assert contrast("K2 memorization-semantic", depth="memorization-semantic")["facts"] == 18
    for name in ("K5 duplicate-paraphrase", "K5 duplicate-paraphrase at equal stated"):
        assert abs(contrast(name)["value"]) < 0.1
        assert contrast(name, quantity="a_star", fit="uniform_t")["low"] < 0.1


def test_the_pooled_contrast_weighs_arms_by_their_facts() -> None:
    parts = [contrast(f"K1 effectivity {arm}") for arm in ("duplicate", "paraphrase", "once")]
    whole = contrast("K1 effectivity")
    assert whole["value"] == pytest.approx(np.average([one["value"] for one in parts], weights=[6, 6, 6]))
    assert whole["high"] - whole["low"] < max(one["high"] - one["low"] for one in parts)
    assert whole["facts"] == 18


def test_first_and_later_encounters() -> None:
    each = [
        row("effectivity", arm="duplicate", depth="all", estimator="split_half", encounter=encounter)["value"]
        for encounter in range(3)
    ]
    assert contrast("first-later duplicate")["value"] == pytest.approx(each[0] - (each[1] + each[2]) / 2)
    once, duplicate = (
        row("effectivity", arm=arm, depth="all", estimator="split_half", encounter=-1)["value"]
        for arm in ("once", "duplicate")
    )
    assert contrast("once-duplicate")["value"] == pytest.approx(once - duplicate)
    check = contrast("check first encounter duplicate-paraphrase", quantity="effectivity_first")
    assert check["low"] < 0 < check["high"]


def test_by_whether_the_text_states_the_target() -> None:
    """Half of the probes of paraphrases are not stated from the second encounter on."""
    found = {(one["stated"], one["encounter"]): one for one in rows("stratified", arm="paraphrase", depth="semantic")}
    assert [found[True, encounter]["kept"] for encounter in (0, 1, 2, -1)] == [12, 6, 6, 24]
    assert [found[False, encounter]["kept"] for encounter in (0, 1, 2, -1)] == [0, 6, 6, 12]
    assert found[False, 0]["value"] is None
    assert found[False, -1]["value"] == pytest.approx(2, abs=0.1)
    whole = row("effectivity", arm="duplicate", depth="semantic", estimator="split_half", encounter=1)
    stated = row("stratified", arm="duplicate", depth="semantic", stated=True, encounter=1)
    assert stated["value"] == pytest.approx(whole["value"])
    assert not rows("stratified", arm="never")


def test_at_equal_stated_only_probes_of_equal_dose_are_compared() -> None:
    """Every probe of a duplicate is stated three times; of the paraphrases half: the others must not matter."""
    run = made("default")[0]
    pair = equally_stated(run, "duplicate", "paraphrase", "semantic")
    assert pair is not None
    arm = run.arms["paraphrase"]
    reworded = ~arm.arm.stated.all(axis=1)
    arm.signal.curves[reworded] += 100 * np.arange(arm.signal.curves.shape[1])
    try:
        again = equally_stated(run, "duplicate", "paraphrase", "semantic")
    finally:
        arm.signal.curves[reworded] -= 100 * np.arange(arm.signal.curves.shape[1])
    assert again is not None
    np.testing.assert_array_equal(pair[1].effectivity.rows, again[1].effectivity.rows)


def test_laws_and_their_gate() -> None:
    found = {one["law"]: one for one in rows("laws", arm="once", depth="all", estimator="split_half")}
    assert found["log_linear"]["held_out_rmse"] < found["exponential"]["held_out_rmse"]
    difference = contrast("K4 log_linear-exponential once", quantity="held_out_rmse")["value"]
    assert difference == pytest.approx(found["log_linear"]["held_out_rmse"] - found["exponential"]["held_out_rmse"])
    assert difference < 0
    shares = rows("identification", arm="once", depth="all", truth="exponential")
    assert sum(one["share"] for one in shares) == pytest.approx(1)
    assert 0 <= made("default")[2]["identification"]["once"]["all"] <= 1


def test_facts_about_the_run() -> None:
    metrics = made("default")[2]
    assert metrics["signal"] == "gain"
    assert metrics["twin_exact"] == 0.0
    assert metrics["schedules"]["duplicate"]["times"] == [0, 12, 24]
    assert metrics["schedules"]["never"]["injected"] is False
    assert metrics["share_failed"]["duplicate"]["all"] == 0.0
    failed = row("effectivity", arm="never", depth="all", estimator="share_failed", encounter=-1)
    assert metrics["share_failed"]["never"]["all"] == failed["value"]


def test_without_injection_nothing_is_found() -> None:
    """The null world: run and twin are the same, so every gain is exactly 0 and its retention undefined."""
    metrics = made("null")[2]
    assert metrics["twin_exact"] == 0.0
    found = contrast("K1 effectivity", "null")
    assert (found["value"], found["low"], found["high"]) == (0.0, 0.0, 0.0)
    assert {one["value"] for one in rows("decay", "null", estimator="split_half", quantity="a_star")} == {None}
    assert {one["undefined"] for one in rows("decay", "null", estimator="split_half", quantity="a_star")} == {1.0}
    test = contrast("K1 effectivity", "null", estimator="placebo_subtracted")
    assert test["low"] < 0 < test["high"]
    assert contrast("K1 effectivity", "null", estimator="paper_iqr_1.5")["low"] > 0.1  # its bias, and the drift
    assert not rows("laws", "null", estimator="split_half")


def test_without_a_twin_or_without_a_placebo() -> None:
    assert made("no twin")[2]["signal"] == "drift"
    assert made("no twin")[2]["twin_exact"] is None
    assert made("no placebo")[2]["signal"] == "twin"
    for run_name in ("no twin", "no placebo"):
        assert contrast("K1 effectivity", run_name)["value"] == pytest.approx(2, abs=0.15)
    peak = row("curves", "no twin", arm="once", depth="all", estimator="drift", time=1)
    assert peak["mean"] == pytest.approx(2, abs=0.1)
    assert not rows("curves", "no twin", estimator="gain")
    assert not rows("effectivity", "no placebo", estimator="placebo_subtracted")
    assert not rows("curves", "no twin", estimator="twin")


def test_draws_of_the_same_facts_are_paired_between_runs() -> None:
    """The same facts, all gains 1 larger: in each draw the difference between the runs is 1, though draws vary."""
    larger = figures(_with(gains={depth: gain + 1 for depth, gain in RUN.gains.items()}))
    draws = [one.groups["once", "all"].halves.pooled.draws for one in (larger, made("default")[0])]
    np.testing.assert_allclose(draws[0] - draws[1], 1.0, atol=1e-5)  # the table holds float32
    assert np.std(draws[1]) > 0.005
    sampled = rows("samples", arm="once", depth="all", estimator="split_half", quantity="effectivity")
    assert [one["resample"] for one in sampled] == list(range(CONFIG.bootstrap_samples))
    value = row("effectivity", arm="once", depth="all", estimator="split_half", encounter=-1)["value"]
    assert np.mean([one["value"] for one in sampled]) == pytest.approx(value, abs=0.1)


def test_the_order_of_rows_does_not_matter() -> None:
    shuffled = {}
    for name, table in RUN.tables().items():
        order = list(range(table.num_rows))
        random.Random(name).shuffle(order)
        shuffled[name] = table.take(order)
    again = figures(RUN, shuffled)
    for key, group in made("default")[0].groups.items():
        other = again.groups[key]
        np.testing.assert_allclose(other.halves.effectivity.rows, group.halves.effectivity.rows, atol=1e-12)
        np.testing.assert_allclose(
            other.paper.summaries[0].retention.rows, group.paper.summaries[0].retention.rows, atol=1e-9
        )


def test_an_arm_of_one_fact_is_refused() -> None:
    with pytest.raises(UserError, match=r"arms\.once\.facts is 1"):
        figures(_with(arms={**RUN.arms, "once": (1, 1)}))
