"""Real pictures: scans of digits that no model has seen are read by one that was adapted to others."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from lineage.artifact import Artifact
from lineage.config.safety_score import Decoding
from lineage.conversations.render import Conversation
from lineage.conversations.start import open_conversational
from lineage.conversations.table import CONVERSATIONS, read_conversations
from lineage.evaluation.generation import answers
from tests.workflow.conftest import copy_workflow, run_snakemake

pytestmark = pytest.mark.slow


def write_digits(folder: Path) -> None:
    """1,797 scans of 8 x 8 pixels, 16 greys, in a folder a digit."""
    digits = load_digits()
    for number, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = folder / str(label) / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 255 / 16).round().astype("uint8")).convert("RGB").save(path)


def test_held_out_scans_are_read(tmp_path: Path) -> None:
    write_digits(tmp_path / "pictures" / "digits")
    work = copy_workflow(tmp_path / "work")
    place = tmp_path / "place.yaml"
    place.write_text(f"data_root: {tmp_path / 'pictures'}\nexecution: {{threads: 1}}\n")
    done = run_snakemake(work, "models", "data", config=("workflow/presets/digits.yaml", str(place)))
    assert done.returncode == 0, done.stdout[-4000:]
    results = work / "results" / "digits"
    held_out = read_conversations(
        Artifact.open(results / "data" / "conversations" / "digits_held_out").path(CONVERSATIONS)
    )
    seen = pq.read_table(results / "data" / "conversations" / "digits" / CONVERSATIONS, columns=["id"])
    assert not {one.id for one in held_out} & set(seen["id"].to_pylist())
    assert len(held_out) > 250
    asked = [Conversation(one.id, one.messages[:1], one.images) for one in held_out]
    opened = open_conversational(Artifact.open(results / "models" / "seeing@400"), "kept")
    said = answers(opened, asked, Decoding(max_new_tokens=8))
    right = [answer.text == one.messages[-1]["content"] for answer, one in zip(said, held_out, strict=True)]
    assert sum(right) / len(right) >= 0.9
    blind = [Conversation(one.id, one.messages, held_out[number - 7].images) for number, one in enumerate(asked)]
    wrong = answers(opened, blind, Decoding(max_new_tokens=8))
    shuffled = [answer.text == one.messages[-1]["content"] for answer, one in zip(wrong, held_out, strict=True)]
    assert sum(shuffled) / len(shuffled) < 0.25
