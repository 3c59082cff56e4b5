"""What every source has in common: limits, parts, ids, licences, and pairs that may not be equal."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from lineage.artifact import ArtifactWriter
from lineage.config.conversations import Conversations, Outside
from lineage.conversations.intake import in_part, share_of
from lineage.errors import UserError
from lineage.stages.conversations import conversations
from tests.conversations.building import llava, made, png, taken, turns, write_json


def chats(folder: Path, count: int) -> Path:
    return write_json(
        folder / "chats.json", [llava(str(number), f"Question {number % 50}", "Yes") for number in range(count)]
    )


def test_a_limit_stops_before_what_comes_after(tmp_path: Path) -> None:
    path = write_json(tmp_path / "set.json", [llava("a", "Q", "A"), llava("b", "Q")])
    assert len(taken(tmp_path, "llava", source=path, limit=1)) == 1


def test_parts_keep_equal_questions_together(tmp_path: Path) -> None:
    path = chats(tmp_path, 200)
    parts = {
        part: taken(tmp_path / part, "llava", source=path, part=part, validation_share=0.2)
        for part in ("train", "validation")
    }
    asked = {part: {row["messages"][0]["content"] for row in rows} for part, rows in parts.items()}
    assert not asked["train"] & asked["validation"]
    assert len(parts["train"]) + len(parts["validation"]) == 200
    assert all(len(rows) % 4 == 0 for rows in parts.values())
    assert 0 < len(parts["validation"]) < 100


def test_the_share_of_a_part_is_about_the_one_asked_for() -> None:
    config = Outside(part="validation", validation_share=0.1)
    rows = [{"messages": turns(f"Question {number}", "A"), "images": []} for number in range(4000)]
    assert 320 <= sum(in_part(row, config) for row in rows) <= 480


def test_the_part_does_not_depend_on_the_answer_but_on_the_picture() -> None:
    config = Outside(part="validation", validation_share=0.5)

    def part(question: str, answer: str, *images: bytes) -> bool:
        return in_part({"messages": turns(question, answer), "images": list(images)}, config)

    for number in range(20):
        assert part(f"{number}", "A") == part(f"{number}", "B")
        assert part("one", "A", png(number)) == part("other", "B", png(number))
    assert len({part("same", "A", png(number)) for number in range(20)}) == 2


def test_shares_are_even_and_depend_on_the_seed() -> None:
    drawn = [share_of(3, f"row-{number}".encode()) for number in range(4000)]
    assert all(0 <= one < 1 for one in drawn)
    for tenth in range(10):
        assert 300 < sum(tenth <= 10 * one < tenth + 1 for one in drawn) < 500
    assert drawn[:5] != [share_of(4, f"row-{number}".encode()) for number in range(5)]


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    counts = made(tmp_path, "llava", source=chats(tmp_path, 40), part="train", validation_share=0.5).manifest.counts
    assert counts["read"] == 40
    assert counts["left_out"] == {"in the other part": 40 - counts["conversations"]}


def test_no_row_left(tmp_path: Path) -> None:
    path = write_json(tmp_path / "set.json", [llava("a", "Q", "A")])
    parts = ["train", "validation"]
    kept = [part for part in parts if not refused(tmp_path, path, part)]
    assert len(kept) == 1, "the one row is in one of the parts"


def refused(folder: Path, path: Path, part: str) -> bool:
    try:
        made(folder, "llava", source=path, part=part)
    except UserError as error:
        assert "no row is left of 1 read (in the other part: 1)" in str(error)
        return True
    return False


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    path = write_json(tmp_path / "set.json", [*(llava(str(n), "Q", "A") for n in range(50)), llava("x", "Q")])
    with pytest.raises(UserError, match="row 51"):
        made(tmp_path, "llava", source=path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["set.json"]


@pytest.mark.parametrize(
    "reads, said", [("llava", "CC BY 4.0, written by GPT-4"), ("image_folder", "your own data: nothing is known")]
)
def test_the_licence_is_told_once_and_kept(
    tmp_path: Path, reads: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "digits" / "0").mkdir(parents=True)
    (tmp_path / "digits" / "0" / "a.png").write_bytes(png(0))
    source = chats(tmp_path, 3) if reads == "llava" else tmp_path / "digits"
    out = ArtifactWriter.create(tmp_path / "made", state=tmp_path / "state")
    with caplog.at_level(logging.INFO):
        config = Conversations.model_validate({"source": reads})
        conversations(config, safety_data=None, source=source, images=None, out=out)
    assert [said in record.getMessage() for record in caplog.records].count(True) == 1
    assert said in out.run["licence"]
    assert "licence" not in out.counts


@pytest.mark.parametrize("stage", ["conversations", "preferences", "filter_conversations"])
def test_no_heavy_library_is_imported(stage: str) -> None:
    heavy = ("torch", "transformers", "pandas", "datasets", "huggingface_hub", "accelerate")
    program = f"import sys, json, lineage.stages.{stage}; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == []
