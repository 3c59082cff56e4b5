"""What the tables of a run call their rows, where a name is read in more than one place.

Depths of a probe are in `lineage.data.facts`, the arm that is never injected in `lineage.config.injection`.
"""

ALL_DEPTHS = "all"
"""`depth` of figures over the probes of all depths."""
POOLED = -1
"""`encounter` of figures over all encounters."""
EVERY_LEVEL = -1.0
"""`at` of a forecast of recall over all test facts, whatever their exposure level."""

SPLIT_HALF = "split_half"
"""`estimator` that finds the peak on one half of the facts and reads it off on the other: ours."""
PLACEBO_SUBTRACTED = "placebo_subtracted"
"""`estimator`: the paper's, less what it gives for facts that are never injected."""

PAPERS_FIT = "uniform_t"
"""`fit` in which each step counts alike, so that the last decade decides."""
LOG_FIT = "uniform_log_t"
"""`fit` in which each decade of lags counts alike."""
NO_FIT = "none"
"""`fit` of a figure that comes from none."""


SIGNALS = ("gain", "twin", "drift", "raw")
"""`estimator` of curves and `signal` of runs, the best first: `lineage.analysis.counterfactual` says what they are."""


def paper_name(factor: float) -> str:
    """The paper's `estimator` with one reach of its filter of outliers: `paper_iqr_1.5`."""
    return f"paper_iqr_{factor}"


PAPERS = paper_name(1.5)
"""The paper's `estimator` with the filter of its text (its code has 2.0)."""
