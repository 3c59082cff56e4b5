"""Jobs that make documents, corpora, tokenizers, tokens, facts, and conversations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from lineage.config.conversations import ConversationReading, PreferenceReading
from lineage.config.corpus import Corpus
from lineage.config.experiment import WORLD, Experiment, FilteredEntry
from lineage.config.facts import WorldFacts
from lineage.config.reading import ReadingConversations, ReadingConversationsEntry
from lineage.config.safety_filter import SafetyFilter
from lineage.config.tokenizer import Tokens
from lineage.freshness import canonical
from lineage.plan.job import Job, source, stage_spec


def data_jobs(experiment: Experiment) -> Iterator[Job]:
    """Everything that models are trained or asked with."""
    if experiment.world is not None:
        yield Job("world", "data/world", canonical(experiment.world))
    yield from _text_jobs(experiment)
    yield from _conversation_jobs(experiment)


def _text_jobs(experiment: Experiment) -> Iterator[Job]:
    for name, entry in experiment.documents.items():
        spec = canonical(entry.model_dump(mode="json", exclude={"path"}))
        yield Job("documents", f"data/documents/{name}", spec, external=source(experiment, entry.path))
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
        external = source(experiment, entry.existing.path if entry.existing else None)
        yield Job("tokenizer", f"tokenizers/{name}", spec, inputs, external)
    for name, entry in experiment.tokens.items():
        inputs = {"corpus": [f"data/corpora/{entry.corpus}"], "tokenizer": [f"tokenizers/{entry.tokenizer}"]}
        yield Job("tokens", f"data/tokens/{name}", stage_spec(Tokens, entry), inputs)
    for name, entry in experiment.facts.items():
        spec = canonical(entry.model_dump(mode="json", exclude={"path"}))
        if isinstance(entry, WorldFacts):
            yield Job("facts", f"data/facts/{name}", spec, {"world": ["data/world"]})
        else:
            yield Job("facts", f"data/facts/{name}", spec, external=source(experiment, entry.path))


def _conversation_jobs(experiment: Experiment) -> Iterator[Job]:
    """Data of study 2; filtered sets come behind what they are made from."""
    if experiment.safety_data is not None:
        yield Job("safety_data", "data/safety", canonical(experiment.safety_data), {"world": ["data/world"]})
    ordered = sorted(experiment.conversations.items(), key=lambda item: isinstance(item[1], FilteredEntry))
    for name, entry in ordered:
        folder = f"data/conversations/{name}"
        if isinstance(entry, FilteredEntry):
            yield _filter_job(experiment, folder, entry)
        elif isinstance(entry, ReadingConversationsEntry):
            spec = stage_spec(ReadingConversations, entry)
            yield Job("reading_conversations", folder, spec, {"world": ["data/world"]})
        else:
            yield _set_job(experiment, "conversations", name, entry)
    for name, entry in experiment.preferences.items():
        yield _set_job(experiment, "preferences", name, entry)


def _filter_job(experiment: Experiment, folder: str, entry: FilteredEntry) -> Job:
    spec = json.loads(stage_spec(SafetyFilter, entry))
    external: dict[str, Path] = {}
    for judge in ("text", "image"):
        spec[judge].pop("path", None)
        external |= source(experiment, getattr(getattr(entry, judge), "path", None), role=f"{judge}_classifier")
    inputs = {"conversations": [f"data/conversations/{entry.of}"]}
    return Job("filter_conversations", folder, canonical(spec), inputs, external)


def _set_job(experiment: Experiment, stage: str, name: str, entry: ConversationReading | PreferenceReading) -> Job:
    spec = canonical(entry.model_dump(mode="json", exclude={"path", "images"}))
    inputs = {"safety_data": ["data/safety"]} if entry.source == "world" else {}
    external = source(experiment, getattr(entry, "path", None))
    external |= source(experiment, getattr(entry, "images", None), role="images")
    return Job(stage, f"data/{stage}/{name}", spec, inputs, external)
