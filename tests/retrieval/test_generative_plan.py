"""The jobs of generative retrievers: which vocabulary each segment reads, and who made it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from lineage.config.experiment import Experiment
from lineage.config.generative_entries import GenerativeEntry, VocabularyEntry
from lineage.config.generative_references import generative_references, vocabulary_references
from lineage.plan.generative import generative_jobs, vocabulary_jobs
from lineage.plan.job import Job

EXPERIMENT = Experiment.model_validate({"experiment": "x", "models": {"t5": {"stage": "import", "path": "somewhere"}}})
VOCABULARIES = {"rows": VocabularyEntry.model_validate({"set": "s", "encoder": "t5", "clusters": 3})}
SET = ["data/retrieval/s"]


def jobs(**changes: Any) -> dict[str, Job]:
    fields = {"stage": "generative", "set": "s", "start": "t5", "steps": 10, "vocabulary": "rows"} | changes
    made = generative_jobs(EXPERIMENT, VOCABULARIES, "r", GenerativeEntry.model_validate(fields))
    return {job.folder: job for job in made}


def test_a_named_vocabulary_is_made_by_its_encoder() -> None:
    (job,) = vocabulary_jobs(EXPERIMENT, VOCABULARIES)
    assert (job.stage, job.folder) == ("contextual_vocabulary", "vocabularies/rows")
    assert job.inputs == {"encoder": ["models/t5"], "retrieval_set": SET}
    assert json.loads(job.spec)["clusters"] == 3


def test_base_trains_once_and_searches() -> None:
    made = jobs()
    assert list(made) == ["retriever_models/r@10", "retrieval/r"]
    inputs = {"start": ["models/t5"], "vocabulary": ["vocabularies/rows"], "retrieval_set": SET}
    assert made["retriever_models/r@10"].inputs == inputs
    assert made["retrieval/r"].inputs == {"retriever": ["retriever_models/r@10"], "retrieval_set": SET}


def test_the_ordinary_arm_reads_no_vocabulary_and_has_no_rows_to_set() -> None:
    job = jobs(vocabulary=None)["retriever_models/r@10"]
    assert job.inputs["vocabulary"] == []
    assert json.loads(job.spec)["decoder"] is None


def test_async_renews_by_the_encoder_of_the_segment_before() -> None:
    made = jobs(refresh_steps=4)
    assert list(made) == [
        "retriever_models/r@4",
        "vocabularies/r@4",
        "retriever_models/r@8",
        "vocabularies/r@8",
        "retriever_models/r@10",
        "retrieval/r",
    ]
    assert made["vocabularies/r@8"].inputs["encoder"] == ["retriever_models/r@8"]
    last = made["retriever_models/r@10"]
    assert last.inputs == {"start": ["retriever_models/r@8"], "vocabulary": ["vocabularies/r@8"], "retrieval_set": SET}
    spec = json.loads(last.spec)
    assert (spec["first_step"], spec["last_step"], spec["steps"]) == (8, 10, 10)
    assert json.loads(made["vocabularies/r@4"].spec)["clusters"] == 3


def test_contra_begins_with_contrast_and_starts_from_it() -> None:
    made = jobs(contrast={"steps": 5})
    assert list(made) == ["contrasts/r", "vocabularies/r@contrast", "retriever_models/r@10", "retrieval/r"]
    assert made["contrasts/r"].inputs["vocabulary"] == ["vocabularies/rows"]
    assert made["vocabularies/r@contrast"].inputs["encoder"] == ["contrasts/r"]
    inputs = made["retriever_models/r@10"].inputs
    assert (inputs["start"], inputs["vocabulary"]) == (["contrasts/r"], ["vocabularies/r@contrast"])


@pytest.mark.parametrize("key", ["contrast", "refresh_steps"])
def test_an_ordinary_vocabulary_cannot_be_renewed(key: str) -> None:
    with pytest.raises(ValidationError, match=f"{key} is set, but there is no `vocabulary`"):
        jobs(vocabulary=None, **{key: {"steps": 5} if key == "contrast" else 4})


def mistakes(**changes: Any) -> list[str]:
    models = Experiment.model_validate(
        {
            "experiment": "x",
            "models": {
                "t5": {"stage": "import", "path": "somewhere"},
                "base": {"stage": "pretrain", "tokens": "main", "steps": 3, "start": "t5"},
            },
        }
    ).models
    fields = {"stage": "generative", "set": "s", "start": "t5", "steps": 10, "vocabulary": "rows"} | changes
    entry = GenerativeEntry.model_validate(fields)
    found = [*generative_references("retrievers.r", entry, models=models, vocabularies=VOCABULARIES)]
    found += vocabulary_references("rows", VOCABULARIES["rows"], models=models, sets=["s"])
    return [f"{path} {message}" for path, message in found]


def test_what_is_named_has_to_be_there() -> None:
    assert mistakes() == []
    (unknown,) = mistakes(vocabulary="row")
    assert unknown.startswith("retrievers.r.vocabulary is 'row', which is no vocabulary. Did you mean 'rows'?")
    (other,) = mistakes(set="other")
    assert other == "retrievers.r.vocabulary is 'rows', which names documents of 's', not 'other'"
    (no_t5,) = mistakes(start="base@3")
    assert no_t5 == (
        "retrievers.r.start is 'base@3', a model of stage 'pretrain', but a generative retriever needs a T5: t5"
    )


def test_a_vocabulary_needs_its_set() -> None:
    (unknown,) = vocabulary_references("rows", VOCABULARIES["rows"], models={}, sets=["world"])
    assert unknown[0] == "vocabularies.rows.set"
    assert "'s', which is no retrieval set" in unknown[1]


def test_a_checkpoint_on_the_way_renews_nothing() -> None:
    made = jobs(checkpoints=[4], refresh_steps=6)
    assert list(made) == [
        "retriever_models/r@4",
        "retriever_models/r@6",
        "vocabularies/r@6",
        "retriever_models/r@10",
        "retrieval/r",
    ]
    assert made["retriever_models/r@6"].inputs == {
        "start": ["retriever_models/r@4"],
        "vocabulary": ["vocabularies/rows"],
        "retrieval_set": SET,
    }
    with pytest.raises(ValidationError, match=r"checkpoints \[11\] lie after the last step \(10\)"):
        jobs(checkpoints=[11])
