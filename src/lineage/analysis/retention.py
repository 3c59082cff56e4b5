"""What is left of the gain after the last encounter, and how fast it goes.

Chang et al. 2024 (arXiv 2406.11813), Definition 3 and section 4.3. "Power law" there means R linear in log t:
R(t) = c - a log10 t, with decay constant a per decade of steps and x-intercept tau = 10^(c / a).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lineage.analysis.acquisition import local_maxima
from lineage.analysis.names import LOG_FIT, PAPERS_FIT
from lineage.analysis.trajectories import Floats, Integers, Schedule, interpolated


def retainabilities(curves: Floats, schedule: Schedule, lags: Integers) -> Floats:
    """[..., lag] R(t) = (v[t_LAM + t] - v[t_pre]) / (v[t_LAM] - v[t_pre]) behind the last maximum (Definition 3).

    1 at lag 0, 0 when the probe is back where it was before the first encounter (t_pre = t_1, time 0). NaN where the
    denominator is exactly 0, which the paper drops. Between measured steps a curve is taken as linear in t.
    """
    last = local_maxima(curves, schedule)[..., -1]
    before = curves[..., :1]
    peak = np.take_along_axis(curves, last[..., None], axis=-1)
    later = interpolated(curves, schedule.times, schedule.times[last][..., None] + lags)
    gain = peak - before
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(gain == 0, np.nan, (later - before) / gain)


class LogLine(NamedTuple):
    """R = r1 - a log10 t; every field has the leading shape of the curves."""

    a: Floats
    """Decay a decade (base 10)."""
    r1: Floats
    """Fitted R at lag 1."""
    r_squared: Floats

    @property
    def a_star(self) -> Floats:
        """a / R(1) = 1 / log10 tau: free of what noise at the peak takes from both. NaN where R(1) <= 0."""
        return np.where(self.r1 > 0, self.a / np.where(self.r1 > 0, self.r1, 1.0), np.nan)

    @property
    def log10_tau_steps(self) -> Floats:
        """log10 of the lag at which the line meets zero, 1 / a*; infinite where it does not fall."""
        return inverse(self.a_star)


def inverse(a_star: Floats) -> Floats:
    """log10 tau of a normalised decay: 1 / a*, infinite for a* <= 0, NaN for NaN."""
    falls = a_star > 0
    return np.where(falls, 1 / np.where(falls, a_star, 1.0), np.where(np.isnan(a_star), np.nan, np.inf))


def fit_log_line(lags: Integers | Floats, curves: Floats, weights: Floats) -> LogLine:
    """Weighted least squares of curves [..., lag] on log10 of the lags.

    An exact line 0.9 - 0.2 log10 t gives a = 0.2, r1 = 0.9, R^2 = 1 whatever the weights. R^2 of an autocorrelated
    curve says nothing about the error of a.
    """
    x = np.log10(lags)
    share = weights / weights.sum()
    centred = x - share @ x
    mean = curves @ share
    slope = curves @ (share * centred) / (share @ centred**2)
    residuals = curves - mean[..., None] - slope[..., None] * centred
    spread = ((curves - mean[..., None]) ** 2) @ share
    with np.errstate(invalid="ignore", divide="ignore"):
        r_squared = 1 - (residuals**2 @ share) / spread
    return LogLine(a=-slope, r1=mean - slope * (share @ x), r_squared=r_squared)


def uniform_t(lags: Integers) -> Floats:
    """Weights of a fit that takes every step alike (the paper's): each point stands for the steps around it.

    >>> uniform_t(np.array([1, 2, 3, 5, 9]))
    array([1. , 1. , 1.5, 3. , 2.5])
    """
    edges = np.concatenate([[lags[0] - 0.5], (lags[1:] + lags[:-1]) / 2, [lags[-1] + 0.5]])
    return np.diff(edges)


def uniform_log_t(lags: Integers) -> Floats:
    """Weights of a fit that takes every decade alike: each point stands for the log t around it."""
    x = np.log10(lags)
    edges = np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]])
    return np.diff(edges)


WEIGHTS = {PAPERS_FIT: uniform_t, LOG_FIT: uniform_log_t}
SHORTEST_FIT = 3
"""Fewest lags behind a fit."""


def half_life(lags: Integers, curves: Floats) -> Floats:
    """First lag at which curves [..., lag] are at 0.5 or below, linear between lags from R(0) = 1; inf if never.

    >>> half_life(np.array([1, 2, 4]), np.array([0.9, 0.7, 0.3]))
    array(3.)
    """
    full = np.concatenate([np.ones((*curves.shape[:-1], 1)), curves], axis=-1)
    x = np.concatenate([[0], lags]).astype(np.float64)
    below = full <= 0.5
    at = below.argmax(axis=-1)
    upper = np.take_along_axis(full, at[..., None], axis=-1)[..., 0]
    lower = np.take_along_axis(full, np.maximum(at - 1, 0)[..., None], axis=-1)[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        crossing = x[at - 1] + (lower - 0.5) / (lower - upper) * (x[at] - x[at - 1])
    found = np.where(below.any(axis=-1), crossing, np.inf)
    return np.where(np.isnan(full).any(axis=-1), np.nan, found)
