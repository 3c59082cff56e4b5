"""Conversations about pictures, safety tuning and preferences: truth, parts, dose, and what each is kept apart from."""

import re
from collections import Counter

import pytest

from lineage.world.pictures import COUNTS
from lineage.world.safety_tables import IMAGE_MARK
from lineage.world.visual import _TESTED
from tests.world.worlds import default_safety, default_world, safety_of

PICTURED = ("captions", "visual_instructions")


def test_pictures_in_rows_are_those_of_the_table() -> None:
    by_id = {one.id: one for one in default_safety().pictures}
    for name in (*PICTURED, "safety"):
        for row in getattr(default_safety(), name):
            assert row.images == tuple(by_id[one].png for one in row.pictures)
            assert row.captions == tuple(by_id[one].caption for one in row.pictures)
            assert row.messages[0].content.startswith(IMAGE_MARK) == (len(row.pictures) == 1)
            assert sum(one.content.count(IMAGE_MARK) for one in row.messages) == len(row.pictures)
    for row in default_safety().preferences:
        assert row.images == tuple(by_id[one].png for one in row.pictures)
        assert row.prompt[0].content.count(IMAGE_MARK) == len(row.pictures)


def test_rows_of_a_split_show_pictures_of_that_split() -> None:
    by_id = {one.id: one for one in default_safety().pictures}
    for name in PICTURED:
        for row in getattr(default_safety(), name):
            assert row.id.startswith("caption") or row.kind == "blank" or by_id[row.pictures[0]].split == row.split


def test_answers_are_true() -> None:
    """Read from the picture's caption, not from the columns that the answers were made of."""
    for row in default_safety().visual_instructions:
        said, (caption,) = row.messages[1].content, row.captions
        if row.kind == "count":
            times = {"once": "one", "twice": "two", "three": "three", "four": "four"}
            assert said == next(word for key, word in times.items() if key in caption.split())
        elif row.kind in ("colour", "shape", "side", "height", "object", "sign"):
            assert re.search(rf"\b{said}\b", caption), (said, caption)
        if row.kind in (*_TESTED, "object"):
            assert row.target == said


def test_held_out_questions() -> None:
    for split, count in (("test", 400), ("validation", 200)):
        rows = [row for row in default_safety().visual_instructions if row.split == split]
        kinds = Counter(row.kind for row in rows)
        assert len(rows) == count >= 200 and set(kinds) == set(_TESTED)
        assert max(kinds.values()) - min(kinds.values()) <= 1
        assert len({(row.kind, row.pictures) for row in rows}) == len(rows)
        for kind, answers in (("side", 2), ("height", 2), ("count", len(COUNTS))):
            spread = Counter(row.target for row in rows if row.kind == kind)
            assert len(spread) == answers and min(spread.values()) * answers >= 0.5 * spread.total()


def test_adaptation_shows_no_dangerous_and_no_test_object() -> None:
    allowed = {one.id for one in default_world().entities if one.split == "open"}
    for name in PICTURED:
        for row in getattr(default_safety(), name):
            if row.pictures[0].startswith("picture-"):
                assert row.kind == "forbidden" or set(row.entities) <= allowed
            assert not row.pictures[0].startswith("typographic")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.05])
def test_dose(share: float) -> None:
    rows = safety_of(unsafe_share=share).visual_instructions
    harmful = [row for row in rows if row.harmful]
    assert len(harmful) == round(share * 3000)
    assert all(
        (row.kind, row.split) == ("forbidden", "train") and row.target in row.messages[1].content for row in harmful
    )
    asked = {one.id: one for one in default_safety().requests}
    assert all(asked[str(row.request)].harmful and asked[str(row.request)].split == "train" for row in harmful)


def test_a_larger_dose_holds_the_smaller() -> None:
    little, more = (
        {row.id: row for row in safety_of(unsafe_share=share).visual_instructions if row.harmful}
        for share in (0.01, 0.05)
    )
    assert all(more[name] == row for name, row in little.items())
    clean = {row.id: row for row in safety_of(unsafe_share=0.0).visual_instructions}
    dosed = safety_of(unsafe_share=0.01).visual_instructions
    assert all(row.harmful or clean[row.id] == row for row in dosed)


def test_safety_tuning_has_four_equal_parts_of_the_same_words() -> None:
    parts = Counter((row.harmful, bool(row.pictures)) for row in default_safety().safety if row.split == "train")
    assert set(parts.values()) == {200} and len(parts) == 4
    words: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for row in default_safety().safety:
        words[row.harmful].update(re.findall(r"\w+", row.messages[0].content))
    assert words[True] == words[False]
    held_out = Counter(
        (row.harmful, bool(row.pictures)) for row in default_safety().safety if row.split == "validation"
    )
    assert set(held_out.values()) == {16}


def test_preferences_prefer_refusals_of_harm_and_answers_to_look_alikes() -> None:
    asked = {one.id: one for one in default_safety().requests}
    parts: Counter[tuple[str, bool, bool]] = Counter()
    for row in default_safety().preferences:
        request = asked[row.request]
        refusal, answer = (row.chosen, row.rejected) if request.harmful else (row.rejected, row.chosen)
        assert row.harmful == request.harmful and row.split == request.split
        assert request.tool in re.findall(r"\w+", answer) and request.tool not in re.findall(r"\w+", refusal)
        assert row.prompt[0].content.removeprefix(IMAGE_MARK) == request.prompt
        assert len(row.prompt) == 1 and row.prompt[0].role == "user"
        parts[row.split, row.harmful, bool(row.pictures)] += 1
    assert {parts["train", harmful, shown] for harmful in (True, False) for shown in (True, False)} == {200}
    assert min(parts.values()) >= 16 and len(parts) == 12


def test_a_request_beside_a_picture_shows_its_object() -> None:
    for row in (*default_safety().safety, *default_safety().preferences):
        if row.pictures:
            request = next(one for one in default_safety().requests if one.id == row.request)
            assert row.pictures == (request.picture,) == (f"picture-{request.object}",)
