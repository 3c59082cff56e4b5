"""Observers see every state of the weights that they want, and leave no trace."""

import json
from pathlib import Path

import pytest
import torch

from lineage.errors import StoppedEarly
from lineage.training.state import STATE
from tests.training.tiny import gpt2, run, same_bits, weights


class Recorder:
    """Records a weight at every second step, draws random numbers and runs the model on the way."""

    def __init__(self) -> None:
        self.seen: dict[int, float] = {}
        self.saved: list[int] = []

    def restart(self, step: int) -> None:
        self.seen = {at: value for at, value in self.seen.items() if at < step}

    def wants(self, step: int) -> bool:
        return step % 2 == 0

    def observe(self, step: int, model: torch.nn.Module) -> dict[str, float]:
        assert not any(module.training for module in model.modules())
        assert not torch.is_grad_enabled()
        torch.manual_seed(step)
        torch.rand(7)
        model(torch.zeros((3, 5), dtype=torch.long))
        value = float(next(model.parameters()).detach().double().sum())
        self.seen[step] = value
        return {"weight": value}

    def save(self) -> None:
        self.saved = sorted(self.seen)


def test_training_is_bit_identical_with_an_observer(tmp_path: Path):
    plain, observed, recorder = gpt2(dropout=0.1), gpt2(dropout=0.1), Recorder()
    run(plain, tmp_path / "plain")
    run(observed, tmp_path / "observed", observers=[recorder])
    assert same_bits(weights(plain), weights(observed))
    assert (tmp_path / "plain" / STATE).read_bytes() == (tmp_path / "observed" / STATE).read_bytes()
    assert sorted(recorder.seen) == [0, 2, 4, 6, 8]


def test_clock_is_the_number_of_updates(tmp_path: Path):
    recorder, start = Recorder(), gpt2()
    at_0 = float(next(start.parameters()).detach().double().sum())
    run(start, tmp_path, steps=2, observers=[recorder])
    assert recorder.seen[0] == at_0
    assert recorder.seen[2] == float(next(start.parameters()).detach().double().sum())
    logged = [json.loads(line) for line in (tmp_path / "training.jsonl").read_text().splitlines()]
    assert [line.get("weight") for line in logged] == [recorder.seen[0], None, recorder.seen[2]]
    assert [line["step"] for line in logged] == [0, 1, 2]
    assert "loss" not in logged[2]


def test_records_of_a_resumed_run_are_those_of_a_whole_one(tmp_path: Path):
    whole, parts = Recorder(), Recorder()
    run(gpt2(dropout=0.1), tmp_path / "whole", observers=[whole])
    with pytest.raises(StoppedEarly):
        run(gpt2(dropout=0.1), tmp_path / "parts", observers=[parts], execution={"minutes": 1e-9})
    parts.seen[4] = -1.0  # seen, but lost with the process that died after the save
    run(gpt2(seed=3, dropout=0.1), tmp_path / "parts", observers=[parts])
    assert parts.seen == whole.seen
    assert parts.saved == whole.saved
    assert (tmp_path / "parts" / "training.jsonl").read_bytes() == (tmp_path / "whole" / "training.jsonl").read_bytes()
