"""Names in an experiment that must mean something: checked before any job exists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lineage.config.experiment import WORLD, CorpusEntry, Experiment, ForecastEntry, KnowledgeEntry, RunEntry
from lineage.config.facts import FactReading
from lineage.config.injection import PLACEBO
from lineage.config.judge_references import judge_references, judged_references
from lineage.config.layer_references import layer_models, layer_references
from lineage.config.messages import Mistake, did_you_mean, listed
from lineage.config.models import ImportEntry, ModelEntry, PretrainEntry
from lineage.config.reading_references import reading_references
from lineage.config.retrieval_references import retrieval_models, retrieval_references
from lineage.config.retrieval_study_references import retrieval_study_references
from lineage.config.safety_references import safety_references
from lineage.config.safety_study_references import safety_study_references
from lineage.config.tuning_references import tuning_references

TWIN = "_twin"
"""Ending of the name of a run's twin."""


def check_references(experiment: Experiment) -> list[Mistake]:
    """Every reference that leads nowhere, every cycle, every missing checkpoint, every tokenizer that disagrees.

    A message that starts with a verb continues its path; any other stands behind a colon.
    """
    mistakes = [*_data_references(experiment), *_model_references(experiment), *_study_references(experiment)]
    mistakes += [
        *tuning_references(experiment),
        *judge_references(experiment),
        *judged_references(experiment),
        *safety_references(experiment),
    ]
    mistakes += [*layer_references(experiment), *safety_study_references(experiment)]
    mistakes += [*retrieval_references(experiment), *reading_references(experiment)]
    mistakes += retrieval_study_references(experiment)
    if not mistakes:
        mistakes = [*_cycles(experiment)]
    if not mistakes:
        mistakes = [*_tokenizers_agree(experiment), *_backgrounds_are_unread(experiment)]
    return mistakes


def model_step(experiment: Experiment, reference: str) -> tuple[str, int | None]:
    """`base@300` -> ("base", 300); a bare name means the last checkpoint; imported models have no step."""
    name, _, step = reference.partition("@")
    kept = experiment.models[name].kept_steps
    return name, int(step) if step else (kept[-1] if kept else None)


def artifact_names(name: str, entry: ModelEntry) -> list[str]:
    """Folder names of a model's artifacts: `base@100`, `base@300`, or the bare name of an imported model."""
    return [f"{name}@{step}" for step in entry.kept_steps] or [name]


def _unknown(path: str, value: str, kind: str, section: str, known: Iterable[str]) -> Mistake:
    known = list(known)
    others = [name for name in known if not path.startswith(f"{section}.{name}.")]
    return path, f"is '{value}', which is no {kind}.{did_you_mean(value, others)}\n  {section}: {listed(known)}"


def _study_references(experiment: Experiment) -> Iterator[Mistake]:
    """What the runs of the knowledge study name, and whether they can go on from it."""
    for name, facts in experiment.facts.items():
        if facts.source == "world" and experiment.world is None:
            yield f"facts.{name}.source", "is 'world', but the experiment has no world: give `world` or another source"
        elif facts.source == "fictional_knowledge" and facts.path is None and facts.name is None:
            yield f"facts.{name}", "says nowhere what to read: give `path` or `name` (a hub id with `revision`)"
    runs = experiment.knowledge.runs if experiment.knowledge else {}
    for name, run in runs.items():
        path = f"knowledge.runs.{name}"
        if run.tokens not in experiment.tokens:
            yield _unknown(f"{path}.tokens", run.tokens, "token stream", "tokens", experiment.tokens)
        if run.facts not in experiment.facts:
            yield _unknown(f"{path}.facts", run.facts, "set of facts", "facts", experiment.facts)
        yield from _model_reference(experiment, f"{path}.start", run.start)
        if name.endswith(TWIN) and name.removesuffix(TWIN) in runs:
            yield path, f"has the name of the twin of '{name.removesuffix(TWIN)}': choose another"
        start = experiment.models.get(run.start.partition("@")[0])
        if isinstance(start, ImportEntry) and run.moments == "kept":
            yield f"{path}.moments", f"is 'kept', but '{run.start}' is imported and has none: set `moments: new`"
    if experiment.knowledge is not None:
        yield from _comparison_references(experiment, experiment.knowledge)


def _comparison_references(experiment: Experiment, study: KnowledgeEntry) -> Iterator[Mistake]:
    """What the claims compare must be runs and scored models; the forecast must not see what it predicts."""
    compared = study.compare
    for name in compared.runs:
        if name not in study.runs:
            yield _unknown("knowledge.compare", name, "run", "knowledge.runs", study.runs)
    for reference in compared.models:
        path = "knowledge.compare.long_tail" if reference == compared.long_tail else "knowledge.compare.deduplication"
        mistakes = list(_model_reference(experiment, path, reference))
        yield from mistakes
        scores = experiment.scores
        if not mistakes and (scores is None or (scores.models is not None and reference not in scores.models)):
            yield path, f"is '{reference}', which is not scored: name it in `scores.models`"
    if study.forecast is not None:
        yield from _calibration(experiment, study, study.forecast)


def _calibration(experiment: Experiment, study: KnowledgeEntry, forecast: ForecastEntry) -> Iterator[Mistake]:
    """The kernel comes from facts that are met once and that no predicted run injects."""
    name, path = forecast.calibration, "knowledge.forecast.calibration"
    if name not in study.runs:
        yield _unknown(path, name, "run", "knowledge.runs", study.runs)
        return
    if name in study.compare.runs:
        yield path, f"is '{name}', which `compare` names too: calibrate on another run"
    if forecast.once == PLACEBO:
        yield "knowledge.forecast.once", f"is '{PLACEBO}', the placebo: name the arm whose facts are met once"
    arms = study.runs[name].arms
    for arm in (forecast.once, PLACEBO):
        if arm not in arms:
            message = f"is '{name}', a run without the arm '{arm}': give it the arms '{forecast.once}' and '{PLACEBO}'"
            yield path, f"{message}\n  knowledge.runs.{name}.arms: {listed(arms)}"
    for arm, settings in arms.items():
        if settings.encounters > 1:
            message = f"is {settings.encounters}, but this run calibrates the forecast with facts that are met once"
            yield f"knowledge.runs.{name}.arms.{arm}.encounters", f"{message}: set 1, or take the arm away (null)"
    facts = study.runs[name].facts
    for other, run in study.runs.items():
        known = {facts, run.facts} <= set(experiment.facts)
        if other != name and known and _may_share(experiment.facts[facts], experiment.facts[run.facts]):
            message = f"is '{facts}', of which '{other}' injects facts too (from '{run.facts}')"
            yield f"knowledge.runs.{name}.facts", f"{message}: give it facts of its own (`skip` of their source)"
            return


def _may_share(one: FactReading, other: FactReading) -> bool:
    """Whether two sets may hold the same fact: ranges of one source that overlap."""
    mine, theirs = (reading.model_dump(include={"source", "path", "name", "split"}) for reading in (one, other))
    before = one.stop is not None and one.stop <= other.skip
    behind = other.stop is not None and other.stop <= one.skip
    return mine == theirs and not before and not behind


def _data_references(experiment: Experiment) -> Iterator[Mistake]:
    sets = [*experiment.documents, *([WORLD] if experiment.world else [])]
    if WORLD in experiment.documents:
        yield f"documents.{WORLD}", "is the name of the generated world; choose another"
    for name, reading in experiment.documents.items():
        if reading.path is None and getattr(reading, "name", None) is None:
            remedy = "`path` or `name` (a hub id with `revision`)" if reading.reader == "datasets" else "`path`"
            yield f"documents.{name}", f"says nowhere what to read: give {remedy}"
    for name, corpus in experiment.corpora.items():
        for position, one in enumerate(corpus.of):
            if one not in sets:
                yield _unknown(f"corpora.{name}.of.{position}", one, "document set", "documents", sets)
    yield from _held_out_parts_agree(experiment)
    for name, tokenizer in experiment.tokenizers.items():
        if (tokenizer.corpus is None) == (tokenizer.existing is None):
            yield f"tokenizers.{name}", "give exactly one of `corpus` (train one) and `existing` (take one over)"
        elif tokenizer.existing is not None and tokenizer.existing.path is None and tokenizer.existing.name is None:
            yield f"tokenizers.{name}.existing", "give either `path` (a folder) or `name` (a hub id) with `revision`"
        elif tokenizer.corpus is not None and tokenizer.corpus not in experiment.corpora:
            yield _unknown(f"tokenizers.{name}.corpus", tokenizer.corpus, "corpus", "corpora", experiment.corpora)
    for name, tokens in experiment.tokens.items():
        if tokens.corpus not in experiment.corpora:
            yield _unknown(f"tokens.{name}.corpus", tokens.corpus, "corpus", "corpora", experiment.corpora)
        if tokens.tokenizer not in experiment.tokenizers:
            yield _unknown(
                f"tokens.{name}.tokenizer", tokens.tokenizer, "tokenizer", "tokenizers", experiment.tokenizers
            )
    if experiment.scores is not None and experiment.scores.corpus not in experiment.corpora:
        yield _unknown("scores.corpus", experiment.scores.corpus, "corpus", "corpora", experiment.corpora)


def _held_out_parts_agree(experiment: Experiment) -> Iterator[Mistake]:
    """Corpora that share documents must set the same ones aside, or one trains on what another is scored on."""
    keys = ("seed", "held_out_share", "held_out_sources", "continuation_share", "continuation_sources")
    corpora = list(experiment.corpora.items())
    for position, (name, corpus) in enumerate(corpora):
        for earlier, other in corpora[:position]:
            shared = [one for one in corpus.of if one in other.of]
            differing = [key for key in keys if getattr(corpus, key) != getattr(other, key)]
            if shared and differing:
                mine, theirs = (getattr(one, differing[0]) for one in (corpus, other))
                message = (
                    f"is {mine!r}, but corpora.{earlier}, which shares '{shared[0]}', has {theirs!r}:"
                    " what one holds out the other would train on. Give both the same"
                )
                yield f"corpora.{name}.{differing[0]}", message
            elif shared and _is_split(corpus) and corpus.clusters != other.clusters:
                mine, theirs = _clusters_key(corpus), _clusters_key(other)
                message = (
                    f"is another search for duplicates than corpora.{earlier}.{theirs}, and both read '{shared[0]}': of"
                    " what one holds out the other would train on copies. Give both the same"
                )
                yield f"corpora.{name}.{mine}", message


def _is_split(corpus: CorpusEntry) -> bool:
    return corpus.held_out_share > 0 or corpus.continuation_share > 0


def _clusters_key(corpus: CorpusEntry) -> str:
    """The key that says which documents are near duplicates."""
    return "near_duplicates" if corpus.near_duplicates is not None else "kept_together"


def _model_references(experiment: Experiment) -> Iterator[Mistake]:
    for name, entry in experiment.models.items():
        if isinstance(entry, PretrainEntry):
            path = f"models.{name}"
            if entry.tokens not in experiment.tokens:
                yield _unknown(f"{path}.tokens", entry.tokens, "token stream", "tokens", experiment.tokens)
            if (entry.architecture is None) == (entry.start is None):
                yield path, "give exactly one of `architecture` (from scratch) and `start` (from another model)"
        for key, reference in entry.parents.items():
            yield from _model_reference(experiment, f"models.{name}.{key}", reference)
    if experiment.scores is not None:
        for position, reference in enumerate(experiment.scores.models or []):
            yield from _model_reference(experiment, f"scores.models.{position}", reference)
    for position, measured in enumerate(experiment.safety.models if experiment.safety else []):
        yield from _model_reference(experiment, f"safety.models.{position}.model", measured.model)
    if experiment.reading is not None:
        yield from _model_reference(experiment, "reading.model", experiment.reading.model)
    for path, reference in [*layer_models(experiment), *retrieval_models(experiment)]:
        yield from _model_reference(experiment, path, reference)


def _model_reference(experiment: Experiment, path: str, reference: str) -> Iterator[Mistake]:
    name, _, step = reference.partition("@")
    if name not in experiment.models:
        yield _unknown(path, name, "model", "models", experiment.models)
        return
    entry = experiment.models[name]
    if step and not entry.kept_steps:
        yield path, f"is '{reference}', but '{name}' has no checkpoints: write '{name}'"
    elif step and int(step) not in entry.kept_steps:
        kept = listed(artifact_names(name, entry))
        message = f"is '{reference}', a checkpoint that is not declared; add {step} to models.{name}.checkpoints"
        yield path, f"{message}\n  kept: {kept}"


def _cycles(experiment: Experiment) -> Iterator[Mistake]:
    told: set[str] = set()
    for name in experiment.models:
        for key, chain in _chains(experiment, name):
            if chain[-1] == name and not told & set(chain):
                told.update(chain)
                yield (
                    f"models.{name}.{key}",
                    f"makes a cycle: {' -> '.join(chain)}. Build one of them from scratch (`architecture`)",
                )


def _chains(experiment: Experiment, name: str) -> Iterator[tuple[str, list[str]]]:
    """(key, names): every way from a model up its parents, until it ends or meets a name again."""
    todo = [(key, [name, parent.partition("@")[0]]) for key, parent in experiment.models[name].parents.items()]
    while todo:
        key, chain = todo.pop()
        parents = {parent.partition("@")[0] for parent in experiment.models[chain[-1]].parents.values()}
        if not parents or chain[-1] in chain[:-1]:
            yield key, chain
        else:
            todo.extend((key, [*chain, parent]) for parent in sorted(parents))


def _tokenizers_agree(experiment: Experiment) -> Iterator[Mistake]:
    """What goes on from a pretraining run must read tokens of the same tokenizer."""
    runs = experiment.knowledge.runs if experiment.knowledge else {}
    goes_on = {f"models.{name}": entry for name, entry in experiment.models.items()}
    goes_on |= {f"knowledge.runs.{name}": run for name, run in runs.items()}
    for path, entry in goes_on.items():
        if not isinstance(entry, PretrainEntry | RunEntry) or entry.start is None:
            continue
        parent = entry.start.partition("@")[0]
        start = experiment.models[parent]
        if isinstance(start, PretrainEntry):
            mine, theirs = (experiment.tokens[one.tokens].tokenizer for one in (entry, start))
            if mine != theirs:
                message = (
                    f"is '{entry.tokens}' with the tokenizer '{mine}', but '{parent}' was trained with '{theirs}'."
                    f" Name a token stream of '{theirs}'\n  tokens: {listed(_streams(experiment, theirs))}"
                )
                yield f"{path}.tokens", message


def _backgrounds_are_unread(experiment: Experiment) -> Iterator[Mistake]:
    """A run's background must be new to its checkpoint: its gains would hold what a second reading adds."""
    runs = experiment.knowledge.runs if experiment.knowledge else {}
    for name, run in runs.items():
        background = experiment.tokens[run.tokens]
        start = run.start.partition("@")[0]
        for model in _with_ancestors(experiment, start):
            entry = experiment.models[model]
            if not isinstance(entry, PretrainEntry):
                continue
            read = experiment.tokens[entry.tokens]
            known = experiment.corpora[read.corpus].of
            shared = [one for one in experiment.corpora[background.corpus].of if one in known]
            if shared and read.part == background.part:
                unread = [one for one, stream in experiment.tokens.items() if stream.part != read.part]
                message = (
                    f"is '{run.tokens}', the {read.part} part of '{shared[0]}', which '{model}' was trained on: a run"
                    " goes on with text that its checkpoint has not read. Name a stream of another part"
                    " (`part: continuation`)"
                )
                yield f"knowledge.runs.{name}.tokens", f"{message}\n  tokens: {listed(unread)}"
                break


def _with_ancestors(experiment: Experiment, name: str) -> Iterator[str]:
    """A model and all that it was trained from; there are no cycles."""
    yield name
    for parent in experiment.models[name].parents.values():
        yield from _with_ancestors(experiment, parent.partition("@")[0])


def _streams(experiment: Experiment, tokenizer: str) -> list[str]:
    return [name for name, tokens in experiment.tokens.items() if tokens.tokenizer == tokenizer]
