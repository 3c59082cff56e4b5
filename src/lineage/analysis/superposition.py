"""What a schedule would leave if encounters only added up: one kernel of forgetting, shifted and summed.

One exposure of effectivity E leaves E r(s) after s steps, r(s) = max(0, 1 - a log10 s), which is 0 from
tau = 10^(1 / a) on. Exposures add: G(t) = sum over encounters before t of E_i r(t - t_i). The kernel has to come from
facts met *once*: the sum over ten encounters bends, so that a line through it gives another a and R(1) > 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lineage.analysis.trajectories import Floats


def kernel(lags: ArrayLike, a_star: float) -> Floats:
    """r(s) for lags >= 1: 1 at s = 1, never below 0; `a_star` is the normalised decay a / R(1) of the once arm.

    A negative one, which noise or drift can give, makes r grow.

    >>> kernel([1, 10, 100, 1e5, 1e6], 0.2)
    array([1. , 0.8, 0.6, 0. , 0. ])
    """
    return np.maximum(0.0, 1 - a_star * np.log10(np.asarray(lags, dtype=np.float64)))


def predicted_gain(times: ArrayLike, encounters: ArrayLike, effectivities: ArrayLike, a_star: float) -> Floats:
    """[time] G(t), the encounters strictly before t counted: at t = t_n it is the gain just before encounter n.

    With E = 1 and a = 0.5, encounters at 0 and 10: G(10) = 1 - 0.5 = 0.5, G(11) = (1 - 0.5 log10 11) + 1.
    """
    lag = np.asarray(times, dtype=np.float64)[..., None] - np.asarray(encounters, dtype=np.float64)
    left = np.where(lag > 0, kernel(np.where(lag > 0, lag, 1.0), a_star), 0.0)
    return left @ np.broadcast_to(np.asarray(effectivities, dtype=np.float64), lag.shape[-1:])


def accumulated_gain(a_star: float, interval: int, encounters: int) -> float:
    """G_n(I) / E: what n encounters, I steps apart, leave just before the next.

    >>> round(accumulated_gain(0.2, 100, 10), 2)
    4.69
    """
    return float(kernel(np.arange(1, encounters + 1) * interval, a_star).sum())


def steady_state(a_star: float, interval: float) -> float:
    """G / E after very many encounters, K = tau / I of which still count: (a / ln 10) (K - ln(2 pi K) / 2).

    Stirling's form of sum over k <= K of a log10(K / k); 0 from I = tau on, where nothing accumulates.
    """
    still = 10 ** (1 / a_star) / interval
    if still <= 1:
        return 0.0
    return float(a_star / np.log(10) * (still - np.log(2 * np.pi * still) / 2))
