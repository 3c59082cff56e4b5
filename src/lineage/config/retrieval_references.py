"""What retrieval sets are made from, and what retrievers search and fuse: checked before any job exists."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.decoding_entries import DecodingEntry
from lineage.config.dense_entries import DenseEntry
from lineage.config.dense_references import decoding_references, dense_references
from lineage.config.experiment import Experiment
from lineage.config.generative_entries import GenerativeEntry
from lineage.config.generative_references import generative_references, vocabulary_references
from lineage.config.messages import Mistake, did_you_mean, listed
from lineage.config.models import T5Entry
from lineage.config.retrieval_entries import HybridEntry, RetrieverEntry
from lineage.config.retrieval_sets import HubSet, WorldSet


def retrieval_references(experiment: Experiment) -> Iterator[Mistake]:
    """Every set without a source, and every retriever that searches or fuses what is not there."""
    for name, entry in experiment.retrieval_sets.items():
        path = f"retrieval_sets.{name}"
        if isinstance(entry, WorldSet):
            if experiment.world is None:
                yield f"{path}.source", "is 'world', but the experiment has no world: give `world` or another source"
        elif entry.path is None and not (isinstance(entry, HubSet) and not _has_files(entry)):
            yield path, "says nowhere what to read: give `path`"
    for name, model in experiment.models.items():
        if isinstance(model, T5Entry):
            yield from _t5(experiment, f"models.{name}", model)
    for name, rows in experiment.vocabularies.items():
        yield from vocabulary_references(name, rows, models=experiment.models, sets=experiment.retrieval_sets)
    for name, retriever in experiment.retrievers.items():
        yield from _retriever(experiment, f"retrievers.{name}", retriever)


def retrieval_models(experiment: Experiment) -> Iterator[Mistake]:
    """(path of the key, model) of every model that a vocabulary or retriever names."""
    for name, rows in experiment.vocabularies.items():
        yield f"vocabularies.{name}.encoder", rows.encoder
    for name, entry in experiment.retrievers.items():
        if isinstance(entry, DenseEntry):
            yield f"retrievers.{name}.encoder", entry.encoder
        elif isinstance(entry, GenerativeEntry):
            yield f"retrievers.{name}.start", entry.start


def _t5(experiment: Experiment, path: str, entry: T5Entry) -> Iterator[Mistake]:
    """The documents and the tokenizer of a T5 that is trained here."""
    if entry.set not in experiment.retrieval_sets:
        known = experiment.retrieval_sets
        message = f"is '{entry.set}', which is no retrieval set.{did_you_mean(entry.set, known)}"
        yield f"{path}.set", f"{message}\n  retrieval_sets: {listed(known)}"
    if entry.tokenizer not in (known := experiment.tokenizers):
        message = f"is '{entry.tokenizer}', which is no tokenizer.{did_you_mean(entry.tokenizer, known)}"
        yield f"{path}.tokenizer", f"{message}\n  tokenizers: {listed(known)}"


def _has_files(entry: HubSet) -> bool:
    """Whether a table lies below the set's path."""
    return any(table.file is not None for table in (entry.documents, entry.queries, *entry.qrels.values()))


def _retriever(experiment: Experiment, path: str, entry: RetrieverEntry) -> Iterator[Mistake]:
    if entry.set not in experiment.retrieval_sets:
        known = experiment.retrieval_sets
        message = f"is '{entry.set}', which is no retrieval set.{did_you_mean(entry.set, known)}"
        yield f"{path}.set", f"{message}\n  retrieval_sets: {listed(known)}"
    if missing := [split for split in experiment.retrieval_scores.splits if split not in entry.splits]:
        message = f"is {listed(entry.splits)}, but `retrieval_scores.splits` scores {missing[0]} queries too"
        yield f"{path}.splits", f"{message}: add '{missing[0]}' here, or take it out there"
    if isinstance(entry, HybridEntry):
        yield from _fused(experiment, path, entry)
    elif isinstance(entry, DenseEntry):
        yield from dense_references(experiment.vocabularies, path, entry)
    elif isinstance(entry, DecodingEntry):
        trained = {name: one for name, one in experiment.retrievers.items() if isinstance(one, GenerativeEntry)}
        yield from decoding_references(trained, path, entry)
    elif isinstance(entry, GenerativeEntry):
        models, rows = experiment.models, experiment.vocabularies
        yield from generative_references(path, entry, models=models, vocabularies=rows)


def _fused(experiment: Experiment, path: str, entry: HybridEntry) -> Iterator[Mistake]:
    """Runs on one set, none of which is made from the fusion itself."""
    known = [name for name in experiment.retrievers if f"retrievers.{name}" != path]
    for number, name in enumerate(entry.of):
        place = f"{path}.of.{number}"
        if name not in experiment.retrievers:
            message = f"is '{name}', which is no retriever.{did_you_mean(name, known)}"
            yield place, f"{message}\n  retrievers: {listed(known)}"
            continue
        part = experiment.retrievers[name]
        if isinstance(part, HybridEntry):
            yield place, f"is '{name}', which is a fusion itself: name the retrievers that it fuses"
        elif part.set != entry.set:
            yield place, f"is '{name}', which searches '{part.set}', not '{entry.set}': fuse runs on one set"
        elif missing := [split for split in entry.splits if split not in part.splits]:
            yield place, f"is '{name}', which does not search for the {missing[0]} queries: add them to its `splits`"
