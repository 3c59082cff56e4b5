"""Jobs of dense retrievers: an encoder where one is trained, an index with its run, and the bottleneck."""

from __future__ import annotations

from collections.abc import Iterator

from lineage.config.dense import BiEncoder, Bottleneck, DenseIndex
from lineage.config.dense_entries import DenseEntry
from lineage.config.experiment import Experiment
from lineage.plan.job import Job, model_folder, stage_spec


def dense_jobs(experiment: Experiment, name: str, entry: DenseEntry) -> Iterator[Job]:
    """What makes one dense retriever, its run last."""
    searched = {"retrieval_set": [f"data/retrieval/{entry.set}"]}
    encoder = model_folder(experiment, entry.encoder)
    if entry.training is not None:
        spec = stage_spec(BiEncoder, entry.training)
        yield Job("bi_encoder", f"encoders/{name}", spec, {"start": [encoder], **searched})
        encoder = f"encoders/{name}"
    table = {} if entry.vocabulary is None else {"vocabulary": [f"vocabularies/{entry.vocabulary}"]}
    yield Job(
        "dense_index", f"retrieval/{name}", stage_spec(DenseIndex, entry), {"model": [encoder], **searched, **table}
    )


def bottleneck_job(config: Bottleneck) -> Job:
    """All pairs of documents."""
    return Job("bottleneck", "analysis/bottleneck", stage_spec(Bottleneck, config))
