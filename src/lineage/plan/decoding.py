"""Jobs that search with a generative retriever in another way."""

from __future__ import annotations

from collections.abc import Mapping

from lineage.config.decoding import GenerativeSearch
from lineage.config.decoding_entries import DecodingEntry
from lineage.config.generative_entries import GenerativeEntry
from lineage.plan.job import Job, stage_spec


def decoding_job(trained: Mapping[str, GenerativeEntry], name: str, entry: DecodingEntry) -> Job:
    """The search with a checkpoint of the retriever that `of` names, the last where it names none."""
    step = entry.of.partition("@")[2] or trained[entry.retriever].segment_ends[-1]
    inputs = {
        "retriever": [f"retriever_models/{entry.retriever}@{step}"],
        "retrieval_set": [f"data/retrieval/{entry.set}"],
    }
    return Job("generative_search", f"retrieval/{name}", stage_spec(GenerativeSearch, entry), inputs)
