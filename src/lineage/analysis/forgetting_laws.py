"""Which law a forgetting curve follows: linear in log t, power, shifted power, or exponential.

    log_linear      c - a log10 t
    power           c t^-b
    shifted_power   c (1 + t / t0)^-b
    exponential     c exp(-t / k)

Each is fitted by least squares to the first two thirds of the steps and scored by its error on the last third. Three of
them are linear in c once the other parameters are known, so c is solved for and the others are searched on a grid that
closes in: no start values, no failures, and all curves of a bootstrap at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lineage.analysis.retention import fit_log_line, uniform_t
from lineage.analysis.trajectories import Floats, Integers

LAWS = ("log_linear", "power", "shifted_power", "exponential")
FIT_SHARE = 2 / 3
"""Share of the steps that a law is fitted to; the rest is predicted."""
SHORTEST_CURVE = 8
"""Fewest lags that laws can be told apart on."""
_CELLS_PER_DECADE = 25
_FIRST_GRID = {1: 49, 2: 25}
"""Values a parameter on the first grid, by the number of parameters."""
_LATER_GRID = 7
_ZOOMS = 6


class Family(NamedTuple):
    """A law c f(t) with f given by parameters that are searched in log space between bounds."""

    names: tuple[str, ...]
    bounds: tuple[tuple[float, float], ...]
    shape: Callable[[Floats, Floats], Floats]
    """([..., parameter, 1], [lag]) -> [..., lag]"""


FAMILIES: dict[str, Family] = {
    "power": Family(("b",), ((1e-4, 10.0),), lambda p, t: t ** -p[..., 0, :]),
    "shifted_power": Family(
        ("b", "t0"), ((1e-4, 100.0), (1e-2, 1e6)), lambda p, t: (1 + t / p[..., 1, :]) ** -p[..., 0, :]
    ),
    "exponential": Family(("k",), ((1e-1, 1e8),), lambda p, t: np.exp(-t / p[..., 0, :])),
}


@dataclass(frozen=True)
class LawFit:
    """One law on one curve."""

    law: str
    parameters: dict[str, float]
    """Fitted to the whole curve."""
    held_out_rmse: float
    """Fitted to the first two thirds, scored on the last."""
    aic: float
    """Of the fit to the whole curve, with the effective number of points."""


@dataclass(frozen=True)
class Curves:
    """Curves [curve, lag] reduced to cells of equal width in log t where they are measured more finely than that."""

    lags: Floats
    values: Floats
    weights: Floats
    """[lag] steps that a point stands for."""
    fitted: np.ndarray
    """[lag] mask of the first two thirds of the steps."""

    @classmethod
    def of(cls, lags: Integers, values: Floats) -> Curves:
        """Weighted means in cells of 1/25 decade; a lag alone in its cell stays as it is."""
        cell = np.floor(np.log10(lags) * _CELLS_PER_DECADE).astype(np.int64)
        starts = np.flatnonzero(np.diff(cell, prepend=-1))
        weights = uniform_t(lags)
        total = np.add.reduceat(weights, starts)
        reduced = np.add.reduceat(values * weights, starts, axis=-1) / total
        at = np.add.reduceat(lags * weights, starts) / total
        return cls(at, reduced, total, at <= lags[0] + FIT_SHARE * (lags[-1] - lags[0]))


def fit_laws(lags: Integers, curve: Floats) -> list[LawFit]:
    """All laws on one curve [lag], in the order of `LAWS`.

    AIC = n log(mean squared residual) + 2 (parameters + 1), where n = points (1 - rho) / (1 + rho) with the lag-one
    autocorrelation rho of the closest law's residuals: neighbouring points of R(t) say nearly the same.
    """
    curves = Curves.of(lags, curve[None])
    everything = np.ones(len(curves.lags), dtype=np.bool_)
    residuals, parameters, errors = [], [], []
    for law in LAWS:
        found, predicted = _fitted(law, curves, everything)
        parameters.append({name: float(value[0]) for name, value in found.items()})
        residuals.append(curves.values[0] - predicted[0])
        errors.append(float(_held_out(law, curves)[0]))
    share = curves.weights / curves.weights.sum()
    squares = [float(share @ one**2) for one in residuals]
    effective = _effective_points(residuals[int(np.argmin(squares))])
    floor = np.finfo(np.float64).tiny
    return [
        LawFit(law, given, error, float(effective * np.log(max(square, floor)) + 2 * (len(given) + 1)))
        for law, given, error, square in zip(LAWS, parameters, errors, squares, strict=True)
    ]


def held_out_errors(lags: Integers, curves: Floats) -> Floats:
    """[curve, law] root mean squared error on the last third of the steps, of curves [curve, lag]."""
    reduced = Curves.of(lags, curves)
    return np.stack([_held_out(law, reduced) for law in LAWS], axis=-1)


def identification(lags: Integers, curve: Floats, noise: Floats) -> Floats:
    """[truth, chosen] how often each law is chosen when `truth` made the curve, at the noise that was measured.

    Each law, fitted to the measured curve, is taken for the truth in turn; `noise` [draw, lag] (bootstrap draws less
    their mean, so with their autocorrelation) is added, and the law with the smallest held-out error is chosen. Rows
    sum to 1. Without noise every law is identified, but a power that a shifted power fits equally well.
    """
    curves = Curves.of(lags, np.concatenate([curve[None], noise]))
    everything = np.ones(len(curves.lags), dtype=np.bool_)
    one = Curves(curves.lags, curves.values[:1], curves.weights, curves.fitted)
    shares = np.zeros((len(LAWS), len(LAWS)))
    for number, truth in enumerate(LAWS):
        _, predicted = _fitted(truth, one, everything)
        made = Curves(curves.lags, predicted + curves.values[1:], curves.weights, curves.fitted)
        errors = np.stack([_held_out(law, made) for law in LAWS], axis=-1)
        shares[number] = np.bincount(errors.argmin(axis=-1), minlength=len(LAWS)) / len(noise)
    return shares


def log_linear_gate(shares: Floats) -> float:
    """How surely log-linear is told from the rest: the least of P(chosen | true) and P(not chosen | another true)."""
    at = LAWS.index("log_linear")
    others = np.delete(shares[:, at], at)
    return float(min(shares[at, at], 1 - others.max()))


def _held_out(law: str, curves: Curves) -> Floats:
    _, predicted = _fitted(law, curves, curves.fitted)
    late = ~curves.fitted
    share = curves.weights[late] / curves.weights[late].sum()
    return np.sqrt((curves.values - predicted)[:, late] ** 2 @ share)


def _fitted(law: str, curves: Curves, inside: np.ndarray) -> tuple[dict[str, Floats], Floats]:
    """Parameters [curve] of the fit to the points `inside`, and [curve, lag] what it predicts everywhere."""
    weights = curves.weights[inside]
    if law == "log_linear":
        line = fit_log_line(curves.lags[inside], curves.values[:, inside], weights)
        predicted = line.r1[:, None] - line.a[:, None] * np.log10(curves.lags)
        return {"c": line.r1, "a": line.a}, predicted
    family = FAMILIES[law]
    found = _searched(family, curves.lags[inside], curves.values[:, inside], weights)
    shape = family.shape(found[..., None], curves.lags)
    near = shape[:, inside]
    scale = (curves.values[:, inside] * near) @ weights / (near**2 @ weights)
    named = {name: found[:, number] for number, name in enumerate(family.names)}
    return {"c": scale, **named}, scale[:, None] * shape


def _searched(family: Family, lags: Floats, values: Floats, weights: Floats) -> Floats:
    """[curve, parameter] of the least squares, on a grid that closes in around the best point of each curve."""
    bounds = np.log(np.asarray(family.bounds))
    low, high = (np.broadcast_to(bounds[:, end], (1, len(bounds))) for end in (0, 1))  # one first grid for all curves
    best = low
    for size in (_FIRST_GRID[len(bounds)], *[_LATER_GRID] * _ZOOMS):
        grid = _product(low[:, :, None] + (high - low)[:, :, None] * np.linspace(0, 1, size))
        loss = _loss(family.shape(np.exp(grid)[..., None], lags), values, weights)
        every = np.broadcast_to(grid, (len(values), *grid.shape[1:]))
        best = np.take_along_axis(every, loss.argmin(axis=-1)[:, None, None], axis=1)[:, 0]
        reach = 1.5 * (high - low) / (size - 1)
        low, high = np.maximum(best - reach, bounds[:, 0]), np.minimum(best + reach, bounds[:, 1])
    return np.exp(best)


def _product(axes: Floats) -> Floats:
    """[curve, point, parameter] all combinations of axes [curve, parameter, value]."""
    if axes.shape[1] == 1:
        return axes[:, 0, :, None]
    first, second = np.broadcast_arrays(axes[:, 0, :, None], axes[:, 1, None, :])
    return np.stack([first, second], axis=-1).reshape(len(axes), -1, 2)


def _loss(shape: Floats, values: Floats, weights: Floats) -> Floats:
    """[curve, point] squared error less the curve's own square, scale solved for; shape [1 or curve, point, lag]."""
    square = shape**2 @ weights
    if len(shape) == 1:
        product = (values * weights) @ shape[0].T
    else:
        product = np.matmul(shape, (values * weights)[..., None])[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(square > 0, -(product**2) / square, 0.0)


def _effective_points(residuals: Floats) -> float:
    centred = residuals - residuals.mean()
    square = centred @ centred
    rho = float(centred[1:] @ centred[:-1] / square) if square > 0 else 0.0
    return max(len(residuals) * (1 - rho) / (1 + rho), 1.0) if rho > -1 else float(len(residuals))
