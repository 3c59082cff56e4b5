"""One tiny corpus, its tokenizer and tokens, and one finished run, built once and never changed by a test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch

from lineage.artifact import Artifact
from tests.stages.building import STEPS, corpus, pretrain_spec, run_stage, sentences, tokenize


@dataclass(frozen=True)
class Material:
    """What a pretraining run reads."""

    corpus: Artifact
    tokenizer: Artifact
    tokens: Artifact

    @property
    def inputs(self) -> dict[str, Artifact | list[Artifact] | None]:
        """The inputs of a run from scratch."""
        return {"tokens": self.tokens, "tokenizer": self.tokenizer}


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("material")
    texts = corpus(folder / "corpus", sentences(24, seed=0), sentences(5, seed=1, prefix="h"))
    tokenizer, tokens = tokenize(folder, texts)
    return Material(texts, tokenizer, tokens)


@pytest.fixture(scope="session")
def base(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The uninterrupted run of six steps."""
    return run_stage(
        "pretrain",
        tmp_path_factory.mktemp("base") / "models" / f"base@{STEPS}",
        pretrain_spec(),
        inputs=material.inputs,
    )


@pytest.fixture(autouse=True)
def threads_kept() -> Iterator[None]:
    """Stages set the thread count of the process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
