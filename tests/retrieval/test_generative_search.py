"""What a generative retriever has learned it finds, by titles of the set only, in every mode."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lineage.artifact import Artifact
from lineage.errors import UserError
from lineage.retrieval.prefix_tree import PrefixTree
from lineage.retrieval.runs import read_run
from lineage.retrieval.schemas import QRELS, RUN
from lineage.retrieval.tables import read_qrels
from lineage.stages import generative_search
from tests.retrieval.building import TEXTS, TITLES, retrieval_set, t5
from tests.stages.building import in_many_runs, run_stage

OPTIMIZATION = {"batch_pairs": 16, "peak_learning_rate": 1e-2, "schedule": "constant", "weight_decay": 0.0}


class Trained:
    """A set, and retrievers with contextual rows and with the ordinary vocabulary."""

    def __init__(self, folder: Path):
        self.documents, self.t5 = retrieval_set(folder / "set"), t5(folder / "t5")
        inputs = {"encoder": self.t5, "retrieval_set": self.documents}
        self.rows = run_stage("contextual_vocabulary", folder / "rows", {"clusters": 2}, inputs=inputs)
        self.contextual = self._retriever(folder / "contextual", self.rows)
        self.ordinary = self._retriever(folder / "ordinary", None)

    def _retriever(self, folder: Path, rows: Artifact | None) -> Artifact:
        spec: dict[str, Any] = {"steps": 80, "last_step": 80, "optimization": OPTIMIZATION, "measure_every": 80}
        if rows is None:
            spec["decoder"] = None
        inputs = {"start": self.t5, "retrieval_set": self.documents, "vocabulary": rows}
        return run_stage("retriever", folder, spec, inputs=inputs)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture(autouse=True)
def threads_kept() -> Iterator[None]:
    """Stages set the thread count of the process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def searched(folder: Path, retriever: Artifact, documents: Artifact, **spec: Any) -> Artifact:
    inputs = {"retriever": retriever, "retrieval_set": documents}
    wanted = {"depth": 8, "splits": ["train"], "decoding": {"beam": 8}}
    return run_stage("generative_search", folder, wanted | spec, inputs=inputs)


def hits_at_1(run: Artifact, documents: Artifact) -> float:
    relevant = read_qrels(documents.path(QRELS))
    titles = {f"d{number}": title for number, title in enumerate(TITLES)}  # "Old Town" names two documents
    found = read_run(run.path(RUN))
    named = [titles[next(iter(ranking))] in map(titles.get, relevant[query]) for query, ranking in found.items()]
    return float(np.mean(named))


@pytest.mark.parametrize("mode", ["all", "max", "marginal", "exact"])
def test_what_was_learned_is_found_in_every_mode(tmp_path: Path, trained: Trained, mode: str) -> None:
    run = searched(tmp_path / "run", trained.contextual, trained.documents, decoding={"mode": mode, "beam": 8})
    assert hits_at_1(run, trained.documents) > 0.9
    if mode != "all":  # which crowds its beam with paths of the same title
        assert all(len(ranking) == 8 for ranking in read_run(run.path(RUN)).values())
    assert run.manifest.counts["identifiers"] == len(set(TITLES)) if mode != "exact" else len(TITLES)
    assert PrefixTree.open(run.folder / "tree").num_documents == len(TEXTS)


def test_the_ordinary_vocabulary_is_searched_by_the_same_stage(tmp_path: Path, trained: Trained) -> None:
    run = searched(tmp_path / "run", trained.ordinary, trained.documents)
    assert hits_at_1(run, trained.documents) > 0.9


def test_the_papers_rounds_are_ranked_by_round(tmp_path: Path, trained: Trained) -> None:
    decoding = {"mode": "all", "beam": 2, "rounds": "paper", "early_stopping": "full"}
    run = searched(tmp_path / "run", trained.contextual, trained.documents, decoding=decoding)
    assert all(len(ranking) == len(TITLES) for ranking in read_run(run.path(RUN)).values())


def test_a_retriever_of_another_set_is_refused(tmp_path: Path, trained: Trained) -> None:
    other = retrieval_set(tmp_path / "set", TITLES[:5], TEXTS[:5])
    with pytest.raises(UserError, match=r"names 8 documents, but .* has 5"):
        searched(tmp_path / "run", trained.contextual, other)


def test_a_search_that_is_stopped_again_and_again_ends_with_the_same_bytes(
    tmp_path: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generative_search, "TOGETHER", 3)
    inputs = {"retriever": trained.contextual, "retrieval_set": trained.documents}
    spec = {"depth": 8, "splits": ["train"], "decoding": {"beam": 8}}
    whole = run_stage("generative_search", tmp_path / "whole", spec, inputs=inputs)
    stopped, runs = in_many_runs(
        lambda minutes: run_stage("generative_search", tmp_path / "stopped", spec, inputs=inputs, minutes=minutes)
    )
    assert stopped.digest == whole.digest
    assert runs == math.ceil(whole.manifest.counts["queries"] / 3) > 2
    assert stopped.manifest.counts["queries"] == len(read_run(stopped.path(RUN)))
