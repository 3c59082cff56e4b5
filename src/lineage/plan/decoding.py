"""Jobs that search with a generative retriever in another way."""

from __future__ import annotations

from collections.abc import Mapping

from lineage.config.decoding import GenerativeSearch
from lineage.config.decoding_entries import DecodingEntry
from lineage.config.generative_entries import GenerativeEntry
from lineage.plan.job import Job, stage_spec


def decoding_job(trained: Mapping[str, GenerativeEntry], name: str, entry: DecodingEntry) -> Job:
    """The search with the last checkpoint of the retriever that `of` names, among those that are trained."""
    retriever = f"retriever_models/{entry.of}@{trained[entry.of].segment_ends[-1]}"
    inputs = {"retriever": [retriever], "retrieval_set": [f"data/retrieval/{entry.set}"]}
    return Job("generative_search", f"retrieval/{name}", stage_spec(GenerativeSearch, entry), inputs)
