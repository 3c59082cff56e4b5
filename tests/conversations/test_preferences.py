"""Pairs of well-known sets, and which of them are dropped."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lineage.artifact import Artifact
from lineage.errors import UserError
from tests.conversations.building import paired, png, rows, said, turns, write_lines

# HH-RLHF.


def dialogue(*texts: str) -> str:
    return "".join(f"\n\n{('Human', 'Assistant')[number % 2]}: {text}" for number, text in enumerate(texts))


def hh(folder: Path, *pairs: tuple[str, str], **config: Any) -> Artifact:
    entries = [{"chosen": chosen, "rejected": rejected} for chosen, rejected in pairs]
    return paired(folder, "hh", source=write_lines(folder / "harmless-base.jsonl", entries), **config)


GOOD = (dialogue("Hello", "Hi", "Why?\nWell?", "Because.\n\n1. So."), dialogue("Hello", "Hi", "Why?\nWell?", " No. "))


def test_hh_worked_example(tmp_path: Path) -> None:
    artifact = hh(tmp_path, GOOD, (dialogue("Human or not?", "Yes"), dialogue("Human or not?", "No")))
    assert rows(artifact) == [
        {
            "id": "harmless-base:1", "kind": "harmless-base", "harmful": None,
            "prompt": turns("Hello", "Hi", "Why?\nWell?"), "chosen": "Because.\n\n1. So.", "rejected": "No.",
            "images": [], "captions": [],
        },
        {
            "id": "harmless-base:2", "kind": "harmless-base", "harmful": None, "prompt": turns("Human or not?"),
            "chosen": "Yes", "rejected": "No", "images": [], "captions": [],
        },
    ]  # fmt: skip
    compressed = tmp_path / "test.jsonl.gz"
    compressed.write_bytes(gzip.compress((tmp_path / "harmless-base.jsonl").read_bytes()))
    assert [row["chosen"] for row in rows(paired(tmp_path, "hh", source=compressed))] == ["Because.\n\n1. So.", "Yes"]


BAD = {
    "dialogues that differ before the last answer": (dialogue("A", "B", "C", "D"), dialogue("A", "X", "C", "E")),
    "an empty answer": (dialogue("Q", ""), dialogue("Q", "No")),
    "wrong roles": (dialogue("A", "B") + dialogue("", "C", "D")[10:], dialogue("A", "B") + dialogue("", "C", "E")[10:]),
    "no turns": ("Hello", dialogue("Q", "A")),
    "an empty turn": (dialogue(" ", "B"), dialogue(" ", "C")),
}


@pytest.mark.parametrize("reason", BAD)
def test_hh_traps_are_dropped_and_counted(tmp_path: Path, reason: str) -> None:
    counts = hh(tmp_path, GOOD, BAD[reason], max_dropped_share=0.5).manifest.counts
    assert (counts["preferences"], counts["read"], counts["dropped"]) == (1, 2, {reason: 1})
    with pytest.raises(UserError, match=rf"1 of 2 rows cannot be used \({reason}: 1\); allowed is a share of 0\.01"):
        hh(tmp_path, GOOD, BAD[reason])
    with pytest.raises(UserError, match=r"harmless-base\.jsonl: row 2: "):
        hh(tmp_path, GOOD, BAD[reason], max_dropped_share=0)


def test_hh_dialogue_that_ends_with_the_human(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a dialogue does not end with 'Assistant:'"):
        hh(tmp_path, (dialogue("A", "B", "C"), dialogue("A", "B", "C")), max_dropped_share=0)


def test_hh_repeated_prompts(tmp_path: Path) -> None:
    other = (dialogue("Hello", "Hi", "Why?\nWell?", "So."), dialogue("Hello", "Hi", "Why?\nWell?", "Oh."))
    artifact = hh(tmp_path, GOOD, other)
    assert [row["chosen"] for row in rows(artifact)] == ["Because.\n\n1. So."]
    assert artifact.manifest.counts["left_out"] == {"a prompt that stood before": 1}
    assert len(rows(hh(tmp_path, GOOD, other, repeated_prompts="keep"))) == 2


def test_equal_answers(tmp_path: Path) -> None:
    equal = (dialogue("Q", "Yes"), dialogue("Q", " Yes\n"))
    with pytest.raises(UserError, match=r"row 2: pair harmless-base:2: both answers are 'Yes'.*\n.*`drop_equal: true`"):
        hh(tmp_path, GOOD, equal, max_dropped_share=0.9)
    counts = hh(tmp_path, GOOD, equal, drop_equal=True).manifest.counts
    assert (counts["preferences"], counts["left_out"], counts["dropped"]) == (1, {"equal answers": 1}, {})


def test_hh_entries_of_another_form(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{"chosen": GOOD[0], "reject": GOOD[1]}])
    with pytest.raises(
        UserError, match=r"no column 'rejected'\. Did you mean 'reject'\?\n  columns found: chosen, reject"
    ):
        paired(tmp_path, "hh", source=path)


def test_the_real_hh_file(tmp_path: Path) -> None:
    """shared/data/hh-rlhf/SOURCE.txt: 2,312 pairs; 5 differ before the last turn, 4 chosen answers are empty, 2 prompts
    occur twice. Four of those that are left hold two turns of the assistant in a row."""
    if "LINEAGE_DATA" not in os.environ:
        pytest.skip("LINEAGE_DATA is not set: no real files to read")
    source = Path(os.environ["LINEAGE_DATA"]) / "hh-rlhf" / "harmless-base_test.jsonl.gz"
    artifact = paired(tmp_path, "hh", source=source)
    counts = artifact.manifest.counts
    assert counts["read"] == 2312
    assert counts["dropped"] == {
        "an empty answer": 4, "dialogues that differ before the last answer": 5, "wrong roles": 4,
    }  # fmt: skip
    assert counts["left_out"] == {"a prompt that stood before": 2}
    assert counts["preferences"] == 2312 - 4 - 5 - 4 - 2
    found = rows(artifact)
    assert sum(len(row["prompt"]) == 1 for row in found) == 656  # of 662
    assert all(row["chosen"] != row["rejected"] for row in found)
    parts = [
        {row["id"] for row in rows(paired(tmp_path / part, "hh", source=source, part=part))}
        for part in ("train", "validation")
    ]
    assert parts[0] | parts[1] == {row["id"] for row in found}
    assert not parts[0] & parts[1]
    assert 180 < len(parts[1]) < 280


# PKU-SafeRLHF.


def pku(folder: Path, *labels: tuple[Any, Any, Any], **config: Any) -> Artifact:
    entries = [
        {
            "prompt": f"Q{number}", "response_0": f"zero {number}", "response_1": f"one {number}",
            "is_response_0_safe": first, "is_response_1_safe": second, "better_response_id": 0,
            "safer_response_id": safer,
        }
        for number, (first, second, safer) in enumerate(labels)
    ]  # fmt: skip
    return paired(folder, "pku_saferlhf", source=write_lines(folder / "set" / "train.jsonl", entries).parent, **config)


def test_pku_worked_example(tmp_path: Path) -> None:
    artifact = pku(tmp_path, (True, False, 0), (False, True, 1), (False, False, 1), (True, True, 1))
    assert [
        (row["id"], row["kind"], said(row, "prompt"), row["chosen"], row["rejected"]) for row in rows(artifact)
    ] == [
        ("train:1", "one_safe", ["Q0"], "zero 0", "one 0"),
        ("train:2", "one_safe", ["Q1"], "one 1", "zero 1"),
        ("train:4", "both_safe", ["Q3"], "one 3", "zero 3"),
    ]
    assert artifact.manifest.counts["left_out"] == {"two unsafe answers": 1}
    assert artifact.manifest.counts["dropped"] == {}


@pytest.mark.parametrize("labels", [(True, None, 0), (True, False, 2), (True, False, None)])
def test_pku_labels_that_say_nothing(tmp_path: Path, labels: tuple[Any, Any, Any]) -> None:
    with pytest.raises(UserError, match=r"train\.jsonl|set.*row 2: .*allowed: true or false, and 0 or 1"):
        pku(tmp_path, (True, True, 0), labels)


def test_pku_without_its_columns(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "set" / "train.jsonl", [{"prompt": "Q", "response_0": "A"}]).parent
    with pytest.raises(UserError, match=r"no column 'response_1'\. .*\n  columns found: prompt, response_0"):
        paired(tmp_path, "pku_saferlhf", source=source)


# SPA-VL.


def test_spa_vl_worked_example(tmp_path: Path) -> None:
    entries = [
        {"image": {"bytes": png(1), "path": None}, "question": "Is it safe?", "chosen": "No.", "rejected": "Yes."},
        {"image": {"bytes": png(2), "path": None}, "question": "<image>\nWhy?", "chosen": "So.", "rejected": "Ha."},
    ]
    (tmp_path / "set").mkdir()
    pq.write_table(pa.Table.from_pylist(entries), tmp_path / "set" / "train.parquet")
    found = rows(paired(tmp_path, "spa_vl", source=tmp_path / "set"))
    assert found[0] == {
        "id": "train:1", "kind": "picture", "harmful": None, "prompt": turns("<image>\nIs it safe?"), "chosen": "No.",
        "rejected": "Yes.", "images": [png(1)], "captions": [],
    }  # fmt: skip
    assert (said(found[1], "prompt"), found[1]["images"]) == (["<image>\nWhy?"], [png(2)])
    with_domains = [{**entry, "class1": "Privacy"} for entry in entries]
    pq.write_table(pa.Table.from_pylist(with_domains), tmp_path / "set" / "train.parquet")
    assert {row["kind"] for row in rows(paired(tmp_path, "spa_vl", source=tmp_path / "set"))} == {"Privacy"}


def test_spa_vl_what_is_refused(tmp_path: Path) -> None:
    good = {"image": {"bytes": png(1), "path": None}, "question": "Q", "chosen": "A", "rejected": "B"}
    path = tmp_path / "train.parquet"
    for bad, message in [
        ({"image": None}, "it has no picture"),
        ({"image": {"bytes": png(1)[:-9], "path": None}}, "its picture: a torn or damaged picture"),
        ({"rejected": "A"}, "both answers are 'A'"),
        ({"chosen": ""}, "its chosen answer is empty"),
        ({"chosen": "see <image>"}, r"pair|hold 2 <image>, but 1 pictures"),
    ]:
        pq.write_table(pa.Table.from_pylist([good, {**good, **bad}]), path)
        with pytest.raises(UserError, match=message) as error:
            paired(tmp_path, "spa_vl", source=path)
        assert f"{path}: row 2: " in str(error.value)
        assert not (tmp_path / "made").exists()
    pq.write_table(pa.Table.from_pylist([{"image": None, "query": "Q", "chosen": "A"}]), path)
    with pytest.raises(UserError, match=r"no column 'question'\.\n  columns found: image, query, chosen"):
        paired(tmp_path, "spa_vl", source=path)
