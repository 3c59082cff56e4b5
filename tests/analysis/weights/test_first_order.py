"""Slopes against finite differences, the line against the loss itself, the chance level against random directions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from lineage.analysis.weights.first_order import Row, first_order, language_parameters, moves
from lineage.analysis.weights.vectors import TaskVector, TaskVectors
from lineage.data.batch import Batch
from lineage.models.vision_language import open_model
from tests.merging.building import WORDS, llama, llava


def batch(seed: int, rows: int = 3, width: int = 6) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, len(WORDS), (rows, width + 1), generator=generator)
    labels = tokens[:, 1:].clone()
    labels[0, : 2 + seed] = -100
    inputs = {"input_ids": tokens[:, :-1].contiguous()}
    return Batch(inputs, {"labels": labels}, count=int((labels != -100).sum()), tokens=labels.numel())


def loss_of(model: nn.Module, batches: list[Batch]) -> float:
    """Mean cross-entropy over all labels, written out."""
    total = 0.0
    for one in batches:
        with torch.no_grad():
            log_p = model(**one.inputs).logits.double().log_softmax(dim=-1)
        for row, labels in enumerate(one.targets["labels"].tolist()):
            total -= sum(float(log_p[row, at, label]) for at, label in enumerate(labels) if label >= 0)
    return total / sum(one.count for one in batches)


@pytest.fixture
def family(tmp_path: Path) -> tuple[Path, TaskVectors]:
    base, seeing = llama(tmp_path / "chat", seed=1), llava(tmp_path / "seeing", seed=2)
    return base, TaskVectors(base, {"seeing": seeing}, [TaskVector("see", "seeing")])


def found(rows: list[Row], statistic: str, fraction: float | None = None) -> Row:
    [one] = [row for row in rows if row["statistic"] == statistic and row["fraction"] == fraction]
    return one


def test_the_slope_is_the_derivative_along_the_vector(family: tuple[Path, TaskVectors]) -> None:
    folder, vectors = family
    model = open_model(folder)
    [tau] = moves(vectors, model)
    batches = [batch(0), batch(1)]
    rows = list(first_order(model, batches, {"see": tau}, fractions=[0.0, 1e-3], loss="safety"))
    before, after = found(rows, "loss", 0.0)["value"], found(rows, "loss", 1e-3)["value"]
    assert before == pytest.approx(loss_of(model, batches), rel=1e-5)
    assert found(rows, "slope")["value"] == pytest.approx((after - before) / 1e-3, rel=0.05)


def test_the_line_ends_at_the_other_model(family: tuple[Path, TaskVectors], tmp_path: Path) -> None:
    """Where all tokens are shared, theta_0 + tau is the other model's language part, tensor for tensor."""
    folder, vectors = family
    model, other = open_model(folder), open_model(tmp_path / "seeing")
    [tau] = moves(vectors, model)
    batches = [batch(0)]
    rows = list(first_order(model, batches, {"see": tau}, fractions=[1.0], loss="safety"))
    logits = other(**batches[0].inputs).logits[..., : len(WORDS)]  # its two rows more are no token of the base
    expected = nn.functional.cross_entropy(logits.flatten(0, 1), batches[0].targets["labels"].flatten())
    assert found(rows, "loss", 1.0)["value"] == pytest.approx(float(expected.detach()), rel=1e-4)


def test_the_model_is_left_as_it_was(family: tuple[Path, TaskVectors]) -> None:
    folder, vectors = family
    model = open_model(folder)
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    list(first_order(model, [batch(0)], {"see": moves(vectors, model)[0]}, fractions=[0.5, 1.0], loss="safety"))
    assert all(torch.equal(before[name], one) for name, one in model.named_parameters())


def test_random_directions_fall_into_the_chance_interval(family: tuple[Path, TaskVectors]) -> None:
    folder, vectors = family
    model = open_model(folder)
    [tau] = moves(vectors, model)
    generator = torch.Generator().manual_seed(0)
    drawn = {}
    for number in range(60):
        noise = {name: torch.randn(one.shape, generator=generator) for name, one in tau.items()}
        drawn[f"random {number}"] = {name: one * tau[name].norm() / one.norm() for name, one in noise.items()}
    rows = list(first_order(model, [batch(0)], {"see": tau, **drawn}, fractions=[], loss="safety"))
    chance = next(row for row in rows if row["statistic"] == "slope_random" and row["vector"] == "see")
    slopes = [row["value"] for row in rows if row["statistic"] == "slope" and row["vector"] != "see"]
    inside = sum(chance["low"] < slope < chance["high"] for slope in slopes)
    assert 52 <= inside <= 60 and max(map(abs, slopes)) > chance["high"] / 3


def test_a_tied_head_moves_with_its_embedding(tmp_path: Path) -> None:
    base = llama(tmp_path / "chat", seed=1, tie_word_embeddings=True)
    other = llama(tmp_path / "other", seed=2, tie_word_embeddings=True)
    model = open_model(base)
    assert "lm.head.weight" not in language_parameters(model)
    [tau] = moves(TaskVectors(base, {"other": other}, [TaskVector("a", "other")]), model)
    rows = list(first_order(model, [batch(0)], {"a": tau}, fractions=[1.0], loss="safety"))
    assert found(rows, "loss", 1.0)["value"] == pytest.approx(loss_of(open_model(other), [batch(0)]), rel=1e-4)


def test_the_interval_is_over_batches(family: tuple[Path, TaskVectors]) -> None:
    """Two batches of equal size with losses a and b: mean +- t(1) * |a - b| / 2."""
    folder, vectors = family
    model = open_model(folder)
    [tau] = moves(vectors, model)
    batches = [batch(1), batch(1, rows=3)]
    batches[1].inputs["input_ids"][:] = 0
    one, other = (loss_of(model, [single]) for single in batches)
    row = found(list(first_order(model, batches, {"see": tau}, fractions=[0.0], loss="safety")), "loss", 0.0)
    assert row["high"] - row["value"] == pytest.approx(12.706205 * abs(one - other) / 2, rel=1e-4)
