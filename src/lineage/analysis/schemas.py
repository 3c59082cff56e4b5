"""Columns of the tables that the analysis of one run writes. Times and lags are in steps.

`low` and `high` bound 95 % of the bootstrap draws that have a value; `undefined` is the share of those without. A
figure is null where it is undefined, infinite where it lies beyond the data (a half-life that was not reached, tau of a
line that does not fall).
"""

from __future__ import annotations

import pyarrow as pa


def _schema(*fields: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in fields])


_TEXT, _COUNT, _FIGURE = pa.string(), pa.int32(), pa.float64()
_GROUP = (("arm", _TEXT), ("depth", _TEXT))
_ESTIMATE = (("value", _FIGURE), ("low", _FIGURE), ("high", _FIGURE))
_FILTERED = (("kept", _COUNT), ("total", _COUNT), ("undefined", _FIGURE))
_QUANTITY = (("estimator", _TEXT), ("fit", _TEXT), ("quantity", _TEXT))

SCHEMAS: dict[str, pa.Schema] = {
    "curves": _schema(
        *_GROUP, ("time", _COUNT), ("estimator", _TEXT), ("mean", _FIGURE), ("low", _FIGURE), ("high", _FIGURE),
        ("probes", _COUNT), ("facts", _COUNT),
    ),
    "effectivity": _schema(*_GROUP, ("encounter", _COUNT), ("estimator", _TEXT), *_ESTIMATE, *_FILTERED),
    "retention": _schema(*_GROUP, ("estimator", _TEXT), ("lag", _COUNT), *_ESTIMATE, *_FILTERED),
    "decay": _schema(*_GROUP, *_QUANTITY, *_ESTIMATE, ("undefined", _FIGURE)),
    "laws": _schema(
        *_GROUP, ("estimator", _TEXT), ("law", _TEXT), ("held_out_rmse", _FIGURE), ("aic", _FIGURE),
        ("parameters", _TEXT),
    ),
    "identification": _schema(*_GROUP, ("truth", _TEXT), ("chosen", _TEXT), ("share", _FIGURE)),
    "stratified": _schema(*_GROUP, ("stated", pa.bool_()), ("encounter", _COUNT), *_ESTIMATE, *_FILTERED),
    "accumulation": _schema(
        *_GROUP, ("encounter", _COUNT), ("interval", _COUNT), ("gain", _FIGURE), ("gain_low", _FIGURE),
        ("gain_high", _FIGURE), ("share", _FIGURE), ("share_low", _FIGURE), ("share_high", _FIGURE),
    ),
    "contrasts": _schema(
        ("name", _TEXT), ("depth", _TEXT), *_QUANTITY, *_ESTIMATE, ("facts", _COUNT), ("undefined", _FIGURE)
    ),
    "samples": _schema(("resample", _COUNT), *_GROUP, *_QUANTITY, ("value", pa.float32())),
}  # fmt: skip
