"""Jobs that make retrieval sets, search them, and score all runs on each."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.experiment import Experiment
from lineage.config.retrieval_entries import Bm25Entry, HybridEntry, RetrieverEntry
from lineage.config.retrieval_sets import Outside
from lineage.config.retrievers import Bm25, Hybrid, ScoredRuns
from lineage.freshness import canonical
from lineage.plan.job import Job, source, stage_spec


def retrieval_jobs(experiment: Experiment) -> Iterator[Job]:
    """Sets, then runs, then scores."""
    for name, entry in experiment.retrieval_sets.items():
        spec = canonical(entry.model_dump(mode="json", exclude={"path"}))
        inputs = {"world": ["data/world"]} if entry.source == "world" else {}
        external = source(experiment, entry.path if isinstance(entry, Outside) else None)
        yield Job("retrieval_set", _set_folder(name), spec, inputs, external)
    fused_last = sorted(experiment.retrievers.items(), key=lambda item: isinstance(item[1], HybridEntry))
    for name, entry in fused_last:
        yield _search_job(name, entry)
    for name in experiment.retrieval_sets:
        # Sorted: Snakemake merges overlays in another order than the command line.
        runs = sorted(one for one, entry in experiment.retrievers.items() if entry.set == name)
        if runs:
            spec = stage_spec(ScoredRuns, experiment.retrieval_scores, names=runs)
            inputs = {"retrieval_set": [_set_folder(name)], "runs": [_run_folder(one) for one in runs]}
            yield Job("retrieval_scores", f"retrieval_scores/{name}", spec, inputs)


def _search_job(name: str, entry: RetrieverEntry) -> Job:
    inputs = {"retrieval_set": [_set_folder(entry.set)]}
    if isinstance(entry, Bm25Entry):
        return Job("bm25", _run_folder(name), stage_spec(Bm25, entry), inputs)
    runs = [_run_folder(one) for one in entry.of]
    return Job("hybrid", _run_folder(name), stage_spec(Hybrid, entry), inputs | {"runs": runs})


def _set_folder(name: str) -> str:
    return f"data/retrieval/{name}"


def _run_folder(name: str) -> str:
    return f"retrieval/{name}"
