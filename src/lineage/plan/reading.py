"""Jobs of retrieve-then-read: what the reader is asked, what it says, what was forecast, what came of it."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.config.models import TuneEntry
from lineage.config.reading import ReadingForecast, ReadingPrompts, ReadingStudy
from lineage.config.reading_entry import ReadingEntry
from lineage.config.safety_score import SafetyScore
from lineage.freshness import canonical
from lineage.plan.job import Job, model_folder, stage_spec

VALIDATION, TEST = "reading_validation", "reading"
"""Names of the two prompt sets, and of the reader's scores on them."""


def reading_jobs(experiment: Experiment) -> Iterator[Job]:
    """The forecast's ancestors come first, and hold no answer about a test fact."""
    entry = experiment.reading
    if entry is None:
        return
    found = {
        "retrieval_set": [f"data/retrieval/{entry.set}"],
        "runs": [f"retrieval/{name}" for name in entry.runs],
    }
    world = {"world": ["data/world"]}
    yield Job("reading_validation", f"data/prompts/{VALIDATION}", canonical(entry.validation), world)
    yield _scores_job(experiment, entry, VALIDATION)
    spec, closed_book = {"kind": entry.kind, "runs": entry.runs}, _closed_book(experiment, entry)
    inputs = {**found, "answers": [f"scores/{VALIDATION}/safety"]}
    if closed_book is not None:
        spec["closed_book"], folder = closed_book
        inputs["knowledge_forecast"] = [folder]
    yield Job("reading_forecast", "forecasts/reading", canonical(ReadingForecast.model_validate(spec)), inputs)
    yield Job("reading_prompts", f"data/prompts/{TEST}", stage_spec(ReadingPrompts, entry), world | found)
    yield _scores_job(experiment, entry, TEST)
    inputs = {
        "prompts": [f"data/prompts/{TEST}"],
        "answers": [f"scores/{TEST}/safety"],
        "forecast": ["forecasts/reading"],
    }
    yield Job("reading", "analysis/reading", stage_spec(ReadingStudy, entry), inputs)


def _scores_job(experiment: Experiment, entry: ReadingEntry, prompts: str) -> Job:
    inputs = {"model": [model_folder(experiment, entry.model)], "prompts": [f"data/prompts/{prompts}"]}
    spec = stage_spec(SafetyScore, entry, template="kept", prompts=[prompts])
    return Job("score_safety", f"scores/{prompts}/safety", spec, inputs)


def _closed_book(experiment: Experiment, entry: ReadingEntry) -> tuple[str, str] | None:
    """The pretrained checkpoint that the reader comes from, and the forecast of its recall, if study 1 makes one."""
    reference = entry.model
    while isinstance(tuned := experiment.models[reference.partition("@")[0]], TuneEntry):
        reference = tuned.start
    study = experiment.knowledge
    if study is None or study.forecast is None or experiment.world is None:
        return None
    folder = model_folder(experiment, reference)
    if folder not in [model_folder(experiment, one) for one in study.compare.models]:
        return None
    return folder.removeprefix("models/"), f"forecasts/{study.forecast.calibration}"
