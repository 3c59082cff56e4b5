"""Gradients of a step do not depend on how it is split; the loop stops on what it must stop on."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lineage.config.execution import Execution
from lineage.data.batch import Batch
from lineage.errors import StoppedEarly, UserError
from lineage.losses.next_token import next_token
from lineage.losses.total import Total
from lineage.training.state import STATE
from tests.training.tiny import OPTIMIZATION, VOCABULARY, batches, gpt2, llama, run, same_bits, weights

UNEQUAL = torch.tensor([12, 1, 12, 2, 12, 3, 1, 12])
"""Labels left in each of the 8 rows: halves and quarters of the batch differ widely."""


def unequal_masks(step: int) -> Batch:
    batch = batches()(step)
    labels = batch.targets["labels"].clone()
    labels[torch.arange(12) >= UNEQUAL[:, None]] = -100
    return Batch(batch.inputs, {"labels": labels}, count=int((labels != -100).sum()), tokens=batch.tokens)


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]


def test_accumulation_with_unequal_masks(tmp_path: Path):
    """1, 2, 4 micro-batches: the same gradients. Float32 sums in another order differ by about 1e-7 a step."""
    curves, ends = [], []
    for rows in (8, 4, 2, 3):
        model = llama(attention_dropout=0.0)
        run(model, tmp_path / str(rows), batches=unequal_masks, execution={"micro_batch_rows": rows})
        curves.append([(line["loss"], line["gradient_norm"]) for line in lines(tmp_path / str(rows))])
        ends.append(weights(model))
    for curve, end in zip(curves[1:], ends[1:], strict=True):
        torch.testing.assert_close(torch.tensor(curve), torch.tensor(curves[0]), rtol=2e-5, atol=0)
        torch.testing.assert_close(end, ends[0], rtol=0, atol=2e-5)


def test_logits_of_scored_positions_alone_change_nothing(tmp_path: Path):
    """The same curve and weights, and the output layer reads as many states as there are labels."""
    read: list[int] = []
    curves, ends = [], []
    for scored_only in (False, True):
        model = llama(attention_dropout=0.0)
        handle = model.lm_head.register_forward_hook(
            lambda _, inputs, __: read.append(inputs[0].flatten(0, -2).shape[0])
        )
        place = tmp_path / str(scored_only)
        run(model, place, batches=unequal_masks, steps=4, execution={"micro_batch_rows": 4}, scored_only=scored_only)
        handle.remove()
        curves.append([(line["loss"], line["gradient_norm"]) for line in lines(place)])
        ends.append(weights(model))
    torch.testing.assert_close(torch.tensor(curves[1]), torch.tensor(curves[0]), rtol=2e-5, atol=0)
    torch.testing.assert_close(ends[1], ends[0], rtol=0, atol=2e-5)
    assert sum(read[:8]) == 4 * 8 * 12
    assert sum(read[8:]) == sum(unequal_masks(step).count for step in range(4))


def test_a_micro_batch_without_labels_is_no_trouble(tmp_path: Path):
    def first_half(step: int) -> Batch:
        batch = unequal_masks(step)
        labels = batch.targets["labels"].clone()
        labels[4:] = -100
        return Batch(batch.inputs, {"labels": labels}, count=int((labels != -100).sum()), tokens=batch.tokens)

    run(llama(), tmp_path, batches=first_half, steps=2, execution={"micro_batch_rows": 4}, scored_only=True)
    assert all(math.isfinite(line["loss"]) for line in lines(tmp_path))


def test_a_mean_cannot_pass_for_a_sum(tmp_path: Path):
    def mean(outputs, targets):
        total = next_token(outputs, targets)
        return Total(total.sum / total.count, torch.ones_like(total.count))

    with pytest.raises(AssertionError, match="the loss scored"):
        run(llama(), tmp_path, loss=mean)


def test_first_loss_is_the_mean_over_all_labels(tmp_path: Path):
    model = llama(attention_dropout=0.0)
    batch = unequal_masks(0)
    with torch.no_grad():
        logits = model(**batch.inputs, use_cache=False).logits
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch.targets["labels"].flatten())
    run(model, tmp_path, batches=unequal_masks, steps=1, execution={"micro_batch_rows": 2})
    line = lines(tmp_path)[0]
    assert line["loss"] == pytest.approx(expected.item(), rel=1e-6)
    assert (line["step"], line["tokens"]) == (0, 0)


def test_clips_before_the_update(tmp_path: Path):
    """AdamW hides the scale of the first gradient, its first moment does not: 0.1 * g with beta1 0.9."""
    from safetensors.torch import load_file

    clip = 1e-3
    run(llama(), tmp_path, steps=1, optimizer=OPTIMIZATION.model_copy(update={"clip_norm": clip}))
    state = load_file(tmp_path / STATE)
    moments = [tensor for name, tensor in state.items() if name.startswith("moments/exp_avg/")]
    norm = math.sqrt(sum(float(tensor.square().sum()) for tensor in moments))
    assert norm == pytest.approx(0.1 * clip, rel=1e-3)
    assert lines(tmp_path)[0]["gradient_norm"] > clip


def test_learning_rates_are_those_of_the_schedule(tmp_path: Path):
    model = llama()
    before = weights(model)
    rates = {0: 0.5, 1: 0.25, 2: 0.0}
    run(model, tmp_path, steps=2, schedule=rates.__getitem__)
    assert [line["learning_rate"] for line in lines(tmp_path)] == [0.5, 0.25]
    frozen = llama()
    run(frozen, tmp_path / "zero", steps=2, schedule=lambda step: 0.0)
    assert same_bits(weights(frozen), before)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_not_finite_stops_and_keeps_the_last_good_state(tmp_path: Path, bad: float):
    def breaks_at_3(outputs, targets):
        total = next_token(outputs, targets)
        return Total(total.sum * bad, total.count) if next(calls) == 3 else total

    calls = iter(range(10))
    model = llama()
    with pytest.raises(UserError, match=r"step 3: loss (nan|inf).*\n.*The batch: documents of 3"):
        run(model, tmp_path / "bad", loss=breaks_at_3, describe_step=lambda step: f"documents of {step}")
    good = llama()
    run(good, tmp_path / "good", steps=3)
    assert same_bits(weights(model), weights(good))
    assert (tmp_path / "bad" / STATE).read_bytes() == (tmp_path / "good" / STATE).read_bytes()
    assert len(lines(tmp_path / "bad")) == 3


def test_broken_weights_do_not_replace_a_good_state(tmp_path: Path):
    model = llama()
    run(model, tmp_path, steps=2)
    good = (tmp_path / STATE).read_bytes()

    with pytest.raises(UserError, match=r"step 3: .*not finite"):
        run(model, tmp_path, steps=4, schedule=lambda step: 1e39)  # an update that leaves no finite weight
    assert (tmp_path / STATE).read_bytes() == good


def test_nothing_to_score(tmp_path: Path):
    def masked(step: int) -> Batch:
        batch = batches()(step)
        return Batch(batch.inputs, {"labels": torch.full_like(batch.targets["labels"], -100)}, count=0, tokens=1)

    with pytest.raises(UserError, match="step 0 has nothing to score"):
        run(llama(), tmp_path, batches=masked)


@pytest.mark.parametrize("build", [llama, gpt2])
def test_overfits_one_batch(tmp_path: Path, build):
    first = batches()(0)
    optimizer = OPTIMIZATION.model_copy(update={"schedule": "constant", "clip_norm": 1.0, "peak_learning_rate": 1e-2})
    run(
        build(), tmp_path, steps=80, batches=lambda step: first, optimizer=optimizer, schedule=lambda step: 1e-2,
    )  # fmt: skip
    assert lines(tmp_path)[0]["loss"] == pytest.approx(math.log(VOCABULARY), rel=0.05)
    assert lines(tmp_path)[-1]["loss"] < 0.2


def test_makes_a_step_before_it_stops(tmp_path: Path):
    """A limit that is always too short still gets somewhere, so retries end."""
    with pytest.raises(StoppedEarly, match="step 1 of 8"):
        run(llama(), tmp_path, execution={"minutes": 1e-9})


def test_the_last_step_is_no_reason_to_stop(tmp_path: Path):
    assert run(llama(), tmp_path, steps=1, execution={"minutes": 1e-9}).steps == 1


def test_random_state_and_modes_are_given_back(tmp_path: Path):
    model = llama().eval()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(model, tmp_path, steps=2)
    assert torch.equal(torch.rand(3), expected)
    assert not model.training
    assert model.config.use_cache


def test_gradient_checkpointing_gives_the_same_curve(tmp_path: Path):
    run(llama(), tmp_path / "plain", steps=3)
    run(llama(), tmp_path / "checkpointed", steps=3, execution={"gradient_checkpointing": True})
    plain, checkpointed = ([line["loss"] for line in lines(tmp_path / n)] for n in ("plain", "checkpointed"))
    assert checkpointed == pytest.approx(plain, rel=1e-6)


def test_bf16_keeps_float32_weights_and_stays_near(tmp_path: Path):
    model = llama(attention_dropout=0.0)
    run(model, tmp_path / "bf16", steps=4, optimizer=OPTIMIZATION.model_copy(update={"precision": "bf16"}))
    run(llama(attention_dropout=0.0), tmp_path / "fp32", steps=4)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    bf16, fp32 = ([line["loss"] for line in lines(tmp_path / n)] for n in ("bf16", "fp32"))
    assert bf16 == pytest.approx(fp32, rel=5e-3)
    assert bf16 != fp32


def test_trackers_write_their_files(tmp_path: Path):
    run(llama(), tmp_path, steps=2, execution={"trackers": ["tensorboard"]}, tracker_dir=tmp_path / "trackers")
    assert list((tmp_path / "trackers").rglob("events.out.tfevents*"))


def test_execution_that_cannot_be(tmp_path: Path):
    with pytest.raises(UserError, match=r"execution\.processes is 2, but 1"):
        run(llama(), tmp_path, execution={"processes": 2})
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match=r"execution\.device is 'gpu'"):
            run(llama(), tmp_path, execution={"device": "gpu"})
    with pytest.raises(UserError, match="no folder for trackers"):
        run(llama(), tmp_path, execution={"trackers": ["tensorboard"]})


def test_rows_are_split_over_processes_and_micro_batches_in_order():
    from lineage.training.engine import Engine

    rows = torch.arange(12)
    batch = Batch({"input_ids": rows}, {"labels": rows}, count=12, tokens=12)
    seen = []
    for process in range(2):
        place = SimpleNamespace(num_processes=2, process_index=process, device=torch.device("cpu"))
        engine = Engine(place, *[None] * 7, micro_batch_rows=4)  # pyright: ignore
        seen.append([inputs["input_ids"].tolist() for inputs, _ in engine.micro_batches(batch)])
    assert seen == [[[0, 1, 2, 3], [4, 5]], [[6, 7, 8, 9], [10, 11]]]
    assert Execution().processes == 1
