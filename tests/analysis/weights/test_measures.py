"""Sums over task vectors against values by hand and against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lineage.analysis.weights.measures import stable_rank, tally
from lineage.analysis.weights.schemas import SHARES
from lineage.analysis.weights.table import Place, module_rows, place_of
from lineage.analysis.weights.vectors import TensorDeltas


def deltas(name: str, taus: torch.Tensor, starts: torch.Tensor | None = None, *shape: int) -> TensorDeltas:
    flat = taus.reshape(len(taus), -1)
    return TensorDeltas(
        name, shape or (flat.shape[1],), torch.ones_like(flat) if starts is None else starts, flat, None
    )


def value(rows: list[dict], statistic: str, **where: object) -> dict:
    [found] = [
        row for row in rows if row["statistic"] == statistic and all(row[key] == one for key, one in where.items())
    ]
    return found


def test_cosine_change_and_angle_to_the_start_by_hand() -> None:
    taus = torch.tensor([[3.0, 0.0], [3.0, 4.0]])
    starts = torch.tensor([[0.0, 4.0], [3.0, 4.0]])
    rows = module_rows(["see", "safe"], [deltas("lm.norm.weight", taus, starts)])
    own = {"layer": None, "module": "norm"}
    assert value(rows, "cosine", **own)["value"] == pytest.approx(0.6)
    assert value(rows, "norm", vector="safe", **own)["value"] == pytest.approx(5.0)
    assert value(rows, "relative_change", vector="see", **own)["value"] == pytest.approx(0.75)
    # (0, 4) and (3, 4): cosine 16 / (4 * 5).
    assert value(rows, "cosine_to_start", vector="see", **own)["value"] == pytest.approx(0.8)
    assert value(rows, "cosine_to_start", vector="safe", **own)["value"] == pytest.approx(1.0)


def test_sums_over_tensors_are_those_of_one_long_tensor() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(2, count, generator=generator) for count in (30, 50))
    whole = torch.cat([first, second], dim=1)
    rows = module_rows(
        ["see", "safe"],
        [deltas("lm.layers.0.mlp.up_proj.weight", first), deltas("lm.layers.1.mlp.up_proj.weight", second)],
    )
    expected = float(torch.nn.functional.cosine_similarity(whole[0], whole[1], dim=0))
    for module in ("all", "layers"):
        assert value(rows, "cosine", layer=None, module=module)["value"] == pytest.approx(expected, rel=1e-6)
    inside = float(torch.nn.functional.cosine_similarity(first[0], first[1], dim=0))
    assert value(rows, "cosine", layer=0, module="all")["value"] == pytest.approx(inside, rel=1e-6)


def test_the_embedding_is_in_the_whole_but_in_no_layer() -> None:
    taus = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    crossed = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    rows = module_rows(
        ["a", "b"], [deltas("lm.embed_tokens.weight", taus), deltas("lm.layers.0.input_layernorm.weight", crossed)]
    )
    assert value(rows, "cosine", module="all", layer=None)["value"] == pytest.approx(0.5)
    assert value(rows, "cosine", module="layers", layer=None)["value"] == 0


def test_permutation_moments_equal_all_permutations() -> None:
    """All 5! orders of one vector, by hand of the machine."""
    from itertools import permutations

    first, second = np.array([3.0, -1.0, 0.5, 2.0, 0.0]), np.array([1.0, 2.0, -4.0, 0.5, 1.0])
    dots = [float(first @ second[list(order)]) for order in permutations(range(5))]
    found = tally(torch.tensor(np.stack([first, second])).float(), torch.ones(2, 5))
    assert found.permuted_mean[0, 1] == pytest.approx(np.mean(dots))
    assert found.permuted_variance[0, 1] == pytest.approx(np.var(dots))


def test_the_random_direction_null_holds_random_directions() -> None:
    generator = torch.Generator().manual_seed(1)
    tau, like = torch.randn(2, 40, generator=generator)
    drawn = torch.randn(4000, 40, generator=generator)
    drawn *= like.norm() / drawn.norm(dim=1, keepdim=True)
    spread = float((drawn @ tau).std())
    found = tally(torch.stack([tau, like]), torch.ones(2, 40))
    assert math.sqrt(found.random_variance[0, 1]) == pytest.approx(spread, rel=0.05)


def test_largest_entries_by_hand() -> None:
    """Ten entries, the largest 20 % are two; the last entry of b is the largest, and a is zero there."""
    a = torch.tensor([9.0, -8.0, 1.0, 1, 1, 1, 1, 1, 1, 0])
    b = torch.tensor([-7.0, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 8.0])
    rows = module_rows(["a", "b"], [deltas("lm.norm.weight", torch.stack([a, b]))])
    own = {"module": "norm"}
    # {0, 1} and {0, 9}: one of two is shared.
    assert value(rows, "overlap_20", **own)["value"] == 0.5
    assert value(rows, "overlap_20_chance", **own)["value"] == pytest.approx(0.2)
    # Of {0, 1, 9} entry 9 has no sign in a; 0 and 1 have opposite signs.
    assert value(rows, "sign_conflict_20", **own)["value"] == 1.0
    assert value(rows, "sign_conflict_20_chance", **own)["value"] == 0.5


def test_largest_entries_equal_brute_force() -> None:
    generator = torch.Generator().manual_seed(2)
    taus = torch.randn(3, 400, generator=generator)
    taus[0, ::3] = 0
    found = tally(taus, torch.ones_like(taus))
    for number, share in enumerate(SHARES):
        keep = max(1, int(share * 400))
        sets = [set(tau.abs().argsort(descending=True)[:keep].tolist()) for tau in taus]
        for first, second in [(0, 1), (0, 2), (1, 2)]:
            either = sets[first] | sets[second]
            signs = [float(taus[first, at] * taus[second, at]) for at in either]
            assert found.both[number, first, second] == len(sets[first] & sets[second])
            assert found.signed[number, first, second] == sum(sign != 0 for sign in signs)
            assert found.opposite[number, first, second] == sum(sign < 0 for sign in signs)


def test_chance_of_overlap_holds_random_masks() -> None:
    generator = torch.Generator().manual_seed(3)
    pairs = [tally(torch.randn(2, 200, generator=generator), torch.ones(2, 200)) for _ in range(300)]
    both = np.asarray([one.both[2, 0, 1] for one in pairs])
    assert both.mean() == pytest.approx(pairs[0].both_mean[2, 0, 1], rel=0.05)
    assert both.var() == pytest.approx(pairs[0].both_variance[2, 0, 1], rel=0.25)


def test_zeros_are_never_among_the_largest() -> None:
    taus = torch.zeros(2, 100)
    taus[:, 0] = 1.0
    found = tally(taus, torch.ones_like(taus))
    assert found.both[2, 0, 1] == 1 and found.signed[2, 0, 1] == 1


def test_stable_rank_by_hand() -> None:
    assert stable_rank(torch.eye(4)) == pytest.approx(4.0)
    assert stable_rank(torch.outer(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 0.0, 1.0]))) == pytest.approx(1.0)
    # Singular values 2 and 1: (4 + 1) / 4.
    assert stable_rank(torch.diag(torch.tensor([2.0, 1.0]))) == pytest.approx(1.25)
    assert stable_rank(torch.zeros(2, 2)) is None


def test_a_vector_of_zeros_has_no_direction() -> None:
    taus = torch.stack([torch.zeros(4), torch.ones(4)])
    rows = module_rows(["none", "some"], [deltas("lm.norm.weight", taus)])
    assert value(rows, "cosine", module="norm")["value"] is None
    assert value(rows, "cosine_random", module="norm")["value"] is None
    assert value(rows, "relative_change", module="norm", vector="none")["value"] == 0


def test_places() -> None:
    assert place_of("lm.layers.12.mlp.down_proj.weight") == Place(12, "mlp.down_proj")
    assert place_of("lm.layers.1.self_attn.q_proj.bias") == Place(1, "self_attn.q_proj.bias")
    assert place_of("lm.head.weight") == Place(None, "head")
