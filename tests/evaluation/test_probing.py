"""Probing: the value worked out by hand, whatever the batch, kept over a kill."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from lineage.evaluation.probing import RECORD, Prober, TokenProbe, TrajectoryObserver, due_probes

VOCABULARY = 40


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def probes() -> list[TokenProbe]:
    drawn = np.random.default_rng(0)
    return [
        TokenProbe(drawn.integers(0, VOCABULARY, cue).tolist(), drawn.integers(0, VOCABULARY, target).tolist())
        for cue, target in zip(drawn.integers(1, 12, 30), drawn.integers(1, 5, 30), strict=True)
    ]


def by_hand(model: LlamaForCausalLM, probe: TokenProbe) -> float:
    """One token of the target after the other: softmax of the logits behind everything before it."""
    nats = []
    for position, token in enumerate(probe.target):
        before = torch.tensor([[*probe.cue, *probe.target[:position]]])
        with torch.no_grad():
            logits = model(input_ids=before).logits[0, -1].double()
        nats.append(float(logits[token] - torch.logsumexp(logits, 0)))
    return sum(nats) / len(nats)


def test_a_value_is_the_mean_log_probability_of_the_target(model: LlamaForCausalLM, probes: list[TokenProbe]) -> None:
    values = Prober(probes, batch_tokens=64)(model, np.arange(len(probes)))
    assert values == pytest.approx([by_hand(model, one) for one in probes], abs=1e-5)


def test_values_do_not_depend_on_batch_padding_or_company(model: LlamaForCausalLM, probes: list[TokenProbe]) -> None:
    """Rounding in batches of other shapes: 1e-6 measured."""
    everyone = Prober(probes, batch_tokens=10_000)(model, np.arange(len(probes)))
    assert Prober(probes, batch_tokens=1)(model, np.arange(len(probes))) == pytest.approx(everyone, abs=1e-5)
    chosen = np.asarray([17, 3, 29])
    assert Prober(probes, batch_tokens=64)(model, chosen) == pytest.approx(everyone[chosen], abs=1e-5)


def test_the_same_choice_gives_the_same_bits(model: LlamaForCausalLM, probes: list[TokenProbe]) -> None:
    prober = Prober(probes, batch_tokens=64)
    assert np.array_equal(prober(model, np.arange(9)), prober(model, np.arange(9)))


def test_models_without_the_option_give_the_same_values(model: LlamaForCausalLM, probes: list[TokenProbe]) -> None:
    class WithoutOption(torch.nn.Module):
        device = model.device

        def forward(self, input_ids: torch.Tensor, use_cache: bool) -> object:
            return model(input_ids=input_ids, use_cache=use_cache)

    prober, chosen = Prober(probes, batch_tokens=64), np.arange(len(probes))
    assert prober(WithoutOption(), chosen) == pytest.approx(prober(model, chosen), abs=1e-5)  # pyright: ignore


def observer(probes: list[TokenProbe], folder: Path, first_step: int = 100) -> TrajectoryObserver:
    due = due_probes({"a": [0, 1, 4], "b": [1]}, ["a", "b"] * (len(probes) // 2))
    return TrajectoryObserver(Prober(probes, batch_tokens=64), due, folder=folder, first_step=first_step, writes=True)


def test_only_due_facts_are_probed_at_steps_of_the_run(
    model: LlamaForCausalLM, probes: list[TokenProbe], tmp_path: Path
) -> None:
    one = observer(probes, tmp_path)
    one.restart(100)
    assert [step for step in range(95, 110) if one.wants(step)] == [100, 101, 104]
    for step in (100, 101, 104):
        one.observe(step, model)
    one.save()
    table = pq.read_table(tmp_path / RECORD).to_pandas()
    assert table.groupby("step").size().to_dict() == {0: 15, 1: 30, 4: 15}
    assert set(table[table.step == 0].probe) == set(range(0, 30, 2))


def test_after_a_kill_nothing_is_lost_or_doubled(
    model: LlamaForCausalLM, probes: list[TokenProbe], tmp_path: Path
) -> None:
    """Saved behind step 1, killed behind step 4: the next process starts at 1 and measures it again."""
    first = observer(probes, tmp_path / "killed")
    first.restart(100)
    for step in (100, 101):
        first.observe(step, model)
    first.save()
    first.observe(104, model)
    second = observer(probes, tmp_path / "killed")
    second.restart(101)
    for step in (101, 104):
        second.observe(step, model)
    second.save()
    whole = observer(probes, tmp_path / "whole")
    whole.restart(100)
    for step in (100, 101, 104):
        whole.observe(step, model)
    whole.save()
    assert pq.read_table(tmp_path / "killed" / RECORD).equals(pq.read_table(tmp_path / "whole" / RECORD))
