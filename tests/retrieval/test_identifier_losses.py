"""Losses of generative retrievers, by hand and by gradcheck."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from lineage.losses.identifiers import identifier_rows, token_contrast, total_contrast

LABELS = torch.tensor([[3, 1, -100], [2, 0, 1]])


def test_uniform_logits_cost_log_of_the_rows() -> None:
    total = identifier_rows(SimpleNamespace(logits=torch.zeros(5, 8)), {"labels": LABELS})
    assert total.sum.item() == pytest.approx(5 * math.log(8))
    assert int(total.count) == 5


def test_scored_logits_meet_their_labels_in_order() -> None:
    logits = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    total = identifier_rows(SimpleNamespace(logits=logits[LABELS != -100]), {"labels": LABELS})
    expected = functional.cross_entropy(logits.flatten(0, 1), LABELS.flatten(), ignore_index=-100, reduction="sum")
    torch.testing.assert_close(total.sum, expected)


def contrast_outputs(dtype: torch.dtype = torch.float32) -> SimpleNamespace:
    generator = torch.Generator().manual_seed(1)
    query = torch.randn(4, 5, generator=generator, dtype=dtype, requires_grad=True)
    table = torch.randn(6, 5, generator=generator, dtype=dtype, requires_grad=True)
    return SimpleNamespace(query=query, table=table)


ROWS = {"token_row": torch.tensor([2, 3, 2, 5])}


def test_contrast_within_the_step_by_hand() -> None:
    outputs = contrast_outputs()
    total = token_contrast(mask_same_row=False)(outputs, ROWS)
    query, table, expected = outputs.query.detach(), outputs.table.detach(), 0.0
    for own, row in enumerate(ROWS["token_row"]):
        scores = [float(query[own] @ table[other]) for other in ROWS["token_row"]]
        expected -= float(query[own] @ table[row]) - math.log(sum(map(math.exp, scores)))
    assert total.sum.item() == pytest.approx(expected, rel=1e-5)
    assert int(total.count) == 4


def test_the_row_that_is_sought_is_no_rival_when_masked() -> None:
    outputs = contrast_outputs()
    faithful, masked = (token_contrast(mask_same_row=flag)(outputs, ROWS).sum for flag in (False, True))
    assert masked < faithful
    same = {"token_row": torch.tensor([2, 2, 2, 2])}
    assert token_contrast(mask_same_row=True)(outputs, same).sum.item() == pytest.approx(0)
    assert token_contrast(mask_same_row=False)(outputs, same).sum.item() == pytest.approx(4 * math.log(4), rel=1e-5)


def test_contrast_with_all_rows_by_hand() -> None:
    outputs = contrast_outputs()
    labels = torch.tensor([[2, 3], [5, -100], [0, 1], [4, -100]])
    total = total_contrast(outputs, {"labels": labels})
    log_share = (outputs.query @ outputs.table.T).log_softmax(dim=1)
    expected = -sum(float(log_share[row, z]) for row, z in [(0, 2), (0, 3), (1, 5), (2, 0), (2, 1), (3, 4)])
    assert total.sum.item() == pytest.approx(expected, rel=1e-5)
    assert int(total.count) == 6


@pytest.mark.parametrize("rivals", ["base", "masked", "total"])
def test_only_the_query_gets_a_gradient_and_it_is_right(rivals: str) -> None:
    outputs = contrast_outputs(torch.float64)
    labels = {"labels": torch.tensor([[2, 3], [5, -100], [0, 1], [4, -100]])}

    def loss(query: torch.Tensor) -> torch.Tensor:
        given = SimpleNamespace(query=query, table=outputs.table)
        if rivals == "total":
            return total_contrast(given, labels).sum
        return token_contrast(mask_same_row=rivals == "masked")(given, ROWS).sum

    loss(outputs.query).backward()
    assert outputs.table.grad is None
    assert outputs.query.grad.abs().sum() > 0
    assert torch.autograd.gradcheck(loss, outputs.query.detach().clone().requires_grad_(True))
