"""Jobs that make retrieval sets, search them, and score all runs on each."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.decoding_entries import DecodingEntry
from lineage.config.dense_entries import DenseEntry
from lineage.config.experiment import Experiment
from lineage.config.generative_entries import GenerativeEntry
from lineage.config.retrieval_entries import Bm25Entry, HybridEntry, RetrieverEntry
from lineage.config.retrieval_sets import Outside
from lineage.config.retrievers import Bm25, Hybrid, ScoredRuns
from lineage.freshness import canonical
from lineage.plan.decoding import decoding_job
from lineage.plan.dense import bottleneck_job, dense_jobs
from lineage.plan.generative import generative_jobs, vocabulary_jobs
from lineage.plan.job import Job, source, stage_spec


def retrieval_jobs(experiment: Experiment) -> Iterator[Job]:
    """Vocabularies, then runs, then scores."""
    yield from vocabulary_jobs(experiment, experiment.vocabularies)
    fused_last = sorted(experiment.retrievers.items(), key=lambda item: isinstance(item[1], HybridEntry))
    for name, entry in fused_last:
        yield from _search_jobs(experiment, name, entry)
    for name in experiment.retrieval_sets:
        # Sorted: Snakemake merges overlays in another order than the command line.
        runs = sorted(one for one, entry in experiment.retrievers.items() if entry.set == name)
        if runs:
            spec = stage_spec(ScoredRuns, experiment.retrieval_scores, names=runs)
            inputs = {"retrieval_set": [_set_folder(name)], "runs": [_run_folder(one) for one in runs]}
            yield Job("retrieval_scores", f"retrieval_scores/{name}", spec, inputs)
    if experiment.bottleneck is not None:
        yield bottleneck_job(experiment.bottleneck)


def retrieval_set_jobs(experiment: Experiment) -> Iterator[Job]:
    """Sets, which models read too."""
    for name, entry in experiment.retrieval_sets.items():
        spec = canonical(entry.model_dump(mode="json", exclude={"path"}))
        inputs = {"world": ["data/world"]} if entry.source == "world" else {}
        external = source(experiment, entry.path if isinstance(entry, Outside) else None)
        yield Job("retrieval_set", _set_folder(name), spec, inputs, external)


def _search_jobs(experiment: Experiment, name: str, entry: RetrieverEntry) -> Iterator[Job]:
    """What makes one retriever, its run last."""
    if isinstance(entry, DenseEntry):
        yield from dense_jobs(experiment, name, entry)
    elif isinstance(entry, GenerativeEntry):
        yield from generative_jobs(experiment, experiment.vocabularies, name, entry)
    elif isinstance(entry, DecodingEntry):
        trained = {other: one for other, one in experiment.retrievers.items() if isinstance(one, GenerativeEntry)}
        yield decoding_job(trained, name, entry)
    else:
        yield _search_job(name, entry)


def _search_job(name: str, entry: Bm25Entry | HybridEntry) -> Job:
    inputs = {"retrieval_set": [_set_folder(entry.set)]}
    if isinstance(entry, Bm25Entry):
        return Job("bm25", _run_folder(name), stage_spec(Bm25, entry), inputs)
    runs = [_run_folder(one) for one in entry.of]
    return Job("hybrid", _run_folder(name), stage_spec(Hybrid, entry), inputs | {"runs": runs})


def _set_folder(name: str) -> str:
    return f"data/retrieval/{name}"


def _run_folder(name: str) -> str:
    return f"retrieval/{name}"
