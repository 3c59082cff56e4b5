"""The stage `score_safety`: everything asked is kept and labelled, and nothing is asked twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lineage.artifact import Artifact, ArtifactWriter
from lineage.errors import StoppedEarly, UserError
from lineage.evaluation import generation
from lineage.evaluation.examples import OUTCOMES, Example, read_examples
from lineage.evaluation.generation_batch import Row
from lineage.evaluation.generation_store import ANSWERS, AnswerStore
from lineage.evaluation.items import Item, Turn, write_items
from lineage.evaluation.outcomes import label
from lineage.models.vision_language import save_model
from lineage.stages import score_safety as stage
from tests.evaluation import speaking
from tests.stages.building import run_stage

SPEC: dict[str, Any] = {"prompts": ["few"], "decoding": {"max_new_tokens": 6}, "batch_tokens": 100}
TOOLS = ("spoon", "fork", "lamp")


def item(number: int, task: str, **fields: Any) -> Item:
    shown = "images" in fields
    (turn,) = speaking.prompt(number, shown=shown).messages
    return Item(f"{task}/{number}", task, 1, (Turn(turn["role"], turn["content"]),), **fields)


ITEMS = [
    *(
        item(number, "request_text", harmful=number % 2 == 0, target="spoon", candidates=TOOLS, reason="it is red",
             refusal="I will not", answer="use the spoon", request=f"r{number}", verb="v", object=f"o{number % 3}")
        for number in range(8)
    ),
    *(item(number, "visual", target="red", images=(speaking.picture(number),)) for number in range(4)),
    *(item(number, "choice", target="red", options=("red", "blue")) for number in range(3)),
    item(3, "open_request"),
]  # fmt: skip


def model_artifact(folder: Path, *, seeing: bool) -> Artifact:
    spoken = speaking.seer() if seeing else speaking.reader()
    files, words = (folder.with_name(f"{folder.name}.{name}") for name in ("files", "words"))
    speaking.words().save_pretrained(words)
    save_model(
        spoken.model, files, tokenizer_folder=words, template=spoken.renderer.template, images=spoken.reading
    )  # fmt: skip
    out = ArtifactWriter.create(folder, state=folder.with_name("state"))
    out.kind = "model"
    for path in sorted(files.iterdir()):
        out.path(path.name).write_bytes(path.read_bytes())
    return out.close(stage="tune", spec={}, code={}, inputs={})


def prompt_set(folder: Path, items: list[Item]) -> Artifact:
    out = ArtifactWriter.create(folder, state=folder.with_name("state"))
    out.kind = "prompts"
    write_items(items, out.path("items.parquet"))
    return out.close(stage="prompts", spec={}, code={}, inputs={})


@pytest.fixture(scope="module")
def seer(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return model_artifact(tmp_path_factory.mktemp("models") / "seer", seeing=True)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return model_artifact(tmp_path_factory.mktemp("models") / "reader", seeing=False)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return prompt_set(tmp_path_factory.mktemp("prompts") / "few", ITEMS)


@pytest.fixture(scope="module")
def scored(seer: Artifact, few: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return score(tmp_path_factory.mktemp("scores") / "seer" / "safety", seer, few)


def score(folder: Path, model: Artifact, *prompts: Artifact, **changes: Any) -> Artifact:
    return run_stage("score_safety", folder, {**SPEC, **changes}, inputs={"model": model, "prompts": list(prompts)})


def examples_of(artifact: Artifact) -> list[Example]:
    return read_examples(artifact.path("examples.parquet"))


Asked = Callable[[], list[str]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Ids of all prompts that a model has answered since."""
    told: list[str] = []
    real = generation.answer_batch

    def counted(opened: Any, rows: list[Row], *rest: Any) -> Any:
        told.extend(row.id for row in rows)
        return real(opened, rows, *rest)

    monkeypatch.setattr(stage, "answer_batch", counted)
    return lambda: told


def test_every_item_is_an_example_with_its_label(scored: Artifact) -> None:
    found = examples_of(scored)
    assert [one.id for one in found] == [item.id for item in ITEMS]
    for one, item in zip(found, ITEMS, strict=True):
        assert one.prompts == "few" and one.judge == "rules-1" and one.outcome in OUTCOMES
        assert (one.outcome, one.correct) == tuple(vars(label(item, one.output, one.refusal)).values())
        assert (one.request, one.object, one.harmful, one.pictures) == (
            item.request, item.object, item.harmful, len(item.images)
        )  # fmt: skip
        assert one.prompt == f"user: {item.prompt[0].content}"
        assert (one.refusal_log_probability is not None) == bool(item.refusal)
        assert (one.reason_log_probability is not None) == bool(item.reason)
        assert (one.option_log_probabilities is not None) == bool(item.options)


def test_answers_are_those_of_the_engine(scored: Artifact) -> None:
    prompts = [item.conversation for item in ITEMS]
    alone = generation.answers(speaking.seer(), prompts, generation.Decoding(max_new_tokens=6), batch_tokens=1)
    assert [(one.output, one.ended, one.tokens) for one in examples_of(scored)] == [
        (one.text, one.ended, one.tokens) for one in alone
    ]


def test_metrics_count_the_examples(scored: Artifact) -> None:
    found = json.loads(scored.path("metrics.json").read_text())
    rates = found["tasks"]["few"]["request_text"]["test"]
    harmful = [one for one in examples_of(scored) if one.task == "request_text" and one.harmful]
    assert rates["asr_comply"]["n"] == len(harmful) == 4
    assert rates["asr_comply"]["numerator"] == sum(one.outcome != "refused" for one in harmful)
    assert found["skipped"] == {}


def test_a_model_without_eyes_skips_pictures_and_says_so(reader: Artifact, few: Artifact, tmp_path: Path) -> None:
    made = score(tmp_path / "reader" / "safety", reader, few)
    assert [one.id for one in examples_of(made)] == [item.id for item in ITEMS if not item.images]
    assert json.loads(made.path("metrics.json").read_text())["skipped"] == {"few": {"visual": 4}}
    assert made.manifest.counts == {"examples": 12, "skipped": 4}


def test_the_batch_changes_no_answer(seer: Artifact, few: Artifact, scored: Artifact, tmp_path: Path) -> None:
    made = score(tmp_path / "seer" / "safety", seer, few, batch_tokens=100_000)
    for one, other in zip(examples_of(made), examples_of(scored), strict=True):
        assert (one.output, one.outcome) == (other.output, other.outcome)
        assert one.refusal_log_probability == pytest.approx(other.refusal_log_probability, abs=1e-4)


def test_a_stopped_job_goes_on_at_the_next_batch(
    seer: Artifact, few: Artifact, scored: Artifact, tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after its second batch, it answers the others only, and its bytes are those of a job in one go."""
    real, batches = AnswerStore.put, 0

    def dying(self: AnswerStore, key: str, answers: Any) -> None:
        nonlocal batches
        batches += 1
        real(self, key, answers)
        if batches == 2:
            (state,) = tmp_path.rglob(ANSWERS)
            with state.open("a") as file:
                file.write('{"key": "torn')
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(AnswerStore, "put", dying)
        with pytest.raises(KeyboardInterrupt):
            score(tmp_path / "seer" / "safety", seer, few)
    before = list(asked())
    assert 0 < len(before) < len(ITEMS)
    made = score(tmp_path / "seer" / "safety", seer, few)
    assert sorted(asked()) == sorted(item.id for item in ITEMS), "nothing twice, nothing left out"
    assert made.digest == scored.digest


def test_another_judge_asks_nothing_again(
    seer: Artifact, few: Artifact, scored: Artifact, tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "seer" / "safety"
    score(folder, seer, few)
    first = list(asked())
    (folder / "manifest.json").unlink()  # as Snakemake does before it runs a stale job again
    monkeypatch.setattr("lineage.evaluation.labelling.rules_judge", lambda: _RefusesAll())
    made = score(folder, seer, few)
    assert asked() == first
    assert {one.judge for one in examples_of(made)} == {"all-9"}
    assert all(one.refusal == "full" for one in examples_of(made))


class _RefusesAll:
    name, version = "all", 9

    def judge(self, responses: list[Any]) -> list[Any]:
        from lineage.evaluation.judges.judge import Verdict

        return [Verdict("full") for _ in responses]


def test_a_changed_task_is_asked_again_and_no_other(
    seer: Artifact, few: Artifact, tmp_path: Path, asked: Asked
) -> None:
    folder = tmp_path / "seer" / "safety"
    score(folder, seer, few)
    asked().clear()
    changed = [replace(one, version=2) if one.task == "choice" else one for one in ITEMS]
    score(folder, seer, prompt_set(tmp_path / "again" / "few", changed))
    assert set(asked()) == {one.id for one in ITEMS if one.task == "choice"}


@pytest.mark.parametrize(
    "change", [{"decoding": {"max_new_tokens": 5}}, {"system": "I will not help"}, {"template": "llava_v1"}]
)
def test_what_decides_answers_asks_all_again(
    seer: Artifact, few: Artifact, tmp_path: Path, asked: Asked, change: dict[str, Any]
) -> None:
    folder = tmp_path / "seer" / "safety"
    score(folder, seer, few)
    asked().clear()
    score(folder, seer, few, **change)
    assert sorted(asked()) == sorted(one.id for one in ITEMS)


def test_another_model_is_asked_anew(
    seer: Artifact, reader: Artifact, few: Artifact, tmp_path: Path, asked: Asked
) -> None:
    folder = tmp_path / "any" / "safety"
    score(folder, seer, few)
    asked().clear()
    score(folder, reader, few)
    assert sorted(asked()) == sorted(one.id for one in ITEMS if not one.images)


def test_two_prompt_sets_stand_side_by_side(seer: Artifact, few: Artifact, tmp_path: Path) -> None:
    other = prompt_set(tmp_path / "prompts" / "other", ITEMS[:2])
    made = score(tmp_path / "seer" / "safety", seer, few, other, prompts=["few", "other"])
    found = examples_of(made)
    assert [one.prompts for one in found] == ["few"] * len(ITEMS) + ["other"] * 2
    assert [one.output for one in found[-2:]] == [one.output for one in found[:2]]


def test_it_stops_before_the_time_limit_and_keeps_what_it_has(seer: Artifact, few: Artifact, tmp_path: Path) -> None:
    folder = tmp_path / "seer" / "safety"
    spec, inputs = {**SPEC, "batch_tokens": 1}, {"model": seer, "prompts": [few]}
    with pytest.raises(StoppedEarly, match="answers are kept"):
        run_stage("score_safety", folder, spec, inputs=inputs, minutes=1e-9)
    assert not folder.exists()


def test_a_prompt_without_room_is_told_by_its_item(seer: Artifact, few: Artifact, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"item .*at most 256"):
        score(tmp_path / "seer" / "safety", seer, few, decoding={"max_new_tokens": 252})
