"""Jobs of study 1: runs with injected facts, what they show, and what is forecast."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment, KnowledgeEntry, RunEntry
from lineage.config.forecast import Forecast
from lineage.config.injection import Inject, Injections
from lineage.config.references import TWIN
from lineage.freshness import canonical
from lineage.plan.job import Job, model_folder, stage_spec


def study_jobs(experiment: Experiment) -> Iterator[Job]:
    study = experiment.knowledge
    if study is None:
        return
    for name, run in study.runs.items():
        yield from _run_jobs(experiment, study, name, run)
    forecast = _forecast_job(experiment, study)
    if forecast is not None:
        yield forecast


def _run_jobs(experiment: Experiment, study: KnowledgeEntry, name: str, run: RunEntry) -> Iterator[Job]:
    """The plan of a run, the run and its twin, and what they show."""
    tokenizer = [f"tokenizers/{experiment.tokens[run.tokens].tokenizer}"]
    plan = {"facts": [f"data/facts/{run.facts}"], "tokenizer": tokenizer}
    injected, twin_injected = _injected(study, run)
    planned = stage_spec(Injections, run, null=study.null, decoys="decoys" in (injected, twin_injected))
    yield Job("injections", f"injections/{name}", planned, plan)
    inputs = {
        "tokens": [f"data/tokens/{run.tokens}"],
        "tokenizer": tokenizer,
        "start": [model_folder(experiment, run.start)],
        "injections": [f"injections/{name}"],
    }
    measured = {"injections": [f"injections/{name}"], "trajectory": [f"trajectories/{name}"]}
    fixed = {"probed": True, "probe_batch_tokens": run.probing.batch_tokens}
    yield Job("inject", f"trajectories/{name}", stage_spec(Inject, run, injected=injected, **fixed), inputs)
    if run.twin is not None:
        twin = f"trajectories/{name}{TWIN}"
        measured["twin"] = [twin]
        yield Job("inject", twin, stage_spec(Inject, run, injected=twin_injected, **fixed), inputs)
    yield Job("acquisition", f"acquisition/{name}", canonical(study.acquisition), measured)


def _injected(study: KnowledgeEntry, run: RunEntry) -> tuple[str, str]:
    """What a run and its twin read in the rows of the facts.

    Without injection the run reads the decoys, against a twin that reads the background there: texts as strange as the
    facts' are injected, but none of a fact that is asked for.
    """
    if study.null == "no_injection":
        return "decoys", "nothing"
    return "facts", "decoys" if run.twin == "decoys" else "nothing"


def _forecast_job(experiment: Experiment, study: KnowledgeEntry) -> Job | None:
    """Reads the calibration run, the plans of the others, and what training showed: no outcome of what it predicts."""
    if study.forecast is None:
        return None
    calibration = study.forecast.calibration
    inputs = {
        "calibration": [f"acquisition/{calibration}"],
        "plan": [f"injections/{calibration}"],
        "injections": [f"injections/{name}" for name in study.runs if name != calibration],
    }
    models = [model_folder(experiment, one) for one in study.compare.models]
    if experiment.world is not None and models:
        inputs["exposures"] = [one.replace("models/", "exposures/", 1) for one in models]
        inputs["world"] = ["data/world"]
    return Job("forecast", f"forecasts/{calibration}", stage_spec(Forecast, study.forecast), inputs)
