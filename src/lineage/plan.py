"""From an experiment to its jobs: which stage makes which artifact, from what.

The Snakefile and the command line read the same plan, so what `lineage why` explains is what Snakemake compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lineage.config.base import Frozen
from lineage.config.corpus import Corpus
from lineage.config.experiment import WORLD, Experiment, ImportEntry, KnowledgeEntry, PretrainEntry, RunEntry
from lineage.config.exposures import Exposures
from lineage.config.facts import WorldFacts
from lineage.config.forecast import Forecast
from lineage.config.imported import ImportModel
from lineage.config.injection import Inject, Injections
from lineage.config.knowledge import Knowledge, KnowledgeComparisons
from lineage.config.pretrain import Pretrain
from lineage.config.references import TWIN, artifact_names, model_step
from lineage.config.score import LanguageScore
from lineage.config.tokenizer import Tokens
from lineage.freshness import canonical, job_fingerprint


@dataclass(frozen=True)
class Job:
    """One artifact: the stage that makes it, what it reads, and where it lies below `results/<experiment>/`."""

    stage: str
    folder: str
    spec: str
    """Canonical JSON of exactly the config that the stage reads."""
    inputs: dict[str, list[str]] = field(default_factory=dict)
    """Folders of input artifacts by the name of the stage's parameter."""
    external: dict[str, Path] = field(default_factory=dict)
    """Files outside results, by the name of the stage's parameter."""


Plan = dict[str, Job]
"""Jobs by folder, parents before children."""


def make_plan(experiment: Experiment) -> Plan:
    """Every artifact that the experiment names."""
    return {job.folder: job for job in _jobs(experiment)}


def ancestors(plan: Plan, folder: str) -> list[str]:
    """Folders that `folder` is made from, directly or not, in the order of the plan."""
    found: set[str] = set()
    todo = [folder]
    while todo:
        for parents in plan[todo.pop()].inputs.values():
            todo.extend(parent for parent in parents if parent not in found)
            found.update(parents)
    return [one for one in plan if one in found]


def model_folder(experiment: Experiment, reference: str) -> str:
    """`base` -> `models/base@900`."""
    name, step = model_step(experiment, reference)
    return f"models/{name}" if step is None else f"models/{name}@{step}"


def _jobs(experiment: Experiment) -> Iterator[Job]:
    yield from _measuring_jobs(experiment)
    if experiment.knowledge is not None:
        yield _claims_job(experiment, experiment.knowledge)


def _measuring_jobs(experiment: Experiment) -> Iterator[Job]:
    """All jobs but those that conclude from what was measured."""
    if experiment.world is not None:
        yield Job("world", "data/world", canonical(experiment.world))
    yield from _data_jobs(experiment)
    yield from _model_jobs(experiment)
    yield from _score_jobs(experiment)
    yield from _study_jobs(experiment)


def _data_jobs(experiment: Experiment) -> Iterator[Job]:
    for name, entry in experiment.documents.items():
        spec = canonical(entry.model_dump(mode="json", exclude={"path"}))
        yield Job("documents", f"data/documents/{name}", spec, external=_source(experiment, entry.path))
    for name, entry in experiment.corpora.items():
        sets = ["data/world" if one == WORLD else f"data/documents/{one}" for one in entry.of]
        yield Job("corpus", f"data/corpora/{name}", stage_spec(Corpus, entry), {"documents": sets})
    for name, entry in experiment.tokenizers.items():
        inputs: dict[str, list[str]] = {}
        if entry.corpus is not None:
            inputs["corpus"] = [f"data/corpora/{entry.corpus}"]
        if experiment.world is not None and (entry.corpus is None or WORLD in experiment.corpora[entry.corpus].of):
            inputs["world"] = ["data/world"]
        spec = canonical(entry.model_dump(mode="json", exclude={"corpus": True, "existing": {"path"}}))
        external = _source(experiment, entry.existing.path if entry.existing else None)
        yield Job("tokenizer", f"tokenizers/{name}", spec, inputs, external)
    for name, entry in experiment.tokens.items():
        inputs = {"corpus": [f"data/corpora/{entry.corpus}"], "tokenizer": [f"tokenizers/{entry.tokenizer}"]}
        yield Job("tokens", f"data/tokens/{name}", stage_spec(Tokens, entry), inputs)
    for name, entry in experiment.facts.items():
        spec = canonical(entry.model_dump(mode="json", exclude={"path"}))
        if isinstance(entry, WorldFacts):
            yield Job("facts", f"data/facts/{name}", spec, {"world": ["data/world"]})
        else:
            yield Job("facts", f"data/facts/{name}", spec, external=_source(experiment, entry.path))


def _model_jobs(experiment: Experiment) -> Iterator[Job]:
    for name in _parents_first(experiment):
        entry = experiment.models[name]
        if isinstance(entry, PretrainEntry):
            yield from _segments(experiment, name, entry)
        else:
            yield _import_job(experiment, name, entry)


def _segments(experiment: Experiment, name: str, entry: PretrainEntry) -> Iterator[Job]:
    """A chain of jobs, one a kept checkpoint; each goes on from the state of the one before."""
    tokens = experiment.tokens[entry.tokens]
    first, start = 0, [model_folder(experiment, entry.start)] if entry.start else []
    for last in entry.kept_steps:
        spec = stage_spec(Pretrain, entry, first_step=first, last_step=last)
        inputs = {
            "tokens": [f"data/tokens/{entry.tokens}"],
            "tokenizer": [f"tokenizers/{tokens.tokenizer}"],
            "start": start,
        }
        if entry.held_out is not None:
            inputs["held_out"] = [f"data/corpora/{tokens.corpus}"]
        folder = f"models/{name}@{last}"
        yield Job("pretrain", folder, spec, inputs)
        if _sees_world(experiment, name):
            yield _exposures_job(experiment, entry, folder, start)
        first, start = last, [folder]


def _sees_world(experiment: Experiment, name: str) -> bool:
    """Whether the run, or one that it goes on from, reads documents of the world."""
    entry = experiment.models[name]
    own = isinstance(entry, PretrainEntry) and WORLD in experiment.corpora[experiment.tokens[entry.tokens].corpus].of
    return own or any(_sees_world(experiment, parent.partition("@")[0]) for parent in entry.parents.values())


def _exposures_job(experiment: Experiment, entry: PretrainEntry, model: str, start: list[str]) -> Job:
    """What the segment showed, on top of what the model that it starts from had seen."""
    known = [one for one in start if _sees_world(experiment, one.removeprefix("models/").partition("@")[0])]
    inputs = {
        "model": [model],
        "tokens": [f"data/tokens/{entry.tokens}"],
        "tokenizer": [f"tokenizers/{experiment.tokens[entry.tokens].tokenizer}"],
        "world": ["data/world"],
        "parent": [one.replace("models/", "exposures/", 1) for one in known],
    }
    return Job("exposures", model.replace("models/", "exposures/", 1), canonical(Exposures()), inputs)


def _import_job(experiment: Experiment, name: str, entry: ImportEntry) -> Job:
    external = _source(experiment, entry.path)
    return Job("import_model", f"models/{name}", stage_spec(ImportModel, entry), external=external)


def _score_jobs(experiment: Experiment) -> Iterator[Job]:
    scores = experiment.scores
    if scores is None:
        return
    every = [one for name, entry in experiment.models.items() for one in artifact_names(name, entry)]
    asked = (
        every if scores.models is None else [model_folder(experiment, one).rpartition("/")[2] for one in scores.models]
    )
    for artifact in dict.fromkeys(asked):
        inputs = {"model": [f"models/{artifact}"], "corpus": [f"data/corpora/{scores.corpus}"]}
        if experiment.world is not None:
            inputs["world"] = ["data/world"]
        if _sees_world(experiment, artifact.partition("@")[0]):
            inputs["exposures"] = [f"exposures/{artifact}"]
        yield Job("score_language", f"scores/{artifact}/language", stage_spec(LanguageScore, scores), inputs)


def _study_jobs(experiment: Experiment) -> Iterator[Job]:
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


def _claims_job(experiment: Experiment, study: KnowledgeEntry) -> Job:
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
    plan = {job.folder: job for job in _measuring_jobs(_full_world(experiment))}

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
    world, study = (
        section and section.model_copy(update={"null": "none"}) for section in (experiment.world, experiment.knowledge)
    )
    return experiment.model_copy(update={"world": world, "knowledge": study})


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


def stage_spec(config: type[Frozen], entry: BaseModel, **fixed: object) -> str:
    """The fields of `entry` that the stage's own config has, as canonical JSON; references stay behind."""
    fields = {name: getattr(entry, name) for name in config.model_fields if name not in fixed}
    return canonical(config.model_validate(fields | fixed))


def _parents_first(experiment: Experiment) -> list[str]:
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        for parent in experiment.models[name].parents.values():
            visit(parent.partition("@")[0])
        ordered.setdefault(name)

    for name in experiment.models:
        visit(name)
    return list(ordered)


def _source(experiment: Experiment, path: str | None) -> dict[str, Path]:
    """The external input of a stage that reads a path of the user's, relative to `data_root`."""
    if path is None:
        return {}
    return {"source": Path(experiment.data_root or ".").expanduser() / Path(path).expanduser()}
