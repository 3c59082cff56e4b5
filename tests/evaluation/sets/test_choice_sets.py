"""MMBench, MME and SEED-Bench in the forms of their authors."""

import base64
from pathlib import Path
from typing import Any

import pytest

from lineage.errors import UserError
from lineage.evaluation.sets.lettered import SUFFIX
from tests.evaluation.sets.building import json_file, picture, pictures, read, said, table

MMBENCH: dict[str, Any] = {
    "index": 241,
    "question": "Which is red?",
    "hint": "Look at the shapes.",
    "A": "a square",
    "B": "a star",
    "C": "a cross",
    "D": "",
    "answer": "B",
    "category": "attribute",
    "l2-category": "perception",
    "image": base64.b64encode(picture()).decode(),
    "split": "dev",
}


def test_mmbench_is_asked_once_a_rotation(tmp_path: Path) -> None:
    path = table(tmp_path / "dev.tsv", [MMBENCH], delimiter="\t")
    found = read("mmbench", path).items
    assert [one.id for one in found] == ["mmbench-241-0", "mmbench-241-1", "mmbench-241-2"]
    assert said(found[0]) == (
        f"<image>\nLook at the shapes.\nWhich is red?\nA. a square\nB. a star\nC. a cross\n{SUFFIX}"
    )
    for one in found:
        assert one.options == ("A", "B", "C")
        assert f"{one.target}. a star" in said(one)
        assert one.group == "241"
    assert [one.target for one in found] == ["B", "A", "C"]
    assert len(read("mmbench", path, circular=False).items) == 1


def test_mmbench_without_hint_and_with_two_options(tmp_path: Path) -> None:
    rows = [MMBENCH | {"hint": "nan", "C": "nan", "D": "nan"}, MMBENCH | {"index": 2, "answer": ""}]
    found = read("mmbench", table(tmp_path / "dev.tsv", rows, delimiter="\t"))
    assert [one.options for one in found.items] == [("A", "B")] * 2
    assert said(found.items[0]).startswith("<image>\nWhich is red?")
    assert found.left_out == {"no answer (the test split)": 3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": "D"}, "'answer' is 'D', but it has 3 options"),
        ({"image": "%%"}, "'image' is no base64"),
        ({"image": base64.b64encode(b"GIF").decode()}, "no picture"),
    ],
)
def test_mmbench_that_is_broken(change: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        read("mmbench", table(tmp_path / "dev.tsv", [MMBENCH | change], delimiter="\t"))


def test_mmbench_whose_picture_is_longer_than_the_csv_module_likes(tmp_path: Path) -> None:
    """A field of 128 kB is its limit; photographs are longer."""
    padded = base64.b64encode(picture() + b"\0" * 200_000).decode()
    found = read("mmbench", table(tmp_path / "dev.tsv", [MMBENCH | {"image": padded}], delimiter="\t"))
    assert len(found.items[0].images[0]) > 200_000


@pytest.mark.parametrize("apart", [False, True])
def test_mme_as_a_folder(apart: bool, tmp_path: Path) -> None:
    root = tmp_path / "MME"
    for subtask, stem in (("color", "0001"), ("code_reasoning", "0002")):
        texts = root / subtask / ("questions_answers_YN" if apart else "")
        texts.mkdir(parents=True)
        (texts / f"{stem}.txt").write_text(
            "Is there red? Please answer yes or no.\tYes\nIs there blue? Please answer yes or no.\tNo\n"
        )
        pictures(root / subtask / ("images" if apart else ""), [f"{stem}.png"])
    found = read("mme", root).items
    assert [one.target for one in found] == ["Yes", "No", "Yes", "No"]
    assert said(found[0]) == "<image>\nIs there red?\nAnswer the question using a single word or phrase."
    assert [one.kind for one in found] == ["perception", "perception", "cognition", "cognition"]
    assert found[0].group == found[1].group != found[2].group
    (root / "color" / ("questions_answers_YN" if apart else "") / "0001.txt").write_text("Is there red? Yes\n")
    with pytest.raises(UserError, match=r"color/0001\.txt: line 1: .* not a question, a tab and an answer"):
        read("mme", root)


def test_mme_as_a_table(tmp_path: Path) -> None:
    from datasets import Dataset, Features, Image, Value

    rows = {
        "question_id": ["color/1.png"] * 2,
        "image": [{"bytes": picture(), "path": None}] * 2,
        "question": ["Is there red?", "Is there blue?"],
        "answer": ["Yes", "No"],
        "category": ["color"] * 2,
    }
    kinds = Features({name: Image() if name == "image" else Value("string") for name in rows})
    folder = tmp_path / "saved"
    Dataset.from_dict(rows, features=kinds).save_to_disk(str(folder))
    found = read("mme", folder).items
    assert [one.target for one in found] == ["Yes", "No"]
    assert found[0].group == found[1].group and found[0].id != found[1].id
    assert found[0].images == (picture(),)


def test_mme_of_an_unknown_subtask(tmp_path: Path) -> None:
    row = {"question_id": "1", "image": "1.png", "question": "?", "answer": "Yes", "category": "smell"}
    with pytest.raises(UserError, match="'smell' is no subtask of MME"):
        read("mme", table(tmp_path / "mme.csv", [row]), pictures(tmp_path, ["1.png"]))


SEED: dict[str, Any] = {
    "question_id": "101669",
    "question_type_id": 1,
    "question": "How many?",
    "choice_a": "One",
    "choice_b": "Two",
    "choice_c": "Three",
    "choice_d": "Four",
    "answer": "C",
    "data_type": "image",
    "data_id": "1454426_2591111986",
    "segment": [],
}


def test_seed_bench_leaves_videos_out(tmp_path: Path) -> None:
    content = {"question_type": {"Scene": 1}, "questions": [SEED, SEED | {"question_id": "v1", "data_type": "video"}]}
    found = read("seed_bench", json_file(tmp_path / "SEED-Bench.json", content), pictures(tmp_path, [SEED["data_id"]]))
    (item,) = found.items
    assert found.left_out == {"about a video": 1}
    assert (item.id, item.target, item.options) == ("seed_bench-101669", "C", ("A", "B", "C", "D"))
    assert "C. Three" in said(item)


@pytest.mark.parametrize("content", [{"questions": {}}, {"questions": ["?"]}, {"questions": [{"question_id": 1}]}, {}])
def test_seed_bench_of_another_form(content: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not a list|not a question|no column"):
        read("seed_bench", json_file(tmp_path / "SEED-Bench.json", content))
