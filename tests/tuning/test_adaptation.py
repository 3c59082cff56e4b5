"""Tower, alignment and tuning: what is trained, what is not, and that a model learns to see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, CLIPModel

from lineage.artifact import Artifact
from lineage.conversations.prepared import open_image, pixel_values
from lineage.conversations.render import Conversation
from lineage.conversations.start import open_conversational
from lineage.errors import UserError
from lineage.models.decoder import open_decoder
from lineage.models.vision_language import open_tower, open_vision_language
from tests.stages.building import run_stage
from tests.tuning import building
from tests.tuning.conftest import TOWER, Family

SEEING = {"shares": {"questions": 1}, "template": "roles", "steps": 150, "last_step": 150}


def tuned(family: Family, folder: Path, sets: list[Artifact], start: Artifact | None = None, **spec: Any) -> Artifact:
    full = {"optimization": building.OPTIMIZATION, **SEEING, **spec}
    return run_stage("tune", folder, full, inputs={"start": start or family.aligned, "conversations": sets})


def lines(artifact: Artifact) -> list[dict[str, float]]:
    return [json.loads(line) for line in artifact.path("training.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def seeing(family: Family) -> Artifact:
    return tuned(family, family.folder / "models" / "seeing@150", [family.questions])


def answers(folder: Path, rows: list[dict[str, Any]], *, shuffled: bool = False) -> float:
    """Share of held-out pictures whose colour the model names, through plain transformers."""
    model, processor = AutoModelForImageTextToText.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    right = 0
    for number, one in enumerate(rows):
        image = open_image(rows[(number + 1) % len(rows) if shuffled else number]["images"][0], place="test")
        question = [{"type": "image"}, {"type": "text", "text": one["messages"][0]["content"].removeprefix("<image>")}]
        text = processor.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True)
        inputs = processor(images=[image.convert("RGB")], text=text, return_tensors="pt")
        out = model.generate(**inputs, max_new_tokens=5, do_sample=False)[0, inputs["input_ids"].shape[1] :]
        right += processor.decode(out, skip_special_tokens=True).strip() == one["messages"][1]["content"]
    return right / len(rows)


def test_the_tower_matches_held_out_pictures_with_their_captions(family: Family) -> None:
    model = CLIPModel.from_pretrained(family.tower.folder)
    opened = open_conversational(family.aligned, "roles")
    assert opened.reading is not None
    rows = building.captions(4, first=500)
    pixels = pixel_values([one["images"][0] for one in rows], opened.reading, place="test")
    end = opened.tokenizer.eos_token_id
    ids = torch.tensor([[*opened.tokenizer.encode(one["messages"][1]["content"]), end] for one in rows])
    with torch.no_grad():
        similarity = model(input_ids=ids, pixel_values=pixels).logits_per_image
    assert similarity.argmax(dim=1).tolist() == [0, 1, 2, 3]


def test_alignment_changes_the_projector_alone(family: Family) -> None:
    whole = open_vision_language(family.aligned.folder)
    decoder = open_decoder(family.base.folder)
    ids = torch.arange(40, 60)[None]
    with torch.no_grad():
        assert torch.equal(whole(input_ids=ids).logits, decoder(input_ids=ids).logits)
    mine = whole.model.vision_tower.state_dict()
    theirs = open_tower(family.tower.folder).state_dict()
    assert len(mine) == len(theirs)
    for name, tensor in mine.items():
        assert torch.equal(tensor, theirs[name] if name in theirs else theirs[f"vision_model.{name}"]), name
    logged = lines(family.aligned)
    assert logged[-1]["loss"] < logged[0]["loss"]


def test_a_tuned_model_sees_and_loads_with_plain_transformers(seeing: Artifact) -> None:
    held_out = building.questions(12, first=900)
    assert answers(seeing.folder, held_out) == 1.0
    assert answers(seeing.folder, held_out, shuffled=True) == 0.0


def test_the_class_token_is_one_more_feature_in_the_folder_too(family: Family, tmp_path: Path) -> None:
    spec = {"shares": {"captions": 1}, "feature_layer": -1, "feature_select": "full", "steps": 20}
    aligned = run_stage(
        "align", tmp_path / "aligned", {**spec, "optimization": building.OPTIMIZATION},
        inputs={"start": family.base, "tower": family.tower, "conversations": [family.captions]},
    )  # fmt: skip
    opened = open_conversational(aligned, "roles")
    assert opened.reading is not None
    assert opened.reading.num_tokens == 5, "4 patches and the class token"
    assert opened.model.config.image_seq_length == 5
    held_out = building.questions(12, first=900)
    assert answers(tuned(family, tmp_path / "seeing", [family.questions], aligned).folder, held_out) == 1.0


def test_a_rate_of_its_own_moves_the_projector_alone_further(family: Family, tmp_path: Path) -> None:
    settings = {**building.OPTIMIZATION, "peak_learning_rate": 1e-4}
    same = tuned(family, tmp_path / "same", [family.questions], steps=2, last_step=2, optimization=settings)
    settings["projector_learning_rate"] = 1e-2
    own = tuned(family, tmp_path / "own", [family.questions], steps=2, last_step=2, optimization=settings)
    start, slow, fast = (open_vision_language(one.folder).state_dict() for one in (family.aligned, same, own))
    for name, tensor in start.items():
        if ".multi_modal_projector." in name:
            assert (fast[name] - tensor).norm() > 10 * (slow[name] - tensor).norm(), name
        elif ".vision_tower." in name:
            assert torch.equal(fast[name], tensor), name
        else:
            assert (fast[name] - tensor).norm() < 2 * (slow[name] - tensor).norm() + 1e-6, name


def test_projector_training_leaves_text_logits_bit_identical(family: Family, tmp_path: Path) -> None:
    frozen = tuned(family, tmp_path / "frozen", [family.questions], trainable="projector", steps=5, last_step=5)
    before, after = open_vision_language(family.aligned.folder), open_vision_language(frozen.folder)
    ids = torch.arange(40, 60)[None]
    with torch.no_grad():
        assert torch.equal(before(input_ids=ids).logits, after(input_ids=ids).logits)
    changed = {
        name
        for (name, one), other in zip(before.state_dict().items(), after.state_dict().values(), strict=True)
        if not torch.equal(one, other)
    }
    assert changed
    assert all("multi_modal_projector" in name for name in changed)


def test_lora_leaves_a_plain_model_and_moves_matrices_and_projector_only(family: Family, tmp_path: Path) -> None:
    made = tuned(
        family, tmp_path / "lora", [family.questions, family.chats], shares={"questions": 1, "chats": 1},
        trainable="lora", lora={"rank": 2}, steps=5, last_step=5,
    )  # fmt: skip
    before, after = open_vision_language(family.aligned.folder), open_vision_language(made.folder)
    assert before.state_dict().keys() == after.state_dict().keys()
    for (name, one), other in zip(before.state_dict().items(), after.state_dict().values(), strict=True):
        trained = ("_proj.weight" in name and "language_model" in name) or "multi_modal_projector" in name
        assert torch.equal(one, other) != trained, name
        if "_proj.weight" in name and "language_model" in name:
            assert torch.linalg.matrix_rank(other - one, atol=1e-6) <= 2
    assert made.manifest.counts["trainable_parameters"] < 20_000


def test_two_segments_are_one_run_bit_for_bit(family: Family, tmp_path: Path) -> None:
    whole = tuned(family, tmp_path / "whole", [family.questions], steps=6, last_step=6)
    first = tuned(family, tmp_path / "first", [family.questions], steps=6, last_step=2)
    second = tuned(family, tmp_path / "second", [family.questions], first, steps=6, first_step=2, last_step=6)
    for name in ("model.safetensors", "state.safetensors"):
        assert second.path(name).read_bytes() == whole.path(name).read_bytes()
    assert lines(first) + lines(second) == lines(whole)


def test_packing_and_micro_batches_change_nothing_but_rounding(family: Family, tmp_path: Path) -> None:
    sets, shares = [family.questions, family.chats], {"questions": 2, "chats": 1}
    spec = {"shares": shares, "steps": 4, "last_step": 4}
    packed = tuned(family, tmp_path / "packed", sets, **spec)
    for name, settings, execution in (
        ("padded", {"packing": False}, {}),
        ("micro", {}, {"micro_batch_rows": 1}),
    ):
        other = run_stage(
            "tune", tmp_path / name, {**SEEING, **spec, "optimization": {**building.OPTIMIZATION, **settings}},
            inputs={"start": family.aligned, "conversations": sets}, **execution,
        )  # fmt: skip
        for one, two in zip(lines(packed), lines(other), strict=True):
            assert one["loss"] == pytest.approx(two["loss"], rel=1e-4)
            assert one["gradient_norm"] == pytest.approx(two["gradient_norm"], rel=1e-3)


def test_a_chat_model_learns_its_answers_and_keeps_its_template(family: Family, tmp_path: Path) -> None:
    chat = tuned(family, tmp_path / "chat", [family.chats], family.base, shares={"chats": 1}, steps=60, last_step=60)
    opened = open_conversational(chat, "kept")
    ids = torch.tensor([opened.renderer.prompt_ids(Conversation("x", [{"role": "user", "content": "Say no"}]))])
    out: Any = opened.model.generate(input_ids=ids, max_new_tokens=3, do_sample=False)  # pyright: ignore[reportCallIssue]
    assert opened.tokenizer.decode(out[0, ids.shape[1] :]) == " no<|end|>"
    assert chat.manifest.counts["passes"] == {"chats": 12.0}


def test_what_cannot_be_used_is_said(family: Family, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no chat template"):
        tuned(family, tmp_path / "a", [family.chats], family.base, shares={"chats": 1}, template="kept")
    with pytest.raises(UserError, match=r"reads text only and has none"):
        tuned(family, tmp_path / "b", [family.chats], family.base, shares={"chats": 1}, trainable="projector")
    with pytest.raises(
        UserError, match=r"64 of 64 conversations cannot be used \(a picture for a model that reads text"
    ):
        tuned(family, tmp_path / "c", [family.questions], family.base)
    long = building.conversations(
        tmp_path / "sets" / "long", [building.row(0, "Say " + "yes " * 60, "no"), *building.chats(9)]
    )
    with pytest.raises(UserError, match=r"1 of 10 .*too long: 1"):
        tuned(family, tmp_path / "d", [long], family.base, shares={"long": 1})
    made = tuned(
        family, tmp_path / "e", [long], family.base, shares={"long": 1}, max_dropped_share=0.1, steps=2, last_step=2
    )
    assert made.manifest.counts["dropped"] == {"long": {"too long": 1}}
    with pytest.raises(UserError, match=r"max_position_embeddings"):
        tuned(family, tmp_path / "f", [family.chats], shares={"chats": 1}, optimization={"sequence_length": 65})
    with pytest.raises(UserError, match=r"must not be parted"):
        run_stage(
            "tower", tmp_path / "g", TOWER, inputs={"conversations": [family.captions], "tokenizer": family.words},
            micro_batch_rows=2,
        )  # fmt: skip
