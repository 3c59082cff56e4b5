"""The job that shows everything: it reads every model, score, search and analysis of the plan."""

from __future__ import annotations

from lineage.config.experiment import Experiment
from lineage.config.report import Report, ReportEntry
from lineage.plan.job import Job, Plan, stage_spec

REPORT = "report"
_SEARCHES = ("vocabularies/", "contrasts/", "encoders/", "retriever_models/", "retrieval/")
_SETS = ("data/", "tokenizers/")


def report_job(experiment: Experiment, entry: ReportEntry, plan: Plan) -> Job:
    """Its spec holds no names: what is a parent of what follows from the manifests."""
    models = [folder for folder in plan if folder.startswith("models/")]
    searches = [folder for folder in plan if folder.startswith(_SEARCHES)]
    made_from = [one for folder in [*models, *searches] for role in plan[folder].inputs.values() for one in role]
    asked = [folder for folder, job in plan.items() if job.stage == "score_safety"]
    inputs = {
        "models": models,
        "searches": searches,
        "data": list(dict.fromkeys(one for one in made_from if one.startswith(_SETS))),
        "language": [folder for folder, job in plan.items() if job.stage == "score_language"],
        "answers": asked,
        "prompts": list(dict.fromkeys(one for folder in asked for one in plan[folder].inputs["prompts"])),
        "judged": [folder for folder, job in plan.items() if job.stage == "judged"],
        "retrieval_scores": [folder for folder, job in plan.items() if job.stage == "retrieval_scores"],
        "analyses": [folder for folder in plan if folder.startswith("analysis/") and folder.count("/") == 1],
    }
    spec = stage_spec(Report, entry, title=experiment.experiment, generated=experiment.world is not None)
    return Job("report", REPORT, spec, inputs)
