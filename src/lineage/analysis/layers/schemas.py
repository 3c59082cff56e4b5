"""Columns of the tables in `analysis/layers/<name>/`, and what each statistic in them is.

Layers count from 0: layer l is the residual stream behind the l-th block, before the final norm. A range of layers is
[first, stop). `low` and `high` hold 95 %, over items whose clusters are resampled together; null where nothing is
resampled. Positions: `prompt` is the last token of the prompt, `decision` the last token that refusal and answer share
(behind the reason, where answers begin with one).
"""

from __future__ import annotations

import pyarrow as pa

_TEXT, _COUNT, _FIGURE = pa.string(), pa.int32(), pa.float64()
_ESTIMATE = [pa.field(name, _FIGURE) for name in ("value", "low", "high")]


def _required(*names: str) -> list[pa.Field]:
    return [pa.field(name, _TEXT, nullable=False) for name in names]


PROMPT, DECISION = POSITIONS = ("prompt", "decision")

PAIRS = ("benign_benign", "harmful_harmful", "benign_harmful")
"""Kinds of pairs of requests that are compared."""
GAP_COSINE, GAP_ANGLE, GAP_COSINE_NULL = ("gap_cosine", "gap_angle", "gap_cosine_null")
SEPARATION, SEPARATION_NULL = ("separation", "separation_null")
CURVES = pa.schema(
    [
        *_required("model", "condition", "position"),
        pa.field("layer", _COUNT, nullable=False),
        pa.field("statistic", _TEXT, nullable=False),
        *_ESTIMATE,
    ]
)
"""`curves.parquet`: `condition` is the task whose requests are asked (text, beside a picture, ...).

`cosine_<pair>` and `angle_<pair>` (degrees) are means over pairs, `..._std` their standard deviation; `gap_cosine` is
benign_benign minus benign_harmful, `gap_angle` benign_harmful minus benign_benign; `gap_cosine_null` what the gap is
when labels are permuted (mean and 95 %). `separation` is the share of (harmful, benign) pairs that the direction
between the means of other requests puts in the right order (.5 by chance), `separation_null` the same for permuted
labels. `drift_cosine` and `drift_distance` (|h - h_0| / |h_0|) compare each request's state with that of the base
model, which has none."""

AREA_INSIDE, AREA_OUTSIDE, AREA_DIFFERENCE = AREAS = ("area_inside", "area_outside", "area_difference")
LOST_INSIDE, LOST_OUTSIDE, LOST_DIFFERENCE = LOSSES = ("lost_inside", "lost_outside", "lost_difference")
RANGE_NULL = "range_null"
RANK, NUM_WINDOWS, RANK_SHARE, RANK_SHARE_NULL, RANK_P = RANKS = (
    "rank",
    "num_windows",
    "rank_share",
    "rank_share_null",
    "rank_p",
)
RANGES = pa.schema(
    [
        *_required("model", "condition", "position"),
        pa.field("first", _COUNT),
        pa.field("stop", _COUNT),
        pa.field("statistic", _TEXT, nullable=False),
        *_ESTIMATE,
    ]
)
"""`ranges.parquet`: the range of layers that the rule found on the base model, and what other models lost there.

The base has one row, `range_null`: the share of label permutations in which the rule finds a range too (first and stop
are null where it found none). For every other model: how much its curve (the one that the rule reads) differs from the
base's inside the range and outside: `area` is the mean absolute difference a layer, `lost` the mean of base minus
model. `rank` is the place of the range's area among all windows of its width, 1 the largest; `rank_share` is rank /
num_windows; `rank_share_null` the same of ranges that the rule finds when labels are permuted; `rank_p` the share of
those that rank as high."""

SCALED = pa.schema(
    [
        *_required("model", "requests"),
        pa.field("first", _COUNT),
        pa.field("stop", _COUNT),
        pa.field("factor", _FIGURE, nullable=False),
        pa.field("statistic", _TEXT, nullable=False),
        *_ESTIMATE,
        pa.field("items", _COUNT, nullable=False),
    ]
)
"""`scaling.parquet`: all seven projections of layers [first, stop) times `factor`.

The row with factor 1 and no range is the model as it is. `requests` is `benign`, `harmful`, or `difference` (harmful
less benign); `statistic` is `refusal_rate` of greedy answers."""

REFUSAL_RATE, MARGIN, OVER_CONTROLS = ("refusal_rate", "margin", "_over_controls")
RESTORE, PATCH_STATE, PATCH_UPDATE, NONE, DONOR = INTERVENTIONS = (
    "restore",
    "patch_state",
    "patch_update",
    "none",
    "donor",
)
RESTORED = pa.schema(
    [
        *_required("model", "donor", "intervention"),
        pa.field("first", _COUNT),
        pa.field("stop", _COUNT),
        pa.field("role", _TEXT, nullable=False),
        pa.field("position", _TEXT),
        pa.field("requests", _TEXT, nullable=False),
        pa.field("statistic", _TEXT, nullable=False),
        *_ESTIMATE,
        pa.field("items", _COUNT, nullable=False),
    ]
)
"""`interventions.parquet`: does refusal come back?

`restore` puts the donor's weights into layers [first, stop); `patch_state` its residual stream behind each of them at
one position; `patch_update` only what these layers add to it. `none` and `donor` are both models as they are. `role` is
`range`, `control` (as many layers elsewhere) or `whole`. Answers begin behind `position`. `refusal_rate` is of greedy
answers, `margin` log p(refusal) - log p(answer) in nats behind what both share; a model that babbles can have a high
margin for every request, so `requests` has a `difference` too. `<statistic>_over_controls` (role `range`): the range
minus the mean of the controls that share no layer with it, paired by item; no row where there are none."""
