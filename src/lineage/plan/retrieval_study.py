"""The job that concludes on retrieval: all rows of its claims in this slice, judged with all slices that ran."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lineage.config.decoding_entries import DecodingEntry
from lineage.config.dense_entries import DenseEntry
from lineage.config.experiment import Experiment
from lineage.config.generative_entries import GenerativeEntry
from lineage.config.models import T5Entry
from lineage.config.retrieval_study import RetrievalComparisons, RetrievalStudy, RetrievalStudyEntry
from lineage.freshness import canonical
from lineage.plan.claims import design_digest
from lineage.plan.job import Job

Spent = dict[str, tuple[int, int]]
"""Steps and pairs a step of everything that was trained, by a name of its own: what is shared counts once."""


def retrieval_study_job(experiment: Experiment, study: RetrievalStudyEntry) -> Job:
    """Reads the scores of every set that has roles, the bottleneck, and what a reader answered."""
    compared = {
        name: value
        for name, value in study.model_dump(mode="json").items()
        if name in RetrievalComparisons.model_fields
    }
    named = [one for roles in study.roles.values() for one in roles.retrievers]
    compared |= {
        "training": {name: found for name in named if (found := _training(experiment, name))},
        "data": "generated" if experiment.retrieval_sets[study.set].source == "world" else "real data",
    }
    sections = {"bottleneck": experiment.bottleneck, "reading": experiment.reading}
    analyses = {name: [f"analysis/{name}"] for name, section in sections.items() if section is not None}
    digested = {
        "retrieval_sets": [f"data/retrieval/{name}" for name in study.roles],
        "runs": [f"retrieval/{name}" for name in named],
        **analyses,
    }
    spec = compared | {
        "design_digest": design_digest(experiment, compared, digested),
        "null": experiment.world.null if experiment.world is not None else "none",
        "design": study.design,
        "seed": experiment.seed or 0,
    }
    inputs = {"scores": [f"retrieval_scores/{name}" for name in study.roles], **analyses}
    external = {"slices": Path(study.slices).expanduser()} if study.slices else {}
    return Job(
        "retrieval_study", "analysis/retrieval", canonical(RetrievalStudy.model_validate(spec)), inputs, external
    )


def _training(experiment: Experiment, name: str) -> dict[str, Any]:
    """What stands behind a retriever; empty for one that is not trained."""
    entry = experiment.retrievers[name]
    decoding, text = None, "documents"
    if isinstance(entry, DecodingEntry | GenerativeEntry):
        decoding = canonical(entry.decoding.model_dump(mode="json"))
        trained = entry if isinstance(entry, GenerativeEntry) else experiment.retrievers[entry.retriever]
        assert isinstance(trained, GenerativeEntry), "checked with the config"
        last = int(entry.of.partition("@")[2] or trained.steps) if isinstance(entry, DecodingEntry) else trained.steps
        spent = dict(_written(experiment, trained, last))
        text = "documents" if _reads_documents(experiment, trained) else "titles"
    elif isinstance(entry, DenseEntry):
        spent = dict(_pretrained(experiment, entry.encoder))
        if entry.training is not None:
            spent["bi_encoder"] = (entry.training.steps, entry.training.batch_queries)
    else:
        return {}
    steps, pairs = sum(one for one, _ in spent.values()), sum(one * size for one, size in spent.values())
    return {"steps": steps, "pairs": pairs, "text": text, "decoding": decoding}


def _written(experiment: Experiment, entry: GenerativeEntry, last: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Everything that was trained for a generative retriever at step `last`."""
    yield from _pretrained(experiment, entry.start)
    if entry.vocabulary is not None:
        yield from _pretrained(experiment, experiment.vocabularies[entry.vocabulary].encoder)
    if entry.contrast is not None:
        yield "contrast", (entry.contrast.steps, entry.contrast.optimization.batch_pairs)
    yield "retriever", (last, entry.optimization.batch_pairs)


def _pretrained(experiment: Experiment, reference: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The T5 that is trained here; what was imported counts nothing, for anyone."""
    model = experiment.models[reference.partition("@")[0]]
    if isinstance(model, T5Entry):
        yield f"models/{reference}", (model.steps, model.optimization.batch_pairs)


def _reads_documents(experiment: Experiment, entry: GenerativeEntry) -> bool:
    """Through its rows, or as inputs of its training."""
    rows = experiment.vocabularies[entry.vocabulary] if entry.vocabulary is not None else None
    return entry.document_share > 0 or (rows is not None and rows.paragraphs > 0)
