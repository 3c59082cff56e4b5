"""Columns of the tables in `analysis/weights/<name>/`, and what each statistic in them is.

A vector is a task vector: weights of a model minus those of the model that it was trained from, language model only.
Rows of a tensor name its layer and module; the sum over a layer has module `all`; over all layers, layer null and
module `layers`; over the whole language model, layer null and module `all`.
"""

from __future__ import annotations

import pyarrow as pa

_TEXT, _COUNT, _FIGURE = pa.string(), pa.int32(), pa.float64()
_ESTIMATE = [pa.field(name, _FIGURE) for name in ("value", "low", "high")]

ALL, LAYERS = "all", "layers"
"""Modules of sums: over a layer or the whole language model, and over all layers."""

SHARES = (0.01, 0.05, 0.20)
"""Shares of a tensor's entries, largest first, in which signs and places are compared."""

NORM, RELATIVE_CHANGE, STABLE_RANK, COSINE_TO_START = SINGLE = (
    "norm",
    "relative_change",
    "stable_rank",
    "cosine_to_start",
)
"""Of one vector tau from theta_0: |tau|; |tau| / |theta_0|; |tau|^2 / sigma_1^2 (matrices only); the cosine of theta_0
and theta_0 + tau. Norms are Frobenius norms. They have no interval."""

COSINE, COSINE_PERMUTED, COSINE_RANDOM = COSINES = ("cosine", "cosine_permuted", "cosine_random")
"""Of two vectors: their cosine; the same when the entries of one are permuted within each tensor; the same when one is
a random direction that is as long in each tensor. Of the last two `value` is the mean, `low` and `high` hold 95 %."""


def sign_conflict(share: float) -> str:
    """Name of the share of opposite signs among the entries in either vector's largest; .5 by chance.

    >>> sign_conflict(0.05)
    'sign_conflict_5'
    """
    return f"sign_conflict_{share * 100:g}"


def overlap(share: float) -> str:
    """Name of the share of one vector's largest entries that are among the other's largest; `share` by chance."""
    return f"overlap_{share * 100:g}"


CHANCE = "_chance"
"""Ending of the rows beside those two that say what independent vectors would give: mean and 95 %."""

MODULES = pa.schema(
    [
        pa.field("vector", _TEXT, nullable=False),
        pa.field("other", _TEXT),
        pa.field("layer", _COUNT),
        pa.field("module", _TEXT, nullable=False),
        pa.field("statistic", _TEXT, nullable=False),
        *_ESTIMATE,
    ]
)
"""`modules.parquet`: `other` is null where a statistic is of one vector. A pair stands once, in the order of names."""

SLOPE, SLOPE_RANDOM, SLOPE_COSINE, LOSS = ("slope", "slope_random", "slope_cosine", "loss")
FIRST_ORDER = pa.schema(
    [
        pa.field("loss", _TEXT, nullable=False),
        pa.field("vector", _TEXT, nullable=False),
        pa.field("statistic", _TEXT, nullable=False),
        pa.field("fraction", _FIGURE),
        *_ESTIMATE,
    ]
)
"""`first_order.parquet`: a loss (nats a token) along a vector from theta_0. `slope` is <gradient at theta_0, tau>, more
than 0 where the vector raises the loss to first order; `slope_random` the same of random directions as long in each
tensor; `slope_cosine` the cosine of gradient and tau; `loss` the loss at theta_0 + fraction * tau. 95 % over batches of
conversations."""
