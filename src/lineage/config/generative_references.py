"""What contextual vocabularies and generative retrievers name, checked before any job exists."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from lineage.config.generative_entries import GenerativeEntry, VocabularyEntry
from lineage.config.messages import Mistake, did_you_mean, listed
from lineage.config.models import ModelEntry

T5_STAGES = ("pretrain_t5", "import")
"""Stages of models that may be a T5; an imported one is opened as such by the stage that reads it."""


def vocabulary_references(
    name: str, entry: VocabularyEntry, *, models: Mapping[str, ModelEntry], sets: Collection[str]
) -> Iterator[Mistake]:
    """The set that is named, and the T5 that reads it; that the model exists is checked with the others."""
    path = f"vocabularies.{name}"
    if entry.set not in sets:
        message = f"is '{entry.set}', which is no retrieval set.{did_you_mean(entry.set, sets)}"
        yield f"{path}.set", f"{message}\n  retrieval_sets: {listed(sets)}"
    yield from _t5(f"{path}.encoder", entry.encoder, models)


def generative_references(
    path: str, entry: GenerativeEntry, *, models: Mapping[str, ModelEntry], vocabularies: Mapping[str, VocabularyEntry]
) -> Iterator[Mistake]:
    """The T5 that it starts from, and a vocabulary of the set that it searches."""
    yield from _t5(f"{path}.start", entry.start, models)
    if entry.vocabulary is None:
        return
    if entry.vocabulary not in vocabularies:
        message = f"is '{entry.vocabulary}', which is no vocabulary.{did_you_mean(entry.vocabulary, vocabularies)}"
        yield f"{path}.vocabulary", f"{message}\n  vocabularies: {listed(vocabularies)}"
    elif (made := vocabularies[entry.vocabulary]).set != entry.set:
        yield f"{path}.vocabulary", f"is '{entry.vocabulary}', which names documents of '{made.set}', not '{entry.set}'"


def _t5(path: str, reference: str, models: Mapping[str, ModelEntry]) -> Iterator[Mistake]:
    found = models.get(reference.partition("@")[0])
    if found is not None and found.stage not in T5_STAGES:
        known = [name for name, one in models.items() if one.stage in T5_STAGES]
        message = f"is '{reference}', a model of stage '{found.stage}', but a generative retriever needs a T5"
        yield path, f"{message}: {listed(known) if known else 'give `models` one of stage pretrain_t5'}"
