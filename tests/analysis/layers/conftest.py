"""Two tiny models of one tokenizer, built once."""

from __future__ import annotations

import pytest
from transformers import PreTrainedTokenizerFast

from lineage.conversations.start import Opened
from tests.analysis.layers import building


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    return building.words(tmp_path_factory.mktemp("words") / "tokenizer")


@pytest.fixture(scope="session")
def chat(tokenizer: PreTrainedTokenizerFast) -> Opened:
    return building.text_model(tokenizer, seed=1)


@pytest.fixture(scope="session")
def seeing(tokenizer: PreTrainedTokenizerFast) -> Opened:
    return building.seeing_model(tokenizer, seed=2)
