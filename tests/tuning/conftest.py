"""One tiny lineage, built once: words, decoder, tower, chat model, model that sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from lineage.artifact import Artifact
from tests.stages.building import run_stage
from tests.tuning import building

TOWER = {
    "shares": {"captions": 1}, "image_size": 16, "patch_size": 8, "hidden_size": 16, "layers": 2, "heads": 2,
    "projection_size": 16, "steps": 40,
    "optimization": {**building.OPTIMIZATION, "batch_conversations": 16, "packing": False, "peak_learning_rate": 3e-3},
}  # fmt: skip


@dataclass(frozen=True)
class Family:
    """A tiny lineage."""

    folder: Path
    words: Artifact
    base: Artifact
    captions: Artifact
    questions: Artifact
    chats: Artifact
    tower: Artifact
    aligned: Artifact


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Family:
    folder = tmp_path_factory.mktemp("family")
    words = building.tokenizer(folder / "tokenizers" / "main")
    base = building.base(folder / "models" / "base", words)
    captions = building.conversations(folder / "sets" / "captions", building.captions(64))
    questions = building.conversations(folder / "sets" / "questions", building.questions(64))
    chats = building.conversations(folder / "sets" / "chats", building.chats(40))
    tower = run_stage(
        "tower", folder / "models" / "tower", TOWER, inputs={"conversations": [captions], "tokenizer": words}
    )
    aligned = run_stage(
        "align",
        folder / "models" / "aligned",
        {"shares": {"captions": 1}, "feature_layer": -1, "steps": 20, "optimization": building.OPTIMIZATION},
        inputs={"start": base, "tower": tower, "conversations": [captions]},
    )
    return Family(folder, words, base, captions, questions, chats, tower, aligned)


@pytest.fixture(autouse=True)
def threads_kept() -> Iterator[None]:
    """Stages set the thread count of the process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
