"""Figures of the study of how facts are acquired and forgotten: tables in, charts out."""

from lineage.report.knowledge.curves import trajectories
from lineage.report.knowledge.decay import retainability, retainability_across_runs
from lineage.report.knowledge.effectivity import effectivity_across_runs, effectivity_bars
from lineage.report.knowledge.encounters import effectivity_by_encounter
from lineage.report.knowledge.forecast import forecast_against_outcome
from lineage.report.knowledge.tail import long_tail
from lineage.report.knowledge.threshold import threshold_interval, threshold_sweep

__all__ = [
    "effectivity_across_runs",
    "effectivity_bars",
    "effectivity_by_encounter",
    "forecast_against_outcome",
    "long_tail",
    "retainability",
    "retainability_across_runs",
    "threshold_interval",
    "threshold_sweep",
    "trajectories",
]
