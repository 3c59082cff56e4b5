"""Direct preference optimization: the loss, the reference, the sides, and that it learns."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from transformers import PreTrainedModel

from lineage.artifact import Artifact
from lineage.conversations.start import Opened, open_conversational
from lineage.data.batch import IGNORED
from lineage.errors import UserError
from lineage.losses.preference import preference
from lineage.models.vision_language import open_model
from tests.stages.building import run_stage
from tests.tuning import building
from tests.tuning.conftest import Family

OPTIMIZATION = {**building.OPTIMIZATION, "packing": False, "peak_learning_rate": 1e-3, "schedule": "constant"}


def pairs(count: int, *, first: int = 0) -> list[dict[str, Any]]:
    """Half of them about a picture; the better answer is always the polite one."""
    found = []
    for number in range(first, first + count):
        if number % 2:
            picture = building.square(list(building.COLOURS)[number % 4], seed=number)
            found.append(building.pair(number, "<image>What is this", "yes please", "no", picture))
        else:
            found.append(building.pair(number, f"Say {building.WORDS[number % 10]}", "yes please", "no no no"))
    return found


def run(family: Family, folder: Path, rows: list[dict[str, Any]] | None = None, **spec: Any) -> Artifact:
    sets = building.preferences(folder.with_name(f"{folder.name}-sets") / "pairs", pairs(32) if rows is None else rows)
    held_out = building.preferences(folder.with_name(f"{folder.name}-sets") / "held_out", pairs(16, first=100))
    full = {
        "shares": {"pairs": 1}, "steps": 30, "beta": 0.1, "template": "roles", "measure_every": 10,
        "optimization": OPTIMIZATION, **spec,
    }  # fmt: skip
    inputs = {"start": family.aligned, "preferences": [sets], "validation": held_out}
    return run_stage("dpo", folder, full, inputs=inputs)


def lines(artifact: Artifact) -> list[dict[str, float]]:
    return [json.loads(line) for line in artifact.path("training.jsonl").read_text().splitlines()]


def test_loss_and_gradient_are_the_published_ones_on_random_tensors() -> None:
    torch.manual_seed(0)
    logits = torch.randn(6, 5, 7, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 7, (6, 5))
    labels[:, :2] = IGNORED
    labels[3, 4] = IGNORED
    reference = torch.randn(6, dtype=torch.float64)
    found = preference(0.3)(SimpleNamespace(logits=logits), {"labels": labels, "reference": reference})
    (ours,) = torch.autograd.grad(found.sum, logits)

    # TRL's formula (sigmoid loss): selected log-probabilities, masked sums, -logsigmoid(beta * (policy - reference)).
    policy = []
    for row in range(6):
        chosen = [logits[row, at].log_softmax(-1)[labels[row, at]] for at in range(5) if labels[row, at] != IGNORED]
        policy.append(torch.stack(chosen).sum())
    total = torch.zeros((), dtype=torch.float64)
    for pair in range(3):
        better, worse = 2 * pair, 2 * pair + 1
        ratio = (policy[better] - policy[worse]) - (reference[better] - reference[worse])
        total = total - torch.log(1 / (1 + torch.exp(-0.3 * ratio)))
    (theirs,) = torch.autograd.grad(total, logits)
    assert int(found.count) == 3
    assert found.sum.item() == pytest.approx(total.item(), rel=1e-12)
    assert torch.allclose(ours, theirs, rtol=1e-10, atol=1e-14)


def test_it_starts_at_log_two_and_learns_held_out_pairs(family: Family, tmp_path: Path) -> None:
    made = run(family, tmp_path / "dpo")
    logged = lines(made)
    assert logged[0]["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert logged[0]["pair_accuracy"] == 0.5
    assert logged[0]["reward_margin"] == 0
    assert logged[-1]["pair_accuracy"] >= 0.9
    assert logged[-1]["reward_margin"] > 0.1
    assert set(logged[-1]) >= {"chosen_log_probability", "rejected_log_probability", "moved_per_token"}
    assert made.manifest.counts["passes"] == {"pairs": 7.5}


def spoken(model: PreTrainedModel, opened: Opened, answer: str) -> float:
    """Nats of an answer to 'Say yes' and its end token, by hand."""
    text = f"<|user|> Say yes<|assistant|> {answer}<|end|>"
    ids = torch.tensor([opened.tokenizer.encode(text, add_special_tokens=False)])
    with torch.no_grad():
        log_probability = model(input_ids=ids).logits[0].log_softmax(-1)
    return sum(float(log_probability[at - 1, ids[0, at]]) for at in range(ids.shape[1] - 2, ids.shape[1]))


def test_the_end_token_is_scored_and_the_prompt_is_not(family: Family, tmp_path: Path) -> None:
    made = run(family, tmp_path / "dpo", [building.pair(0, "Say yes", "yes", "no")], steps=2)
    kept = {row["id"]: row["log_probability"] for row in pq.read_table(made.path("reference.parquet")).to_pylist()}
    opened = open_conversational(family.aligned, "roles")
    before, after = open_model(family.aligned.folder), open_model(made.folder)
    for answer, side in (("yes", "chosen"), ("no", "rejected")):
        assert kept[f"pair-0 ({side})"] == pytest.approx(spoken(before, opened, answer), abs=1e-5)
    margins = [spoken(model, opened, "yes") - spoken(model, opened, "no") for model in (before, after)]
    assert margins[1] > margins[0] + 0.01, "the chosen answer gains on the rejected one"


def test_swapped_sides_learn_the_opposite(family: Family, tmp_path: Path) -> None:
    swapped = [{**one, "chosen": one["rejected"], "rejected": one["chosen"]} for one in pairs(32)]
    assert lines(run(family, tmp_path / "swapped", swapped))[-1]["pair_accuracy"] <= 0.1


def test_micro_batches_never_part_a_pair(family: Family, tmp_path: Path) -> None:
    whole = run(family, tmp_path / "whole", steps=3)
    sets = {"start": family.aligned, "preferences": [Artifact.open(tmp_path / "whole-sets" / "pairs")]}
    spec = {"shares": {"pairs": 1}, "steps": 3, "template": "roles", "optimization": OPTIMIZATION}
    parted = run_stage("dpo", tmp_path / "parted", spec, inputs=sets, micro_batch_rows=3)
    for one, two in zip(lines(whole)[:3], lines(parted), strict=False):
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-5)


def test_lora_tunes_too(family: Family, tmp_path: Path) -> None:
    logged = lines(run(family, tmp_path / "lora", trainable="lora", lora={"rank": 4}))
    assert logged[0]["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert logged[-1]["pair_accuracy"] >= 0.9


def test_equal_sides_are_refused(family: Family, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pair-0 \(chosen\): both answers of the pair are 'yes'"):
        run(family, tmp_path / "equal", [building.pair(0, "Say yes", "yes", "yes ")])
