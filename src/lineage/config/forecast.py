"""What the stage `forecast` reads: how a kernel of forgetting becomes predictions."""

from typing import Literal

from lineage.config.base import Frozen


class Forecast(Frozen):
    """Predictions from facts that were met once: gains of other schedules, and recall by exposure."""

    once: str = "once"
    """Arm of the calibration run whose facts are met once."""
    fit: Literal["uniform_t", "uniform_log_t"] = "uniform_log_t"
    """Fit of that arm's retention that the kernel is read from: each step counts alike, or each decade of steps."""
    recall_depth: Literal["memorization", "semantic", "compositional", "all"] = "semantic"
    """Depth whose kernel predicts closed-book recall: its cues stand in no document, so the wording always differs."""
