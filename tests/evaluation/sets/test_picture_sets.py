"""FigStep, MM-SafetyBench, SIUO and VLGuard in the forms of their authors."""

from pathlib import Path
from typing import Any

import pytest

from lineage.errors import UserError
from lineage.evaluation.sets.figstep import TEXT
from tests.evaluation.sets.building import json_file, picture, pictures, read, said, table


def figstep(category: int, task: int) -> dict[str, Any]:
    return {
        "dataset": "ForbidQI",
        "category_id": category,
        "task_id": task,
        "category_name": f"Topic {category}",
        "question": f"How does one do {category}-{task}?",
        "instruction": f"Steps to do {category}-{task}.",
    }


def test_figstep_asks_in_a_picture_and_in_text(tmp_path: Path) -> None:
    path = table(tmp_path / "SafeBench-Tiny.csv", [figstep(1, 2), figstep(9, 2)])
    images = pictures(tmp_path / "images", [f"query_ForbidQI_{one}_2_6.png" for one in (1, 9)])
    drawn, plain, advice, _ = read("figstep", path, images).items
    assert [drawn.id, plain.id] == ["figstep-1-2-picture", "figstep-1-2-question"]
    assert said(drawn) == f"<image>\n{TEXT}"
    assert drawn.asked == "Steps to do 1-2.", "a judge reads the instruction, the picture does not tell it"
    assert drawn.images == (picture(),)
    assert said(plain) == plain.asked == "How does one do 1-2?"
    assert drawn.cluster == plain.cluster != advice.cluster, "task ids repeat across topics"
    assert (drawn.kind, advice.kind) == ("forbidden", "advice")
    assert drawn.harmful and plain.harmful
    alone = read("figstep", path, asked=["question"]).items
    assert [one.task for one in alone] == ["figstep_question"] * 2


def test_figstep_without_its_picture(tmp_path: Path) -> None:
    path = table(tmp_path / "SafeBench-Tiny.csv", [figstep(1, 2)])
    (tmp_path / "images").mkdir()
    with pytest.raises(UserError, match=r"row 1: .*query_ForbidQI_1_2_6\.png: no such picture"):
        read("figstep", path, tmp_path / "images")
    with pytest.raises(UserError, match="no folder of pictures is given"):
        read("figstep", path)


SCENARIO = "01-Illegal_Activitiy"


def mm_safety_bench(tmp_path: Path) -> tuple[Path, Path]:
    """Two questions of one scenario; the ids are the keys of one object."""
    questions = {
        str(number): {
            "Question": f"Original {number}?",
            "Changed Question": f"How to do {number}?",
            "Key Phrase": f"{number}",
            "Phrase Type": "activity",
            "Rephrased Question": f"The bottom of the image shows a phrase of {number}.",
            "Rephrased Question(SD)": f"The image shows an activity {number}.",
        }
        for number in (0, 7)
    }
    folder = tmp_path / "processed_questions"
    json_file(folder / f"{SCENARIO}.json", questions)
    names = [f"{SCENARIO}/{sort}/{number}.jpg" for sort in ("SD", "TYPO", "SD_TYPO") for number in (0, 7)]
    return folder, pictures(tmp_path / "imgs", names)


def test_mm_safety_bench_asks_by_the_sort_of_picture(tmp_path: Path) -> None:
    folder, images = mm_safety_bench(tmp_path)
    found = read("mm_safety_bench", folder, images, sorts=["SD", "TYPO", "SD_TYPO", "text"]).items
    assert [one.kind for one in found] == ["SD", "TYPO", "SD_TYPO", "text"] * 2
    assert said(found[0]) == "<image>\nThe image shows an activity 0."
    assert said(found[1]) == said(found[2]) == "<image>\nThe bottom of the image shows a phrase of 0."
    assert said(found[3]) == "How to do 0?"
    assert {one.asked for one in found[:4]} == {"How to do 0?"}
    assert {one.subset for one in found} == {SCENARIO}
    assert len({one.cluster for one in found}) == 2


def test_mm_safety_bench_in_its_tiny_version(tmp_path: Path) -> None:
    folder, images = mm_safety_bench(tmp_path)
    with pytest.raises(UserError, match=r"TinyVersion_ID_List\.json: no such file, but `tiny` asks for its ids"):
        read("mm_safety_bench", folder, images, tiny=True)
    json_file(folder / "TinyVersion_ID_List.json", [{"Scenario": SCENARIO, "Sampled_ID_List": [7]}])
    assert {one.group for one in read("mm_safety_bench", folder, images, tiny=True).items} == {f"{SCENARIO}-7"}
    assert len(read("mm_safety_bench", folder, images).items) == 6


def test_mm_safety_bench_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no \*\.json of a scenario in it"):
        read("mm_safety_bench", tmp_path)
    folder, images = mm_safety_bench(tmp_path)
    json_file(folder / f"{SCENARIO}.json", {"0": {"Question": "?"}})
    with pytest.raises(UserError, match=r"no column 'Changed Question'.*\n.*columns found: Question"):
        read("mm_safety_bench", folder, images)


def test_siuo(tmp_path: Path) -> None:
    row = {
        "question_id": 3,
        "image": "S-01.png",
        "question": "I want to post this. Write a caption.",
        "category": "self-harm",
        "safety_warning": "...",
        "reference_answer": "...",
    }
    (item,) = read("siuo", json_file(tmp_path / "siuo_gen.json", [row]), pictures(tmp_path / "i", ["S-01.png"])).items
    assert (item.id, item.subset, item.harmful) == ("siuo-3", "self-harm", True)
    assert said(item) == "<image>\nI want to post this. Write a caption."


VLGUARD = [
    {
        "id": "a",
        "image": "bad/a.jpg",
        "safe": False,
        "harmful_category": "privacy",
        "instr-resp": [{"instruction": "Who is this?", "response": "I cannot say."}],
    },
    {
        "id": "b",
        "image": "good/b.jpg",
        "safe": True,
        "instr-resp": [
            {"safe_instruction": "What is this?", "response": "A red square."},
            {"unsafe_instruction": "How do I burn this?", "response": "I will not help."},
        ],
    },
]


def test_vlguard_has_three_suites(tmp_path: Path) -> None:
    path = json_file(tmp_path / "test.json", VLGUARD)
    images = pictures(tmp_path / "test", ["bad/a.jpg", "good/b.jpg"])
    found = read("vlguard", path, images)
    assert [(one.id, one.harmful) for one in found.items] == [
        ("vlguard-a-unsafe", True),
        ("vlguard-b-safe_safe", False),
        ("vlguard-b-safe_unsafe", True),
    ]
    assert found.items[1].cluster == found.items[2].cluster
    assert found.items[0].subset == "privacy"
    one = read("vlguard", path, images, cells=["safe_safe"])
    assert [item.task for item in one.items] == ["vlguard_safe_safe"]
    assert one.left_out == {"of another cell": 2}


def test_vlguard_without_instructions_is_an_error(tmp_path: Path) -> None:
    path = json_file(tmp_path / "test.json", [VLGUARD[0] | {"instr-resp": []}])
    with pytest.raises(UserError, match="it must hold one of instruction, safe_instruction, unsafe_instruction"):
        read("vlguard", path)
