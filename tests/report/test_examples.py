"""The example browser: a choice of prompts that no answer influences, all models' answers, a bounded page."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from lineage.report import browser
from lineage.report.browser import browse, for_page, of_language, of_safety, samples, thumbnail, with_pictures
from tests.report.contents import picture, safety_table


def ids(found: browser.Browsed) -> list[str]:
    return [one.id for one in found.prompts]


def answered(outputs: tuple[str, ...] = ("No.", "Sure."), per_task: int = 2) -> browser.Browsed:
    return browse([(name, of_safety(safety_table(name, outputs))) for name in ("chat", "seeing")], per_task=per_task)


def test_the_choice_depends_on_no_answer_and_takes_both_kinds() -> None:
    found = answered()
    assert ids(found) == ids(answered(("Something else.",)))
    requests = [one for one in found.prompts if one.task == "request"]
    assert sorted(one.harmful for one in requests if one.harmful is not None) == [False, True]
    assert [one.id for one in found.prompts if one.task == "visual"] == ["look-1"]


def test_what_is_left_out_is_counted_and_validation_items_are_no_examples() -> None:
    found = answered()
    assert (found.num_prompts, found.num_answers, found.num_shown) == (5, 10, 6)
    assert "held-out" not in ids(answered(per_task=99))
    assert answered(per_task=99).num_shown == 10


def test_every_model_that_was_asked_answers() -> None:
    found = answered()
    assert all(list(one.answers) == ["chat", "seeing"] for one in found.prompts)
    assert found.prompts[0].answers["chat"][0].startswith("chat: ")


def test_facts_to_complete_are_examples_too() -> None:
    columns = {"id": ["f1", "f2", "d1"], "task": ["recall", "recall", "held_out"], "role": ["test", "train", None]}
    columns |= {"prompt": ["A is", "B is", "text"], "target": ["red", "blue", None], "output": ["red", "x", None]}
    table = pa.table(columns | {"correct": pa.array([True, False, None]), "exposures": pa.array([2, 0, None])})
    found = browse([("base", of_language(table))], per_task=3)
    [one] = found.prompts
    assert (one.task, one.harmful, one.answers) == ("fact to complete", None, {"base": ("red", "correct")})


def test_pictures_are_shown_until_the_room_is_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    found = with_pictures(answered(), {("world", "look-1"): [picture(), picture("blue")]})
    assert [one[:22] for one in found.pictures["world", "look-1"]] == ["data:image/png;base64,"] * 2
    monkeypatch.setattr(browser, "MAX_PICTURES_BYTES", len(picture()) + 5)
    short = with_pictures(answered(), {("world", "look-1"): [picture(), picture("blue")]})
    assert (len(short.pictures["world", "look-1"]), short.num_pictures_left_out) == (1, 1)


def test_large_pictures_become_small_ones() -> None:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (400, 300, 3), dtype=np.uint8)).save(out, "PNG")
    with Image.open(io.BytesIO(thumbnail(out.getvalue()))) as small:
        assert small.size == (120, 160)
    assert thumbnail(picture()) == picture()


def test_long_texts_are_cut() -> None:
    found = answered(("x" * 5000,))
    assert found.prompts[0].answers["chat"][0].endswith(" [cut]")
    assert len(found.prompts[0].answers["chat"][0]) < browser.MAX_CHARACTERS + 10


def test_the_script_gets_each_name_once() -> None:
    told = for_page(answered())
    assert told["models"] == ["chat", "seeing"]
    assert [answer[0] for answer in told["prompts"][0]["answers"]] == [0, 1]


def test_samples_come_from_as_many_tasks_as_possible() -> None:
    assert {one.task for one in samples(answered(per_task=99), "chat", 2)} == {"request", "visual"}
    assert samples(answered(), "nobody", 2) == []
