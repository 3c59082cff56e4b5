"""All jobs but those that conclude from what was measured."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.plan.data import data_jobs
from lineage.plan.job import Job
from lineage.plan.judges import judge_jobs, judged_jobs
from lineage.plan.knowledge import study_jobs
from lineage.plan.layers import layer_jobs
from lineage.plan.models import model_jobs, score_jobs
from lineage.plan.reading import reading_jobs
from lineage.plan.retrieval import retrieval_jobs, retrieval_set_jobs
from lineage.plan.safety import prompt_jobs, safety_score_jobs


def measuring_jobs(experiment: Experiment) -> Iterator[Job]:
    """Data, prompts, judges, models, scores, retrievers and runs, parents before children."""
    yield from data_jobs(experiment)
    yield from retrieval_set_jobs(experiment)
    yield from prompt_jobs(experiment)
    yield from judge_jobs(experiment)
    yield from model_jobs(experiment)
    yield from score_jobs(experiment)
    yield from safety_score_jobs(experiment)
    yield from judged_jobs(experiment)
    yield from layer_jobs(experiment)
    yield from retrieval_jobs(experiment)
    yield from study_jobs(experiment)
    yield from reading_jobs(experiment)
