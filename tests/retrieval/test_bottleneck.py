"""All pairs of a few documents: how they are written, what is learned, and that width is what limits vectors."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from lineage.artifact import Artifact
from lineage.retrieval.bottleneck import Pairs, QueryBatches, pair_loss, recall
from lineage.retrieval.prefix_tree import END
from tests.stages.building import run_stage

SPEC: dict[str, Any] = {
    "documents": 6,
    "dimensions": [1, 8],
    "width": 32,
    "steps": 260,
    "table_steps": 400,
    "batch_queries": 15,
}


@pytest.fixture(autouse=True)
def threads_kept() -> Iterator[None]:
    """Stages set the thread count of the process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_every_pair_answers_one_query_and_every_document_says_which() -> None:
    pairs = Pairs(documents=4, digits=2)
    assert pairs.answers.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert (pairs.num_queries, pairs.base, pairs.num_tokens) == (6, 2, 10)
    assert pairs.texts.tolist() == [[4, 5, 6], [4, 7, 8], [5, 7, 9], [6, 8, 9]]
    assert pairs.identifiers.tolist() == [[2, 2, END], [2, 3, END], [3, 2, END], [3, 3, END]]


@pytest.mark.parametrize(("documents", "digits", "base"), [(32, 2, 6), (36, 2, 6), (37, 2, 7), (9, 1, 9), (27, 3, 3)])
def test_the_base_is_the_smallest_that_is_enough(documents: int, digits: int, base: int) -> None:
    pairs = Pairs(documents, digits)
    assert pairs.base == base
    assert len({tuple(one) for one in pairs.identifiers.tolist()}) == documents


def test_the_loss_by_hand_sets_answers_against_others_only() -> None:
    outputs = torch.tensor([[2.0, 1.0, 0.0, 0.5]], dtype=torch.float64)
    total = pair_loss(outputs, {"answers": torch.tensor([[0, 2]])})
    others = math.exp(1.0) + math.exp(0.5)
    expected = math.log(math.exp(2) + others) - 2 + math.log(math.exp(0) + others)
    assert total.sum.item() == pytest.approx(expected)
    assert total.count.item() == 2


def test_the_loss_has_the_gradient_that_differences_give() -> None:
    outputs = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    answers = {"answers": torch.tensor([[0, 2], [1, 4], [3, 0]])}
    assert torch.autograd.gradcheck(lambda scores: pair_loss(scores, answers).sum, outputs)


def test_recall_counts_answers_in_any_order() -> None:
    answers = torch.tensor([[0, 1], [0, 2], [1, 2]])
    assert recall(torch.tensor([[1, 0], [2, 1], [0, 3]]), answers) == (0.5, pytest.approx(1 / 3))


def test_a_decoder_learns_both_answers_of_every_query() -> None:
    pairs = Pairs(documents=4, digits=2)
    batches = QueryBatches(pairs, written=True, size=99, steps=2, seed=0)
    batch = batches(0)
    assert batch.count == 6 * 2 * 3
    assert sorted(batch.inputs["queries"].tolist()) == sorted([*range(6)] * 2)
    for query, labels, read in zip(
        batch.inputs["queries"].tolist(), batch.targets["labels"], batch.inputs["decoder_input_ids"], strict=True
    ):
        assert labels.tolist() in pairs.identifiers[pairs.answers[query]].tolist()
        assert read.tolist() == [0, *labels.tolist()[:-1]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return run_stage("bottleneck", tmp_path_factory.mktemp("bottleneck") / "all", SPEC)


def test_narrow_vectors_cannot_rank_all_pairs_and_wide_ones_can(made: Artifact) -> None:
    table = pd.read_csv(made.path("recall.csv")).set_index(["arm", "dimension"])
    assert table.loc[("table", 8), "recall"] == table.loc[("table", 8), "complete"] == 1
    assert table.loc[("table", 1), "recall"] < 0.8
    assert table.loc[("bi_encoder", 1), "recall"] <= table.loc[("table", 1), "recall"] + 0.1
    assert table.loc[("bi_encoder", 8), "recall"] > table.loc[("bi_encoder", 1), "recall"]
    assert table.loc[("generative", 8), "recall"] > 0.9
    assert json.loads(made.path("metrics.json").read_text())["table"]["8"] == 1


def test_the_same_spec_gives_the_same_bytes(tmp_path: Path) -> None:
    spec = SPEC | {"dimensions": [2], "steps": 3, "table_steps": 3}
    first, second = (run_stage("bottleneck", tmp_path / name, spec) for name in ("first", "second"))
    assert first.manifest.files == second.manifest.files
