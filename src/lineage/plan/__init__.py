"""From an experiment to its jobs: which stage makes which artifact, from what.

The Snakefile and the command line read the same plan, so what `lineage why` explains is what Snakemake compares.
"""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.plan.claims import claims_job
from lineage.plan.job import Job, Plan, model_folder, stage_spec
from lineage.plan.measuring import measuring_jobs
from lineage.plan.report import report_job
from lineage.plan.retrieval_study import retrieval_study_job
from lineage.plan.safety_study import safety_study_job

__all__ = ["Job", "Plan", "ancestors", "make_plan", "model_folder", "stage_spec"]


def make_plan(experiment: Experiment) -> Plan:
    """Every artifact that the experiment names."""
    plan = {job.folder: job for job in _jobs(experiment)}
    if experiment.report is not None:
        shown = report_job(experiment, experiment.report, plan)
        plan[shown.folder] = shown
    return plan


def ancestors(plan: Plan, folder: str) -> list[str]:
    """Folders that `folder` is made from, directly or not, in the order of the plan."""
    found: set[str] = set()
    todo = [folder]
    while todo:
        for parents in plan[todo.pop()].inputs.values():
            todo.extend(parent for parent in parents if parent not in found)
            found.update(parents)
    return [one for one in plan if one in found]


def _jobs(experiment: Experiment) -> Iterator[Job]:
    yield from measuring_jobs(experiment)
    if experiment.knowledge is not None:
        yield claims_job(experiment, experiment.knowledge)
    if experiment.safety_study is not None:
        yield safety_study_job(experiment, experiment.safety_study)
    if experiment.retrieval_study is not None:
        yield retrieval_study_job(experiment, experiment.retrieval_study)
