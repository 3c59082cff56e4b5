"""Each law finds itself again, predicts the last third, and is told apart only where the noise allows it."""

from __future__ import annotations

import numpy as np
import pytest

from lineage.analysis.forgetting_laws import (
    LAWS,
    Curves,
    fit_laws,
    held_out_errors,
    identification,
    log_linear_gate,
)
from tests.analysis.simulation import noise

LAGS = np.unique(np.round(np.geomspace(1, 1550, 90)).astype(np.int64))
TRUTH = {
    "log_linear": (1.0 - 0.2 * np.log10(LAGS), {"c": 1.0, "a": 0.2}),
    "power": (0.9 * LAGS**-0.3, {"c": 0.9, "b": 0.3}),
    "shifted_power": (1.1 * (1 + LAGS / 40) ** -0.8, {"c": 1.1, "b": 0.8, "t0": 40.0}),
    "exponential": (0.8 * np.exp(-LAGS / 300), {"c": 0.8, "k": 300.0}),
}


@pytest.mark.parametrize("law", LAWS)
def test_a_law_without_noise_is_found_again(law: str) -> None:
    curve, parameters = TRUTH[law]
    fits = {fit.law: fit for fit in fit_laws(LAGS, curve)}
    assert list(fits) == list(LAWS)
    assert fits[law].parameters == pytest.approx(parameters, rel=0.02)
    assert fits[law].held_out_rmse < 1e-3
    assert min(fits.values(), key=lambda fit: fit.aic).law == law
    others = [name for name in LAWS if name not in (law, "shifted_power")]  # which is a power for small t0
    assert all(fits[name].held_out_rmse > 0.02 for name in others)


def test_errors_are_those_of_a_prediction() -> None:
    """Only the last third counts, and only the first two thirds are fitted: a jump at two thirds is the error."""
    curve = np.where(LAGS <= 1 + (1549 * 2) / 3, 0.5, 0.8)
    errors = held_out_errors(LAGS, np.stack([curve, np.full(len(LAGS), 0.5)]))
    np.testing.assert_allclose(errors[0], 0.3, atol=1e-3)
    np.testing.assert_allclose(errors[1], 0.0, atol=1e-3)


def test_many_curves_at_once_are_each_alone() -> None:
    curves = np.stack([curve for curve, _ in TRUTH.values()]) + 0.02 * noise(
        4, len(LAGS), 0.5, np.random.default_rng(0)
    )
    together = held_out_errors(LAGS, curves)
    np.testing.assert_allclose(together, [held_out_errors(LAGS, curve[None])[0] for curve in curves])


def test_a_finely_measured_curve_is_averaged_in_cells() -> None:
    lags = np.arange(1, 1551)
    reduced = Curves.of(lags, np.log10(lags)[None].astype(np.float64))
    assert len(reduced.lags) < 90
    assert reduced.lags[:10].tolist() == list(range(1, 11))
    assert reduced.weights.sum() == pytest.approx(1550)
    np.testing.assert_allclose(reduced.values[0], np.log10(reduced.lags), atol=1e-3)
    assert reduced.weights[reduced.fitted].sum() == pytest.approx(1550 * 2 / 3, rel=0.05)


def test_laws_are_identified_at_little_noise_and_not_at_much() -> None:
    """The gate of the claim: above .8 at a noise of .003, below at .3, where any law may fit."""
    curve, _ = TRUTH["log_linear"]
    generator = np.random.default_rng(1)
    gates = []
    for deviation in (0.003, 0.3):
        shares = identification(LAGS, curve, deviation * noise(100, len(LAGS), 0.9, generator))
        np.testing.assert_allclose(shares.sum(axis=1), 1.0)
        gates.append(log_linear_gate(shares))
    assert gates[0] >= 0.8
    assert gates[1] < 0.7


def test_the_gate_is_the_weakest_of_its_sides() -> None:
    shares = np.asarray([[0.9, 0.1, 0, 0], [0.3, 0.7, 0, 0], [0.05, 0, 0.95, 0], [0, 0, 0, 1.0]])
    assert log_linear_gate(shares) == pytest.approx(0.7)
    shares[1] = [0.0, 1.0, 0, 0]
    assert log_linear_gate(shares) == pytest.approx(0.9)


def test_autocorrelated_residuals_count_for_less() -> None:
    """Equal residuals in another order: neighbours that say the same are fewer points, so AICs differ by less."""
    generator = np.random.default_rng(2)
    wander = 0.02 * noise(1, len(LAGS), 0.97, generator)[0]
    spreads = []
    for disturbance in (generator.permutation(wander), wander):
        fits = fit_laws(LAGS, TRUTH["log_linear"][0] + disturbance)
        aics = [fit.aic for fit in fits]
        spreads.append(max(aics) - min(aics))
    assert spreads[1] < 0.5 * spreads[0]
