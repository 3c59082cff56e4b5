"""What retrieval sets are made from, and what retrievers search and fuse: checked before any job exists."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.config.messages import did_you_mean, listed
from lineage.config.retrieval_entries import HybridEntry, RetrieverEntry
from lineage.config.retrieval_sets import HubSet, WorldSet

Mistake = tuple[str, str]
"""Path of the key, message."""


def retrieval_references(experiment: Experiment) -> Iterator[Mistake]:
    """Every set without a source, and every retriever that searches or fuses what is not there."""
    for name, entry in experiment.retrieval_sets.items():
        path = f"retrieval_sets.{name}"
        if isinstance(entry, WorldSet):
            if experiment.world is None:
                yield f"{path}.source", "is 'world', but the experiment has no world: give `world` or another source"
        elif entry.path is None and not (isinstance(entry, HubSet) and not _has_files(entry)):
            yield path, "says nowhere what to read: give `path`"
    for name, retriever in experiment.retrievers.items():
        yield from _retriever(experiment, f"retrievers.{name}", retriever)


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
