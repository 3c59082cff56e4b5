"""A resumed run is bit-identical to an uninterrupted one."""

import itertools
import json
from pathlib import Path

import pytest
import torch

from lineage.errors import StoppedEarly, UserError
from lineage.losses.next_token import next_token
from lineage.training.state import STATE
from tests.training.tiny import batches, gpt2, llama, run, same_bits, weights


def uninterrupted(folder: Path, **changes):
    model = gpt2(dropout=0.1)
    run(model, folder, **changes)
    return weights(model), (folder / "training.jsonl").read_bytes(), (folder / STATE).read_bytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_stopped_before_the_limit_and_resumed(tmp_path: Path, threads: int):
    execution = {"threads": threads}
    expected = uninterrupted(tmp_path / "whole", execution=execution)
    model = gpt2(dropout=0.1)
    for _ in range(3):
        with pytest.raises(StoppedEarly):
            run(model, tmp_path / "parts", execution={**execution, "minutes": 1e-9})
        model = gpt2(seed=7, dropout=0.1)  # a new process: other initial weights must not matter
    resumed = run(model, tmp_path / "parts", execution=execution)
    assert resumed.resumed_at == 3
    assert same_bits(weights(model), expected[0])
    assert (tmp_path / "parts" / "training.jsonl").read_bytes() == expected[1]
    assert (tmp_path / "parts" / STATE).read_bytes() == expected[2]


@pytest.mark.parametrize("killed_at", [1, 4, 7])
def test_killed_after_a_save_and_resumed(tmp_path: Path, killed_at: int):
    """Lines that were written after the last save, one of them torn, are cut off and written again."""
    expected = uninterrupted(tmp_path / "whole")
    read = batches()
    calls = itertools.count()

    def dying_loss(outputs, targets):
        if next(calls) == killed_at:
            raise KeyboardInterrupt
        return next_token(outputs, targets)

    with pytest.raises(KeyboardInterrupt):
        run(gpt2(dropout=0.1), tmp_path / "parts", loss=dying_loss, execution={"save_minutes": 1e-9})
    state = tmp_path / "parts" / STATE
    assert state.exists() == (killed_at > 0)
    with (tmp_path / "parts" / "training.jsonl").open("a") as log:
        log.write(json.dumps({"step": killed_at, "tokens": -1}) + '\n{"step": ')  # lines after the save, one torn
    model = gpt2(seed=7, dropout=0.1)
    resumed = run(model, tmp_path / "parts", batches=read)
    assert resumed.resumed_at == killed_at
    assert same_bits(weights(model), expected[0])
    assert (tmp_path / "parts" / "training.jsonl").read_bytes() == expected[1]


def test_two_segments_are_one_run(tmp_path: Path):
    expected = uninterrupted(tmp_path / "whole")
    first = gpt2(dropout=0.1)
    run(first, tmp_path / "first", steps=5)
    second = gpt2(seed=7, dropout=0.1)
    ended = run(second, tmp_path / "second", first_step=5, start=tmp_path / "first" / STATE)
    assert same_bits(weights(second), expected[0])
    assert (tmp_path / "second" / STATE).read_bytes() == expected[2]
    lines = [(tmp_path / name / "training.jsonl").read_bytes() for name in ("first", "second")]
    assert b"".join(lines) == expected[1]
    assert ended.tokens == 8 * 96


def test_a_finished_run_makes_no_update(tmp_path: Path):
    expected = uninterrupted(tmp_path / "whole")
    model = gpt2(seed=7)
    again = run(model, tmp_path / "whole")
    assert again.steps == 0
    assert same_bits(weights(model), expected[0])
    assert (tmp_path / "whole" / "training.jsonl").read_bytes() == expected[1]


def test_segment_must_start_where_the_state_stands(tmp_path: Path):
    run(llama(), tmp_path / "first", steps=2)
    with pytest.raises(UserError, match="is at step 2, but steps 3 to 8"):
        run(llama(), tmp_path / "second", first_step=3, start=tmp_path / "first" / STATE)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "no state"])
def test_corrupt_state_is_named(tmp_path: Path, damage: str):
    run(llama(), tmp_path, steps=1)
    path = tmp_path / STATE
    raw = bytearray(path.read_bytes())
    if damage == "truncated":
        raw = raw[: len(raw) // 2]
    elif damage == "flipped":
        raw[-5] ^= 1
    elif damage == "empty":
        raw = bytearray()
    else:
        raw = bytearray(b"x" * 100)
    path.write_bytes(raw)
    with pytest.raises(UserError, match=r"state\.safetensors: the resume state is corrupt"):
        run(llama(), tmp_path)


def test_state_of_another_model(tmp_path: Path):
    run(llama(), tmp_path, steps=1)
    with pytest.raises(UserError, match="state of another model: weights/"):
        run(gpt2(), tmp_path)


def test_log_that_lacks_lines_is_named(tmp_path: Path):
    run(llama(), tmp_path, steps=3)
    log = tmp_path / "training.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(UserError, match="one line for each of the steps 0 to 2"):
        run(llama(), tmp_path)


def test_frozen_parts_are_neither_changed_nor_saved(tmp_path: Path):
    model = gpt2(dropout=0.1)
    before = weights(model)
    model.transformer.h[0].requires_grad_(False)
    run(model, tmp_path, steps=3)
    after = weights(model)
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    assert any(not torch.equal(before[name], after[name]) for name in before.keys() - frozen)
    assert not any(name.encode() in (tmp_path / STATE).read_bytes() for name in frozen)
