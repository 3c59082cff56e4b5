"""The jobs of dense retrievers and of further decodings, and what they may name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from lineage.config.decoding_entries import DecodingEntry
from lineage.config.dense import Bottleneck
from lineage.config.dense_entries import DenseEntry
from lineage.config.dense_references import decoding_references, dense_references
from lineage.config.experiment import Experiment
from lineage.config.generative_entries import GenerativeEntry, VocabularyEntry
from lineage.plan.decoding import decoding_job
from lineage.plan.dense import bottleneck_job, dense_jobs
from lineage.plan.job import Job

EXPERIMENT = Experiment.model_validate({"experiment": "x", "models": {"t5": {"stage": "import", "path": "somewhere"}}})
VOCABULARIES = {"rows": VocabularyEntry.model_validate({"set": "s", "encoder": "t5"})}
SET = ["data/retrieval/s"]


def dense(**changes: Any) -> DenseEntry:
    return DenseEntry.model_validate({"stage": "dense", "set": "s", "encoder": "t5"} | changes)


def jobs(**changes: Any) -> dict[str, Job]:
    return {job.folder: job for job in dense_jobs(EXPERIMENT, "d", dense(**changes))}


def test_an_encoder_as_it_is_is_only_searched_with() -> None:
    made = jobs(factory="HNSW32")
    assert list(made) == ["retrieval/d"]
    assert made["retrieval/d"].inputs == {"model": ["models/t5"], "retrieval_set": SET}
    assert json.loads(made["retrieval/d"].spec)["factory"] == "HNSW32"


def test_a_bi_encoder_is_trained_from_it_first() -> None:
    made = jobs(training={"steps": 7})
    assert list(made) == ["encoders/d", "retrieval/d"]
    assert made["encoders/d"].inputs == {"start": ["models/t5"], "retrieval_set": SET}
    assert json.loads(made["encoders/d"].spec)["steps"] == 7
    assert made["retrieval/d"].inputs["model"] == ["encoders/d"]
    assert "training" not in json.loads(made["retrieval/d"].spec)


def test_a_table_is_searched_by_the_body_that_made_it() -> None:
    inputs = {"model": ["models/t5"], "retrieval_set": SET, "vocabulary": ["vocabularies/rows"]}
    assert jobs(vocabulary="rows")["retrieval/d"].inputs == inputs
    with pytest.raises(ValidationError, match="leave one out"):
        dense(vocabulary="rows", training={"steps": 7})


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"vocabulary": "row"}, "r.vocabulary", "which is no vocabulary. Did you mean 'rows'?"),
        ({"vocabulary": "rows", "set": "other"}, "r.vocabulary", "names documents of 's', not of 'other'"),
        ({"vocabulary": "rows", "encoder": "t6"}, "r.encoder", "'rows' was made by 't5'"),
    ],
)
def test_tables_of_others_are_refused(changes: dict[str, Any], path: str, message: str) -> None:
    ((place, said),) = dense_references(VOCABULARIES, "r", dense(**changes))
    assert place == path
    assert message in said


def test_what_fits_is_no_mistake() -> None:
    assert not list(dense_references(VOCABULARIES, "r", dense(vocabulary="rows")))
    assert not list(dense_references(VOCABULARIES, "r", dense()))
    assert not list(decoding_references(trained(), "r", decoding()))


def trained() -> dict[str, GenerativeEntry]:
    fields = {"stage": "generative", "set": "s", "start": "t5", "steps": 10, "vocabulary": "rows", "refresh_steps": 4}
    return {"base": GenerativeEntry.model_validate(fields)}


def decoding(**changes: Any) -> DecodingEntry:
    return DecodingEntry.model_validate({"stage": "decoding", "set": "s", "of": "base"} | changes)


def test_another_decoding_reads_the_last_checkpoint() -> None:
    job = decoding_job(trained(), "paper", decoding(decoding={"mode": "all", "rounds": "paper"}))
    assert (job.stage, job.folder) == ("generative_search", "retrieval/paper")
    assert job.inputs == {"retriever": ["retriever_models/base@10"], "retrieval_set": SET}
    assert json.loads(job.spec)["decoding"]["mode"] == "all"


def test_a_decoding_may_read_a_checkpoint_that_is_kept() -> None:
    kept = {name: entry.model_copy(update={"checkpoints": [4]}) for name, entry in trained().items()}
    name = decoding().of
    one = decoding(of=f"{name}@4")
    assert decoding_job(kept, "early", one).inputs["retriever"] == [f"retriever_models/{name}@4"]
    assert not list(decoding_references(kept, "r", one))
    ((place, said),) = decoding_references(kept, "r", decoding(of=f"{name}@3"))
    assert place == "r.of" and f"is kept at steps 4, 8, 10 only: add 3 to retrievers.{name}.checkpoints" in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"of": "bas"}, "which is no generative retriever. Did you mean 'base'?"),
        ({"set": "other"}, "which searches 's', not 'other'"),
    ],
)
def test_decodings_of_what_is_not_there_are_refused(changes: dict[str, Any], message: str) -> None:
    ((place, said),) = decoding_references(trained(), "r", decoding(**changes))
    assert place == "r.of"
    assert message in said


def test_the_bottleneck_needs_nothing() -> None:
    job = bottleneck_job(Bottleneck(documents=5))
    assert (job.stage, job.folder, job.inputs) == ("bottleneck", "analysis/bottleneck", {})
    assert json.loads(job.spec)["documents"] == 5
