"""Tasks of the world ask held-out things only, know the right answer, and differ from each other as they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pyarrow.parquet as pq
import pytest

from lineage.config.prompts import TaskName
from lineage.errors import UserError
from lineage.evaluation.judges.judge import Response
from lineage.evaluation.judges.rules import rules_judge
from lineage.evaluation.outcomes import label, right_answer
from lineage.evaluation.tasks import TASKS, task_items
from lineage.world import hazards
from tests.evaluation.tasks.conftest import Asked
from tests.stages.building import run_stage

REQUESTS = ("request_text", "request_picture", "request_blank", "request_typographic", "request_read")


def test_the_config_names_every_task() -> None:
    assert get_args(TaskName) == tuple(TASKS)


def test_every_task_has_items_and_their_ids_are_its_own(asked: Asked) -> None:
    for name, task in TASKS.items():
        items = asked.of(name)
        assert items
        assert all(item.id.startswith(f"{name}/") and item.version == task.version for item in items)


def test_items_count_in_the_manifest(asked: Asked) -> None:
    counts = asked.prompts.manifest.counts
    assert counts["items"] == len(asked.items) == sum(count for name, count in counts.items() if name != "items")


def test_the_same_world_gives_the_same_bytes(asked: Asked, tmp_path: Path) -> None:
    inputs = {"world": asked.world, "safety_data": asked.safety}
    again = run_stage("prompts", tmp_path / "again", {"source": "world"}, inputs=inputs)
    assert again.digest == asked.prompts.digest


def test_tasks_can_be_chosen(asked: Asked, tmp_path: Path) -> None:
    inputs = {"world": asked.world, "safety_data": asked.safety}
    spec = {"source": "world", "tasks": ["choice", "open_request"]}
    chosen = run_stage("prompts", tmp_path / "chosen", spec, inputs=inputs)
    found = pq.read_table(chosen.path("items.parquet")).column("task").to_pylist()
    assert list(dict.fromkeys(found)) == ["choice", "open_request"]


def test_strata_can_be_chosen(asked: Asked, tmp_path: Path) -> None:
    """Requests of other strata are left out, what is no request stays."""
    inputs = {"world": asked.world, "safety_data": asked.safety}
    spec = {"source": "world", "tasks": ["request_text", "fact"], "strata": ["unseen_object"]}
    chosen = run_stage("prompts", tmp_path / "chosen", spec, inputs=inputs)
    rows = pq.read_table(chosen.path("items.parquet")).to_pylist()
    assert {row["stratum"] for row in rows if row["task"] == "request_text"} == {"unseen_object"}
    facts = [item for item in asked.items if item.task == "fact"]
    assert sum(row["task"] == "fact" for row in rows) == len(facts) > 0


def test_a_stratum_that_no_request_has_is_named(asked: Asked, tmp_path: Path) -> None:
    inputs = {"world": asked.world, "safety_data": asked.safety}
    spec = {"source": "world", "tasks": ["request_text"], "strata": ["unseen_thing"]}
    with pytest.raises(UserError, match="no request of these tasks has the stratum 'unseen_thing'"):
        run_stage("prompts", tmp_path / "chosen", spec, inputs=inputs)


def test_the_stage_needs_no_torch() -> None:
    code = "import sys, lineage.stages.prompts; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_that_trains_is_asked(asked: Asked) -> None:
    """No item repeats a prompt of training; a sentence about a topic may be asked for again (kind `open`)."""
    trained: set[str] = set()
    for name in ("chats", "chats_helpful", "safety", "visual_instructions", "replay"):
        rows = pq.read_table(asked.safety.path(f"{name}.parquet"), filters=[("split", "=", "train")]).to_pylist()
        trained |= {row["messages"][0]["content"] for row in rows if not row["images"]}
    for item in asked.items:
        assert item.split in ("validation", "test")
        if not item.images and item.kind != "open":
            assert item.prompt[0].content not in trained


def test_validation_and_test_share_no_cell_and_no_wording_of_a_request(asked: Asked) -> None:
    for task in REQUESTS:
        parts = {
            split: {(item.cell, item.wording) for item in asked.of(task) if item.split == split}
            for split in ("validation", "test")
        }
        assert not {cell for cell, _ in parts["validation"]} & {cell for cell, _ in parts["test"]}
        assert not {number for _, number in parts["validation"]} & {number for _, number in parts["test"]}


@pytest.mark.parametrize("task", REQUESTS)
def test_harm_is_the_worlds_truth_and_half_of_every_cell(asked: Asked, task: str) -> None:
    cells: dict[tuple[str, int | None], list[bool]] = {}
    for item in asked.of(task):
        verb, thing = asked.tables.entities[item.verb], asked.tables.entities[item.object]
        assert item.harmful == hazards.harm(verb, thing)
        assert item.kind == ("harmful" if item.harmful else "lookalike")
        assert item.facts[0] == f"{item.object}.hazard"
        assert item.level == asked.tables.facts[item.facts[0]].level
        cells.setdefault((item.cell, item.wording), []).append(item.harmful)
    assert all(sum(harms) * 2 == len(harms) for harms in cells.values())


@pytest.mark.parametrize("task", REQUESTS)
def test_reference_texts_are_what_they_are_called(asked: Asked, task: str) -> None:
    """The answer behind the reason is right and no refusal; the refusal is a full one and not right."""
    for item in asked.of(task):
        answer, refusal = (f"{item.reason} {text}".strip() for text in (item.answer, item.refusal))
        verdicts = rules_judge().judge([Response(item.asked, answer), Response(item.asked, refusal)])
        assert [verdict and verdict.refusal for verdict in verdicts] == ["none", "full"]
        assert label(item, answer, "none").outcome == "correct"
        assert label(item, refusal, "full").outcome == "refused"
        assert item.reason.startswith(f"It is {asked.tables.entities[item.object].danger}, and to ")


def test_pictures_change_nothing_but_the_picture(asked: Asked) -> None:
    text = {item.request: item for item in asked.of("request_text")}
    blank = asked.tables.pictures["blank"].png
    for task in ("request_picture", "request_blank"):
        items = asked.of(task)
        assert {item.request for item in items} == {
            item.request for item in text.values() if item.stratum == "unseen_pair"
        }
        for item in items:
            same = text[item.request]
            assert item.prompt[0].content == f"<image> {same.prompt[0].content}"
            assert (item.target, item.harmful, item.asked) == (same.target, same.harmful, same.asked)
            assert (item.images == (blank,)) == (task == "request_blank")


def test_a_typographic_prompt_names_neither_verb_nor_object(asked: Asked) -> None:
    for item in asked.of("request_typographic"):
        verb, thing = asked.tables.entities[item.verb], asked.tables.entities[item.object]
        assert verb.name not in item.prompt[0].content and thing.name not in item.prompt[0].content
        assert verb.name in item.asked and thing.name in item.asked


def test_a_request_that_is_read_stands_behind_the_article_of_its_object(asked: Asked) -> None:
    text = {item.request: item for item in asked.of("request_text")}
    items = asked.of("request_read")
    assert {item.level for item in items} == {0, 1, 4, 16}
    for item in items:
        article, _, question = item.prompt[0].content.partition(text[item.request].prompt[0].content)
        assert article.strip() == asked.tables.articles[item.object]
        assert question == ""
        assert str(asked.tables.entities[item.object].danger) in article


def test_visual_controls_change_the_picture_only(asked: Asked) -> None:
    plain = {item.id.partition("/")[2]: item for item in asked.of("visual") if item.split == "test"}
    for task in ("visual_blank", "visual_shuffled"):
        items = asked.of(task)
        assert [item.id.partition("/")[2] for item in items] == list(plain)
        for item in items:
            same = plain[item.id.partition("/")[2]]
            assert (item.prompt, item.target, item.kind) == (same.prompt, same.target, same.kind)
            assert item.images != same.images
    shuffled = sorted(image for item in asked.of("visual_shuffled") for image in item.images)
    assert shuffled == sorted(image for item in plain.values() for image in item.images)


def test_right_answers_of_questions_are_right(asked: Asked) -> None:
    """What the chats and pictures teach to answer counts as right, another value of the list as wrong."""
    said = {row.id: row.messages[1].content for row in (*asked.tables.chats, *asked.tables.visual_instructions)}
    for item in (*asked.of("visual"), *asked.of("fact"), *asked.of("instruction"), *asked.of("choice")):
        known = said.get(item.id.partition("/")[2], item.target)
        assert right_answer(item, known)
        for other in [one for one in (*item.candidates, *item.options) if one != item.target][:3]:
            assert not right_answer(item, f"It is {other}.")


def test_facts_of_every_exposure_level_are_asked(asked: Asked) -> None:
    by_level: dict[int | None, set[str]] = {}
    for item in asked.of("fact"):
        if item.kind == "test":
            assert asked.tables.facts[item.facts[0]].role == "test"
            by_level.setdefault(item.level, set()).add(item.facts[0])
    assert {level: len(facts) for level, facts in by_level.items()} == dict.fromkeys((0, 1, 4, 16), 16)


def test_choices_hold_the_right_value_once_in_every_place(asked: Asked) -> None:
    places = set()
    for item in asked.of("choice"):
        assert item.options.count(item.target) == 1 and len(set(item.options)) == 4
        assert set(item.options) <= set(asked.tables.attributes[item.subset].values)
        assert all(option in item.prompt[0].content for option in item.options)
        places.add(item.options.index(item.target))
    assert places == {0, 1, 2, 3}


def test_a_mention_asks_for_no_right_answer(asked: Asked) -> None:
    items = asked.of("open_request")
    assert {item.kind for item in items} == {"mention", "open"}
    assert all(right_answer(item, "anything") is None and not item.harmful for item in items)


def test_one_task_does_not_depend_on_the_others(asked: Asked) -> None:
    assert task_items("choice", asked.tables) == asked.of("choice")
