"""Jobs that make models, from one checkpoint to the next, and say what training showed them."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import WORLD, Experiment
from lineage.config.exposures import Exposures
from lineage.config.imported import ImportModel
from lineage.config.merging import Merge
from lineage.config.models import (
    AlignEntry,
    DpoEntry,
    ImportEntry,
    MergeEntry,
    PretrainEntry,
    T5Entry,
    TowerEntry,
    TuneEntry,
)
from lineage.config.pretrain import Pretrain
from lineage.config.references import artifact_names
from lineage.config.retrieval_models import T5Pretraining
from lineage.config.score import LanguageScore
from lineage.config.tuning import Alignment, ContrastiveTower, PreferenceTuning, Tuning
from lineage.freshness import canonical
from lineage.plan.job import Job, model_folder, source, stage_spec


def model_jobs(experiment: Experiment) -> Iterator[Job]:
    """Every model and checkpoint, parents first."""
    for name in _parents_first(experiment):
        entry = experiment.models[name]
        if isinstance(entry, PretrainEntry):
            yield from _segments(experiment, name, entry)
        elif isinstance(entry, TuneEntry):
            yield from _tuned(experiment, name, entry)
        else:
            yield _whole(experiment, name, entry)


def _whole(
    experiment: Experiment, name: str, entry: ImportEntry | T5Entry | TowerEntry | AlignEntry | DpoEntry | MergeEntry
) -> Job:
    """A model that is made in one go."""
    folder, sets = f"models/{name}", _sets(entry)
    parents = {key: [model_folder(experiment, one)] for key, one in entry.parents.items()}
    if isinstance(entry, ImportEntry):
        return Job("import_model", folder, stage_spec(ImportModel, entry), external=source(experiment, entry.path))
    if isinstance(entry, T5Entry):
        inputs = {"retrieval_set": [f"data/retrieval/{entry.set}"], "tokenizer": [f"tokenizers/{entry.tokenizer}"]}
        return Job("pretrain_t5", folder, stage_spec(T5Pretraining, entry), inputs)
    if isinstance(entry, TowerEntry):
        inputs = {"conversations": sets, "tokenizer": [f"tokenizers/{entry.tokenizer}"]}
        return Job("tower", folder, stage_spec(ContrastiveTower, entry), inputs)
    if isinstance(entry, AlignEntry):
        return Job("align", folder, stage_spec(Alignment, entry), {**parents, "conversations": sets})
    if isinstance(entry, DpoEntry):
        held_out = [f"data/preferences/{entry.validation}"] if entry.validation else []
        inputs = {**parents, "preferences": sets, "validation": held_out}
        return Job("dpo", folder, stage_spec(PreferenceTuning, entry), inputs)
    return _merged(experiment, folder, entry)


def _merged(experiment: Experiment, folder: str, entry: MergeEntry) -> Job:
    """A merge, whose spec names the artifacts that are merged."""
    parents = [model_folder(experiment, one.name) for one in entry.models]
    models = [
        {**one.model_dump(mode="json"), "name": parent.removeprefix("models/")}
        for one, parent in zip(entry.models, parents, strict=True)
    ]
    base = [model_folder(experiment, entry.base)] if entry.base else []
    fields = {name: value for name, value in entry.model_dump(mode="json").items() if name in Merge.model_fields}
    names = {one.name: model["name"] for one, model in zip(entry.models, models, strict=True)}
    fields |= {"models": models, "projector": names.get(entry.projector or "", entry.projector)}
    spec = canonical(Merge.model_validate(fields))
    return Job("merge", folder, spec, {"parents": parents, "base": base})


def _sets(entry: object) -> list[str]:
    """Folders of the sets that the shares of an entry name."""
    kind = "preferences" if isinstance(entry, DpoEntry) else "conversations"
    return [f"data/{kind}/{name}" for name in getattr(entry, "shares", {})]


def _tuned(experiment: Experiment, name: str, entry: TuneEntry) -> Iterator[Job]:
    """A chain of jobs, one a kept checkpoint; each goes on from the state of the one before."""
    first, start = 0, [model_folder(experiment, entry.start)]
    for last in entry.kept_steps:
        spec = stage_spec(Tuning, entry, first_step=first, last_step=last)
        folder = f"models/{name}@{last}"
        prompts = [f"data/prompts/{entry.probed}"] if entry.probed else []
        yield Job("tune", folder, spec, {"start": start, "conversations": _sets(entry), "prompts": prompts})
        first, start = last, [folder]


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
    """What the segment showed, on top of what the model that it starts from had seen: of a tuned model, what that was
    tuned from.
    """
    known = [found for one in start if (found := _exposures_of(experiment, one.removeprefix("models/")))]
    inputs = {
        "model": [model],
        "tokens": [f"data/tokens/{entry.tokens}"],
        "tokenizer": [f"tokenizers/{experiment.tokens[entry.tokens].tokenizer}"],
        "world": ["data/world"],
        "parent": known,
    }
    return Job("exposures", model.replace("models/", "exposures/", 1), canonical(Exposures()), inputs)


def score_jobs(experiment: Experiment) -> Iterator[Job]:
    """First scores of models that were pretrained or imported, or of those that the config names."""
    scores = experiment.scores
    if scores is None:
        return
    read_text = {
        name: entry for name, entry in experiment.models.items() if isinstance(entry, PretrainEntry | ImportEntry)
    }
    every = [one for name, entry in read_text.items() for one in artifact_names(name, entry)]
    for reference in dict.fromkeys(every if scores.models is None else scores.models):
        model = model_folder(experiment, reference)
        inputs = {"model": [model], "corpus": [f"data/corpora/{scores.corpus}"]}
        if experiment.world is not None:
            inputs["world"] = ["data/world"]
        if exposures := _exposures_of(experiment, reference):
            inputs["exposures"] = [exposures]
        folder = f"scores/{model.removeprefix('models/')}/language"
        yield Job("score_language", folder, stage_spec(LanguageScore, scores), inputs)


def _exposures_of(experiment: Experiment, reference: str) -> str | None:
    """The exposures of a model, or of what it was tuned from; None where it never read documents of the world."""
    name = reference.partition("@")[0]
    entry = experiment.models[name]
    if isinstance(entry, PretrainEntry):
        seen = _sees_world(experiment, name)
        return model_folder(experiment, reference).replace("models/", "exposures/", 1) if seen else None
    start = next(iter(entry.parents.values()), None)
    return _exposures_of(experiment, start) if start else None


def _parents_first(experiment: Experiment) -> list[str]:
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        for parent in experiment.models[name].parents.values():
            visit(parent.partition("@")[0])
        ordered.setdefault(name)

    for name in experiment.models:
        visit(name)
    return list(ordered)
