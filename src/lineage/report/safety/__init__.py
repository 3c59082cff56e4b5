"""Figures of the study of safety under vision-language adaptation: tables in, charts out."""

from lineage.report.safety.figures import forgetting, merge_sweep, refusal_by_exposure, trajectory
from lineage.report.safety.pareto import trade_off

__all__ = ["forgetting", "merge_sweep", "refusal_by_exposure", "trade_off", "trajectory"]
