"""Jobs that make generative retrievers: vocabularies, and chains of training and renewal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lineage.config.decoding import GenerativeSearch
from lineage.config.experiment import Experiment
from lineage.config.generative_entries import GenerativeEntry, VocabularyEntry
from lineage.config.retrieval_models import ContextualVocabulary, Retriever, TokenContrast
from lineage.plan.job import Job, model_folder, stage_spec

Vocabularies = Mapping[str, VocabularyEntry]


def vocabulary_jobs(experiment: Experiment, vocabularies: Vocabularies) -> Iterator[Job]:
    """Vocabularies that the config names; retrievers renew them on their own."""
    for name, entry in vocabularies.items():
        yield _vocabulary_job(f"vocabularies/{name}", entry, encoder=model_folder(experiment, entry.encoder))


def generative_jobs(
    experiment: Experiment, vocabularies: Vocabularies, name: str, entry: GenerativeEntry
) -> Iterator[Job]:
    """A chain of training segments, with a new vocabulary where it is renewed, and the search."""
    retrieval_set = [f"data/retrieval/{entry.set}"]
    start = model_folder(experiment, entry.start)
    rows = [f"vocabularies/{entry.vocabulary}"] if entry.vocabulary else []
    if entry.vocabulary and entry.contrast is not None:
        folder = f"contrasts/{name}"
        inputs = {"start": [start], "vocabulary": rows, "retrieval_set": retrieval_set}
        yield Job("token_contrast", folder, stage_spec(TokenContrast, entry.contrast), inputs)
        start, rows = folder, [f"vocabularies/{name}@contrast"]
        yield _vocabulary_job(rows[0], vocabularies[entry.vocabulary], encoder=folder)
    first = 0
    for last in entry.segment_ends:
        if first in entry.renewals and entry.vocabulary:
            rows = [f"vocabularies/{name}@{first}"]
            yield _vocabulary_job(rows[0], vocabularies[entry.vocabulary], encoder=start)
        spec = stage_spec(
            Retriever, entry, first_step=first, last_step=last, decoder=entry.decoder if entry.vocabulary else None
        )
        inputs = {"start": [start], "vocabulary": rows, "retrieval_set": retrieval_set}
        first, start = last, f"retriever_models/{name}@{last}"
        yield Job("retriever", start, spec, inputs)
    inputs = {"retriever": [start], "retrieval_set": retrieval_set}
    yield Job("generative_search", f"retrieval/{name}", stage_spec(GenerativeSearch, entry), inputs)


def _vocabulary_job(folder: str, entry: VocabularyEntry, *, encoder: str) -> Job:
    inputs = {"encoder": [encoder], "retrieval_set": [f"data/retrieval/{entry.set}"]}
    return Job("contextual_vocabulary", folder, stage_spec(ContextualVocabulary, entry), inputs)
