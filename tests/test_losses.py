"""Cross-entropy: by hand, against torch, and its gradient."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from lineage.losses import next_token as losses
from lineage.losses.next_token import cross_entropy_sum, next_token


@pytest.fixture(params=[1, 7, 1 << 19])
def chunk_elements(request, monkeypatch) -> int:
    monkeypatch.setitem(losses._CHUNK_ELEMENTS, "cpu", request.param)
    return request.param


def test_uniform_logits_cost_log_vocabulary_a_label():
    labels = torch.tensor([[3, -100, 0], [-100, -100, 4]])
    total = next_token(SimpleNamespace(logits=torch.zeros(2, 3, 5)), {"labels": labels})
    assert total.sum.item() == pytest.approx(3 * math.log(5))
    assert total.count.item() == 3


def test_equals_torch(chunk_elements: int):
    torch.manual_seed(0)
    logits = torch.randn(11, 13, requires_grad=True)
    labels = torch.tensor([0, 12, -100, 5, 5, -100, 1, 2, 3, 4, -100])
    ours = cross_entropy_sum(logits, labels)
    (gradient,) = torch.autograd.grad(ours * 0.37, logits)
    reference = functional.cross_entropy(logits, labels, reduction="sum")
    (expected,) = torch.autograd.grad(reference * 0.37, logits)
    torch.testing.assert_close(ours, reference)
    torch.testing.assert_close(gradient, expected)
    assert not gradient[labels == -100].any()


def test_gradcheck(chunk_elements: int):
    torch.manual_seed(1)
    logits = torch.randn(2, 4, 6, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([[1, -100, 5, 0], [2, 2, -100, 3]])
    assert torch.autograd.gradcheck(lambda x: next_token(SimpleNamespace(logits=x), {"labels": labels}).sum, (logits,))


def test_bf16_logits_are_summed_in_float32():
    torch.manual_seed(2)
    logits = torch.randn(64, 50).bfloat16().requires_grad_()
    labels = torch.randint(0, 50, (64,))
    total = cross_entropy_sum(logits, labels)
    assert total.dtype == torch.float32
    expected = functional.cross_entropy(logits.float(), labels, reduction="sum")
    torch.testing.assert_close(total, expected)
    (gradient,) = torch.autograd.grad(total, logits)
    assert gradient.dtype == torch.bfloat16
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, logits)[0], rtol=1e-2, atol=1e-3)


def test_extreme_logits_stay_finite():
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    total = cross_entropy_sum(logits, torch.tensor([0, 0]))
    assert total.item() == pytest.approx(2e4)
    assert torch.autograd.grad(total, logits)[0].isfinite().all()
