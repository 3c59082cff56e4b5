"""Rows that stand in the tables, from curves and decisions written by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lineage.analysis.layers.gap import draw_pairs
from lineage.analysis.layers.ranges import Range
from lineage.analysis.layers.refusing import Decided
from lineage.analysis.layers.requests import choose, limited
from lineage.analysis.layers.tables import (
    Intervention,
    Labelled,
    Measured,
    Reading,
    Row,
    base_range_rows,
    drift_rows,
    intervention_rows,
    measure,
    range_rows,
)
from lineage.config.layers import Requests
from lineage.errors import UserError
from lineage.evaluation.items import Item, Turn
from lineage.evaluation.paired import Resampled
from tests.analysis.layers.building import requests, unweighted


def one_of(rows: list[Row], **where: object) -> Row:
    [found] = [row for row in rows if all(row[key] == value for key, value in where.items())]
    return found


def measured(model: str, *gap: float, null: list[list[float]]) -> Measured:
    """A model with this curve."""
    curve = [Resampled(one, np.full(5, one), 5, 10) for one in gap]
    states = torch.randn(8, 1 + len(gap), 3, generator=torch.Generator().manual_seed(0))
    items = requests()
    pairs = draw_pairs([one.harmful for one in items], pairs=5, seed=0)
    made = measure(
        Reading(model, "request_text", "decision"), states, items, pairs, unweighted(8), permutations=20, seed=0
    )
    return Measured(made.reading, made.pairs, made.curves | {"gap": curve}, made.nulls | {"gap": np.asarray(null)})


def test_what_a_model_lost_inside_the_range_and_how_that_ranks() -> None:
    """Null ranges: layer 1 alone (moved most), layer 3 alone (least), and none."""
    null = [[0.0, 0.9, 0.0, 0.0], [0.0, 0.0, 0.0, 0.9], [0.0, 0.0, 0.0, 0.0]]
    base, model = measured("chat", 0.0, 0.1, 0.4, 0.4, null=null), measured("seeing", 0.0, 0.5, 0.2, 0.4, null=null)
    [own] = base_range_rows(base, base.found("gap"), "gap")
    assert (own["first"], own["stop"], own["value"]) == (1, 3, pytest.approx(2 / 3))
    rows = list(range_rows(model, base, Range(2, 3), "gap"))
    assert one_of(rows, statistic="area_inside")["value"] == pytest.approx(0.2)
    assert one_of(rows, statistic="area_outside")["value"] == pytest.approx(0.4 / 3)
    assert one_of(rows, statistic="lost_inside")["value"] == pytest.approx(0.2)
    assert one_of(rows, statistic="lost_outside")["value"] == pytest.approx(-0.4 / 3)
    assert one_of(rows, statistic="lost_difference")["value"] == pytest.approx(0.2 + 0.4 / 3)
    assert one_of(rows, statistic="rank")["value"] == 2 and one_of(rows, statistic="num_windows")["value"] == 4
    assert one_of(rows, statistic="rank_share_null")["value"] == pytest.approx((1 / 4 + 4 / 4) / 2)
    assert one_of(rows, statistic="rank_p")["value"] == pytest.approx((1 + 1) / (1 + 2))


def test_drift_by_hand() -> None:
    """At a right angle and as long in the first layer, the same in the second; the embedding does not count."""
    base = torch.tensor([[[9.0, 9.0], [1.0, 0.0], [2.0, 2.0]]]).repeat(4, 1, 1)
    moved = torch.tensor([[[0.0, 1.0], [0.0, 1.0], [2.0, 2.0]]]).repeat(4, 1, 1)
    rows = list(drift_rows(Reading("seeing", "request_text", "prompt"), moved, base, unweighted(4)))
    cosines = [one_of(rows, statistic="drift_cosine", layer=layer)["value"] for layer in (0, 1)]
    distances = [one_of(rows, statistic="drift_distance", layer=layer)["value"] for layer in (0, 1)]
    assert cosines == pytest.approx([0.0, 1.0]) and distances == pytest.approx([2**0.5, 0.0])
    assert len(rows) == 4


def test_the_range_against_its_controls_item_by_item() -> None:
    """Two harmful items, two benign ones; controls refuse .5 and 0 of the harmful."""
    asked = Labelled(np.asarray([True, True, False, False]), unweighted(4))

    def trial(role: str, first: int, mode: str = "restore") -> Intervention:
        return Intervention("seeing", "chat", mode, Range(first, first + 1), role, "decision")

    def decided(*refused: float) -> Decided:
        return Decided(np.asarray(refused), 10 * np.asarray(refused))

    rows = list(
        intervention_rows(
            {
                trial("range", 1): decided(1, 1, 1, 0),
                trial("control", 0): decided(1, 0, 0, 0),
                trial("control", 2): decided(0, 0, 0, 0),
                trial("control", 2, "patch_state"): decided(1, 1, 1, 1),
                trial("whole", 3): decided(1, 1, 1, 1),
            },
            asked,
        )
    )
    key = {"role": "range", "requests": "harmful"}
    assert one_of(rows, **key, statistic="refusal_rate")["value"] == 1
    assert one_of(rows, **key, statistic="refusal_rate_over_controls")["value"] == pytest.approx(0.75)
    assert one_of(rows, **key, statistic="margin_over_controls")["value"] == pytest.approx(7.5)
    difference = one_of(rows, role="range", requests="difference", statistic="refusal_rate")
    assert (difference["value"], difference["items"]) == (0.5, 4)


def test_a_control_shares_no_layer_with_the_range() -> None:
    """Half of the range is restored in [2, 4): what comes back there says nothing against the range."""
    asked = Labelled(np.asarray([True, True]), unweighted(2))
    refused = {(0, "control"): 0.0, (1, "range"): 1.0, (2, "control"): 1.0, (3, "control"): 0.5}
    done = {
        Intervention("seeing", "chat", "restore", Range(first, first + 2), role, "decision"): Decided(
            np.full(2, share), np.full(2, share)
        )
        for (first, role), share in refused.items()
    }
    [found] = [row for row in intervention_rows(done, asked) if row["statistic"] == "refusal_rate_over_controls"]
    assert found["value"] == pytest.approx(0.5)
    near = {one: decided for one, decided in done.items() if one.layers and one.layers.first < 3}
    assert not [row for row in intervention_rows(near, asked) if "over_controls" in row["statistic"]]


def test_items_without_a_margin_are_left_out_of_it() -> None:
    asked = Labelled(np.asarray([True, True, False]), unweighted(3))
    trial = Intervention("seeing", "chat", "none", None, "none", "prompt")
    rows = list(intervention_rows({trial: Decided(np.ones(3), np.asarray([2.0, np.nan, np.nan]))}, asked))
    assert [(row["requests"], row["value"], row["items"]) for row in rows if row["statistic"] == "margin"] == [
        ("harmful", 2.0, 1)
    ]


def item(request: str, task: str, *, harmful: bool, stratum: str = "unseen_pair", split: str = "test") -> Item:
    return Item(
        id=f"{task}/{request}", task=task, version=1, prompt=(Turn("user", "?"),), harmful=harmful, request=request,
        stratum=stratum, split=split,
    )  # fmt: skip


def some_items() -> list[Item]:
    both = [item(f"r{number}", "request_text", harmful=number % 2 == 0) for number in range(12)]
    shown = [item(f"r{number}", "request_blank", harmful=number % 2 == 0) for number in reversed(range(2, 12))]
    others = [item("v", "request_text", harmful=True, split="validation")]
    return [*both, *shown, *others, item("u", "request_text", harmful=True, stratum="unseen_verb")]


def test_the_same_requests_in_every_task() -> None:
    wanted = Requests(tasks=["request_text", "request_blank"], per_label=3)
    chosen = choose(some_items(), wanted, seed=0, place="set")
    text, shown = ([one.request for one in chosen[task]] for task in wanted.tasks)
    assert text == shown and len(set(text)) == 6 and not {"r0", "r1", "u", "v"} & set(text)
    assert sum(one.harmful for one in chosen["request_text"]) == 3
    assert text == [one.request for one in choose(some_items(), wanted, seed=0, place="set")["request_text"]]
    assert limited(chosen["request_text"], 1) == [0, 3]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"tasks": ["request_tekst"]}, "Did you mean 'request_text'"),
        ({"strata": ["unseen_pear"]}, "Did you mean 'unseen_pair'"),
        ({"strata": ["unseen_verb"]}, "1 harmful requests"),
    ],
)
def test_requests_that_are_not_there(wanted: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        choose(some_items(), Requests.model_validate(wanted), seed=0, place="set")
