"""Jobs that conclude: the claims of a study in one slice, and the digest of the design that slices share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lineage.config.experiment import Experiment, KnowledgeEntry
from lineage.config.knowledge import Knowledge, KnowledgeComparisons
from lineage.freshness import canonical, job_fingerprint
from lineage.plan.job import Job, model_folder
from lineage.plan.measuring import measuring_jobs


def claims_job(experiment: Experiment, study: KnowledgeEntry) -> Job:
    """All rows of the claims in this slice, judged with all slices that ran."""
    compared = study.compare
    runs = list(study.runs)
    inputs = {
        "acquisition": [f"acquisition/{name}" for name in runs],
        "injections": [f"injections/{name}" for name in runs],
        "scores": [_scores_folder(experiment, one) for one in compared.models],
    }
    if study.forecast is not None:
        inputs["forecast"] = [f"forecasts/{study.forecast.calibration}"]
    if experiment.world is not None:
        inputs["world"] = ["data/world"]
    spec = compared.model_dump(mode="json") | _compared_models(experiment, compared)
    sources = {experiment.facts[run.facts].source for run in study.runs.values()}
    spec["data"] = "generated" if sources == {"world"} else "real data"
    spec["design_digest"] = design_digest(experiment, spec, inputs)
    spec |= {"null": _null_of(experiment, study), "design": study.design, "seed": experiment.seed or 0}
    external = {"slices": Path(study.slices).expanduser()} if study.slices else {}
    return Job("knowledge", "analysis/knowledge", canonical(Knowledge.model_validate(spec)), inputs, external)


def design_digest(experiment: Experiment, compared: Mapping[str, Any], inputs: Mapping[str, list[str]]) -> str:
    """What slices share that are judged together, in 16 hex digits: the specs of all that the claims are made from.

    Taken out is what slices may differ in, seeds and null worlds, and what an artifact is called, up to the runs and
    models that the comparisons name. Code and external files count by neither name nor content.
    """
    plan = {job.folder: job for job in measuring_jobs(_full_world(experiment))}

    @cache
    def digest(folder: str) -> str:
        job = plan[folder]
        parents: dict[str, str | list[str]] = {
            role: [digest(parent) for parent in parents] for role, parents in job.inputs.items()
        }
        return job_fingerprint({"stage": job.stage, "spec": _unseeded(json.loads(job.spec))}, {}, parents)

    return job_fingerprint(dict(compared), {}, {one: digest(one) for folders in inputs.values() for one in folders})


def _full_world(experiment: Experiment) -> Experiment:
    """The experiment without its null world, if it is one."""
    names = ("world", "knowledge", "safety_data")
    sections = {name: getattr(experiment, name) for name in names}
    full = {name: one and one.model_copy(update={"null": "none"}) for name, one in sections.items()}
    return experiment.model_copy(update=full)


def _unseeded(node: Any) -> Any:
    """A spec without its seeds, at every level; a mapping under such a name is an entry that is called so."""
    if isinstance(node, dict):
        return {key: _unseeded(one) for key, one in node.items() if isinstance(one, dict) or not _is_seed(key)}
    return [_unseeded(one) for one in node] if isinstance(node, list) else node


def _is_seed(key: str) -> bool:
    return key in ("seed", "rotation") or key.endswith("_seed")


def _null_of(experiment: Experiment, study: KnowledgeEntry) -> str:
    """The null world of a slice: of its runs, or of the world that they read."""
    world = experiment.world.null if experiment.world is not None else "none"
    return study.null if study.null != "none" or world != "equal_exposures" else world


def _compared_models(experiment: Experiment, compared: KnowledgeComparisons) -> dict[str, Any]:
    """References to models by the names of their artifacts."""

    def name(reference: str) -> str:
        return model_folder(experiment, reference).removeprefix("models/")

    found: dict[str, Any] = {}
    if compared.long_tail:
        found["long_tail"] = name(compared.long_tail)
    if compared.deduplication:
        pair = compared.deduplication
        found["deduplication"] = {"deduplicated": name(pair.deduplicated), "duplicated": name(pair.duplicated)}
    return found


def _scores_folder(experiment: Experiment, reference: str) -> str:
    return f"{model_folder(experiment, reference).replace('models/', 'scores/', 1)}/language"
