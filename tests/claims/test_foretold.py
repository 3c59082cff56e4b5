"""K7 and K9: what was forecast from facts met once, beside what was measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lineage.analysis.superposition import accumulated_gain
from lineage.claims.knowledge import CLAIMS
from lineage.claims.knowledge.k9 import gain_curve
from lineage.claims.knowledge.tables import forecasts, sweep
from lineage.claims.ledger import make_ledger
from lineage.claims.slices import measure
from tests.claims.building import forecast_table, run, study, sweep_arms
from tests.claims.full import FULL, LATE, ONLY, changed, full_forecast, ledger_of, measured


def test_k7_asks_the_longest_interval_and_holds_the_shortest_against_it() -> None:
    longest = measured(FULL, "K7", "left at the longest interval")
    assert longest.value == pytest.approx(0.0)
    assert longest.gate_value == pytest.approx(100 / 10 ** (1 / 0.6))
    shortest = measured(FULL, "K7", "left at the shortest interval")
    assert shortest.value == pytest.approx(accumulated_gain(0.6, 10, 3))
    assert (shortest.forecast, shortest.naive) == pytest.approx((accumulated_gain(0.6, 10, 3), 0.4))
    assert measured(FULL, "K7", "threshold over tau").value == pytest.approx(100 / 10 ** (1 / 0.6))


def test_k7_is_not_testable_when_the_sweep_does_not_reach_tau() -> None:
    slow = study({"late": LATE, "sweep": run("sweep", sweep_arms(a_star=0.2))}, intervals="sweep")
    found = ledger_of(slow)["K7"]
    assert found.verdict == "not testable here"
    assert found.gate_value == pytest.approx(100 / 10**5)


def first_jump_of(arm: str) -> Any:
    """The sweep with a first effectivity whose interval begins at 0."""

    def edit(row: dict[str, Any]) -> dict[str, Any]:
        return row | ({"low": 0.0} if (row["arm"], row["encounter"]) == (arm, 0) else {})

    return replace(FULL, runs={**FULL.runs, "sweep": changed(FULL.runs["sweep"], "effectivity", edit)})


def test_k7_takes_no_share_of_a_jump_that_may_be_none() -> None:
    words = "lower end of the 95 % interval of the first effectivity of every_100 (nats)"
    found = measured(first_jump_of("every_100"), "K7", "left at the longest interval")
    assert (found.value, found.gate, found.gate_value) == (None, words, 0.0)
    assert measured(first_jump_of("every_100"), "K7", "threshold over tau").gate == words
    assert measured(first_jump_of("every_100"), "K7", "left at the shortest interval").value is not None
    assert measured(first_jump_of("every_10"), "K7", "left at the shortest interval").value is None
    drawn = {(row["depth"], row["interval"]): row["value"] for row in sweep(first_jump_of("every_10")).to_pylist()}
    assert drawn["all", 10.0] is None
    assert drawn["all", 30.0] is not None


def kernel_with(**figures: float) -> pa.Table:
    """The forecast with other figures of the kernel."""
    return forecast_table(
        [
            row | ({"value": figures[row["quantity"]]} if row["quantity"] in figures else {})
            for row in full_forecast().to_pylist()
        ]
    )


def measured_by(signal: str) -> pa.Table:
    """The forecast from a calibration with another signal."""
    return forecast_table([row | {"signal": signal} for row in full_forecast().to_pylist()])


def test_k7_needs_a_tau_with_a_bound_and_of_its_signal() -> None:
    unbound = replace(FULL, forecast=kernel_with(a_star_low=0.0))
    words = "tau has no bound: lower end of the 95 % interval of the once arm's a*"
    drifting = replace(FULL, forecast=measured_by("drift"))
    for row in ("left at the longest interval", "threshold over tau"):
        assert measured(unbound, "K7", row).gate == words
        assert measured(drifting, "K7", row).gate == "the calibration's signal is 'drift', that of run sweep 'gain'"


def test_k9_is_the_error_over_that_of_the_better_naive_forecast() -> None:
    gains = measured(FULL, "K9", "gains of the arms")
    assert gains.value == pytest.approx(0.1 / 0.5)
    assert measured(FULL, "K9", "recall by exposure").value == pytest.approx(0.05 / 0.3)
    assert ledger_of(FULL)["K9"].effect == pytest.approx(0.2)


def test_k9_is_contradicted_when_a_naive_forecast_is_better() -> None:
    rows = [row | {"value": row["value"] + 2.0} for row in full_forecast().to_pylist()]
    worse = replace(FULL, forecast=forecast_table(rows))
    assert ledger_of(worse, 3)["K9"].verdict == "contradicted"


@pytest.mark.parametrize("low", [0.0, -0.05])
def test_k9_is_not_testable_when_the_kernel_may_not_forget(low: float) -> None:
    rows = make_ledger(CLAIMS, measure(CLAIMS, replace(FULL, forecast=kernel_with(a_star_low=low)), ONLY)).rows
    found = [row for row in rows if row.claim == "K9"]
    assert {row.verdict for row in found} == {"not testable here"}
    words = "lower end of the 95 % interval of the calibration's a*, all depths (per decade)"
    assert {(row.gate, row.gate_value) for row in found} == {(words, low)}


def test_k9_is_not_testable_when_the_calibration_may_have_acquired_nothing() -> None:
    found = measured(replace(FULL, forecast=kernel_with(effectivity_low=-0.1)), "K9", "recall by exposure")
    assert (found.value, found.gate_value) == (None, -0.1)
    assert found.gate == "lower end of the 95 % interval of the calibration's effectivity (nats)"


def test_k9_compares_gains_of_one_signal_only() -> None:
    drifting = replace(FULL, forecast=measured_by("drift"))
    assert measured(drifting, "K9", "gains of the arms").gate == (
        "the calibration's signal is 'drift', that of run late 'gain'"
    )
    assert measured(drifting, "K9", "recall by exposure").value is not None
    assert {row["quantity"] for row in forecasts(drifting).to_pylist()} == {"probability"}


def test_k9_moves_the_depths_of_an_arm_together_and_arms_on_their_own() -> None:
    def moved(arm: str, depth: str) -> np.ndarray:
        found = gain_curve(FULL, LATE, arm, depth)
        return (found.draws - found.outcome)[:, 5]

    duplicate, paraphrase = moved("duplicate", "semantic"), moved("paraphrase", "semantic")
    np.testing.assert_allclose(duplicate, moved("duplicate", "compositional"))
    assert abs(np.corrcoef(duplicate, paraphrase)[0, 1]) < 0.25  # 200 draws: .07 is one deviation
