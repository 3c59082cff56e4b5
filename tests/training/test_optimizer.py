"""Which parameters decay."""

import pytest
import torch

from lineage.config.training import Optimizer
from lineage.config.tuning import TuningOptimization
from lineage.errors import UserError
from lineage.training.optimizer import build
from tests.training.tiny import gpt2, llama


@pytest.mark.parametrize("model", [llama(), gpt2()])
def test_only_matrices_decay_and_each_parameter_is_in_one_group(model: torch.nn.Module):
    optimizer = build(model, Optimizer(weight_decay=0.3))
    decaying, other = optimizer.param_groups
    assert (decaying["weight_decay"], other["weight_decay"]) == (0.3, 0.0)
    assert all(parameter.ndim == 2 for parameter in decaying["params"])
    names = {parameter: name for name, parameter in model.named_parameters()}
    assert all("norm" in names[p] or "ln_" in names[p] or names[p].endswith("bias") for p in other["params"])
    grouped = decaying["params"] + other["params"]
    assert len(grouped) == len(set(grouped)) == len(list(model.parameters()))


def test_frozen_parameters_are_left_out():
    model = llama()
    model.requires_grad_(False)
    with pytest.raises(UserError, match="no parameter of the model is trainable"):
        build(model, Optimizer())
    model.lm_head.weight.requires_grad_(True)
    assert [len(group["params"]) for group in build(model, Optimizer()).param_groups] == [1]


def test_the_projector_has_a_rate_of_its_own():
    body = torch.nn.ModuleDict(
        {"multi_modal_projector": torch.nn.Linear(2, 2), "language_model": torch.nn.Linear(2, 2)}
    )
    model = torch.nn.ModuleDict({"model": body})
    own = TuningOptimization(peak_learning_rate=1e-3, projector_learning_rate=5e-3)
    groups = build(model, own).param_groups
    factors = {p: group["rate_factor"] for group in groups for p in group["params"]}
    assert {factors[p] for p in body["multi_modal_projector"].parameters()} == {5.0}
    assert {factors[p] for p in body["language_model"].parameters()} == {1.0}
    assert [(group["rate_factor"], group["weight_decay"]) for group in groups] == [(5, 0.1), (5, 0), (1, 0.1), (1, 0)]
    assert {group["rate_factor"] for group in build(model, TuningOptimization()).param_groups} == {1.0}
