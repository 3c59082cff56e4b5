"""What retrieval sets and retrievers name must be there, and the jobs that follow from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lineage.config.load import overlay, validate
from lineage.errors import UserError
from lineage.plan import make_plan

WHOLE: dict[str, Any] = {
    "world": {},
    "retrieval_sets": {"own": {"source": "world"}, "other": {"source": "beir", "path": "folder"}},
    "retrievers": {
        "fused": {"stage": "hybrid", "set": "own", "of": ["words", "titles"]},
        "words": {"stage": "bm25", "set": "own"},
        "titles": {"stage": "bm25", "set": "own", "text": "title"},
    },
}


def changed(**changes: Any) -> dict[str, Any]:
    return overlay(WHOLE, changes)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (changed(world=None), "retrieval_sets.own.source is 'world', but the experiment has no world"),
        (changed(retrieval_sets={"other": {"source": "beir", "path": None}}), "says nowhere what to read"),
        (changed(retrievers={"words": {"set": "onw"}}), "which is no retrieval set. Did you mean 'own'?"),
        (changed(retrievers={"fused": {"of": ["words", "title"]}}), "no retriever. Did you mean 'titles'?"),
        (changed(retrievers={"titles": {"set": "other"}}), "is 'titles', which searches 'other', not 'own'"),
        (
            changed(retrievers={"fused": {"of": ["words", "second"]}, "second": WHOLE["retrievers"]["fused"]}),
            "retrievers.fused.of.1 is 'second', which is a fusion itself",
        ),
        (
            changed(retrievers={"words": {"splits": ["test"]}}),
            "retrievers.words.splits is test, but `retrieval_scores.splits` scores validation queries too",
        ),
        (
            changed(retrievers={"words": {"splits": ["test"]}}, retrieval_scores={"splits": ["test"]}),
            "retrievers.fused.of.0 is 'words', which does not search for the validation queries",
        ),
    ],
)
def test_what_is_not_there_is_told(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as told:
        validate(raw)
    assert message in str(told.value)


def test_jobs_stand_behind_what_they_read() -> None:
    plan = make_plan(validate(WHOLE))
    folders = list(plan)
    for folder, job in plan.items():
        for parents in job.inputs.values():
            assert all(folders.index(parent) < folders.index(folder) for parent in parents)
    assert plan["retrieval/fused"].inputs["runs"] == ["retrieval/words", "retrieval/titles"]
    assert str(plan["data/retrieval/other"].external["source"]) == "folder"
    assert "retrieval_scores/other" not in plan, "nothing searches it"


def test_the_order_of_overlays_changes_no_spec() -> None:
    """Snakemake merges the files of a config in another order than the command line does."""
    other = {**WHOLE, "retrievers": dict(reversed(WHOLE["retrievers"].items()))}
    one, two = (make_plan(validate(raw))["retrieval_scores/own"] for raw in (WHOLE, other))
    assert (one.spec, one.inputs) == (two.spec, two.inputs)
    assert json.loads(one.spec)["names"] == ["fused", "titles", "words"]


def test_one_seed_reaches_the_queries_of_the_world() -> None:
    plan = make_plan(validate(changed(seed=7)))
    assert json.loads(plan["data/retrieval/own"].spec)["seed"] == 7
    assert json.loads(plan["data/retrieval/other"].spec)["split_seed"] == 0
