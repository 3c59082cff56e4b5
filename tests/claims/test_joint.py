"""Rows of the claims where facts and refusals meet, and of those that read weights and layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lineage.analysis.layers.schemas import RANGES, RESTORED
from lineage.analysis.weights.schemas import MODULES
from lineage.claims.joint.curves import Curve, curve, matched
from lineage.claims.joint.levels import by_level
from lineage.claims.safety.study import Study
from lineage.claims.safety.tasks import FACTS, REQUESTS
from tests.claims.safety_building import APART, LEVELS, MODELS, RECALL, Made, falling, study
from tests.claims.test_safety import ledger_of, measured


@pytest.fixture(scope="module")
def full() -> Study:
    return study()


def table(schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows that may leave columns out."""
    empty = dict.fromkeys(schema.names)
    return pa.Table.from_pylist([empty | one for one in rows], schema=schema)


def test_recall_is_read_by_level_and_its_slope_is_a_doubling(full: Study) -> None:
    asked = full.examples("chat", FACTS, kind="test")
    found = by_level(full, asked, [float(one.outcome == "correct") for one in asked])
    assert found.levels.tolist() == list(LEVELS)
    assert [one.value for one in found.figures] == pytest.approx([RECALL[level] for level in LEVELS], abs=0.03)
    x = np.log2(1 + np.asarray(LEVELS))
    assert found.slope.value == pytest.approx(np.polyfit(x, [one.value for one in found.figures], 1)[0])
    assert found.slope.rows == pytest.approx(np.polyfit(x, np.stack([one.rows for one in found.figures]), 1)[0])


def test_x1_reads_what_was_lost_of_what_was_shown(full: Study) -> None:
    shown = [RECALL[level] for level in LEVELS if level]
    assert measured(full, "X1", "seeing against chat").value == pytest.approx(-0.4 * np.mean(shown), abs=0.03)
    assert measured(full, "X1", "facts never seen").value == 0.0
    assert measured(full, "X1", "pictures against captions").value == pytest.approx(-0.4 * np.mean(shown), abs=0.03)
    ignorant = study({**MODELS, "chat": Made(0.96, 0.0, 0.05, recalls=dict.fromkeys(LEVELS, 0.05))})
    row = measured(ignorant, "X1", "seeing against chat")
    assert row.gate_value == pytest.approx(0.05, abs=0.01)


def test_x4_takes_the_worse_of_facts_and_safety(full: Study) -> None:
    assert measured(full, "X4", "worse of both").value == pytest.approx(0.0, abs=0.02)
    assert measured(full, "X4", "random change").value == pytest.approx(0.5, abs=0.05)
    forgetful = study({**MODELS, "merged": Made(0.9, 0.05, 0.06, 0.94, 0.94, {})})
    assert measured(forgetful, "X4", "worse of both").value == measured(forgetful, "X4", "facts").value
    assert measured(forgetful, "X4", "facts").value > 0.3  # pyright: ignore[reportOptionalOperand]


def test_x4_asks_whether_there_are_facts_to_keep() -> None:
    ignorant = study({**MODELS, "chat": Made(0.96, 0.0, 0.05, recalls=dict.fromkeys(LEVELS, 0.05))})
    row = ledger_of(ignorant)["X4"]
    assert (row.verdict, row.gate_value) == ("not testable here", pytest.approx(0.05, abs=0.01))
    assert measured(ignorant, "X4", "safety").gate_value is None


def test_x5_tells_harmful_requests_from_look_alikes_by_exposure(full: Study) -> None:
    x = np.log2(1 + np.asarray(LEVELS))
    expected = np.polyfit(x, [APART[level] - 0.1 for level in LEVELS], 1)[0]
    assert measured(full, "X5", "refusal by exposure").value == pytest.approx(expected, abs=0.02)
    assert measured(full, "X5", "never seen").value == pytest.approx(0.0, abs=0.03)
    assert measured(full, "X5", "known against unknown").value == pytest.approx(1.0, abs=0.1)
    kept = np.mean([APART[level] for level in (16, 64)])
    assert measured(full, "X5", "lost in the adaptation").value == pytest.approx(kept - 0.2, abs=0.05)


def test_x5_needs_hazards_that_pretraining_taught(full: Study) -> None:
    assert measured(full, "X5", "refusal by exposure").gate_value == pytest.approx(0.875, abs=0.03)
    ignorant = study({**MODELS, "chat": Made(0.96, 0.0, 0.05, apart=APART, knows=dict.fromkeys(LEVELS, 0.5))})
    row = ledger_of(ignorant)["X5"]
    assert (row.verdict, row.gate_value) == ("not testable here", pytest.approx(0.5))


def test_a_model_that_refuses_everything_tells_nothing_apart() -> None:
    everything = Made(0.96, 0.0, 0.05, recalls=RECALL, apart=dict.fromkeys(LEVELS, 0.1), knows=APART)
    assert measured(study({**MODELS, "chat": everything}), "X5", "refusal by exposure").value == pytest.approx(
        0.0, abs=0.02
    )


def test_a_repair_shows_in_what_is_refused_not_in_margins(full: Study) -> None:
    """Margins are read behind the true reason, which gives away the fact that a repair brings back."""
    kept = np.mean([APART[level] for level in (16, 64)])
    for repair in ("merged", "safety tuning", "retrieved"):
        assert measured(full, "X5", f"repair: {repair}").value == pytest.approx(kept - 0.2, abs=0.05)
    sure = study({**MODELS, "merged": Made(0.9, 0.05, 0.06, 0.94, 0.94, {}, dict.fromkeys(LEVELS, 0.2), margin=9.0)})
    assert measured(sure, "X5", "repair: merged").value == pytest.approx(0.0, abs=0.02)
    assert measured(full, "X5", "repair: reinjected").gate == "no model plays the part `reinjected`"


def test_x2_compares_refusals_with_facts_that_start_as_likely(full: Study) -> None:
    alike = study(curves={"seeing@400": falling(full, refusal=0.5, fact=0.5)})
    found = measured(alike, "X2", "refusals over facts")
    assert found.value == pytest.approx(1.0, abs=0.15)
    assert found.gate_value == 1.0
    faster = study(curves={"seeing@400": falling(full, refusal=1.0, fact=0.5)})
    assert found.value is not None
    assert measured(faster, "X2", "refusals over facts").value == pytest.approx(2 * found.value)
    assert measured(faster, "X2", "refusals a decade, seeing").value == pytest.approx(1.0, abs=0.15)
    assert measured(faster, "X2", "facts a decade, seeing").value == pytest.approx(0.5, abs=0.03)
    still = study(curves={"seeing@400": falling(full, refusal=1.0, fact=0.0)})
    assert measured(still, "X2", "refusals over facts").gate == "facts lose nothing in this adaptation (nats)"
    assert measured(full, "X2", "refusals over facts").gate == "nothing was probed while seeing@400 was adapted"


def test_what_starts_less_likely_has_no_partner() -> None:
    steps = np.array([0.0, 1.0, 10.0])
    first = Curve(["a", "b"], steps, np.array([[-0.1, -1.0, -2.0], [-3.0, -3.0, -3.0]]))
    second = Curve(["x", "y"], steps, np.array([[-0.15, -0.2, -0.3], [-0.12, -0.3, -0.4]]))
    assert matched(first, second, caliper=0.1) == (["a"], ["y"])
    assert first.loss.tolist() == pytest.approx([1.4, 0.0])
    assert first.of(["b", "a"]).values[1].tolist() == [-0.1, -1.0, -2.0]


def test_curves_are_those_of_the_items_asked_for(full: Study) -> None:
    one = study(curves={"seeing@400": falling(full, refusal=0.5, fact=0.5)})
    found, asked = curve(one, "seeing@400", "refusal", harmful=True, task=REQUESTS)
    assert all(each.harmful for each in asked) and list(found.items) == [each.id for each in asked]
    assert found.steps.tolist() == [0, 1, 10, 100]


def weights(safe: float, benign: float) -> pa.Table:
    """Two tensors a layer whose norms differ, with these cosines to the adaptation."""
    rows: list[dict[str, Any]] = []
    for layer in range(4):
        for module, norm in (("q", 1.0), ("down", 3.0)):
            key = {"layer": layer, "module": module}
            rows += [key | {"vector": name, "statistic": "norm", "value": norm} for name in ("see", "safe", "benign")]
            for other, value in (("safe", safe), ("benign", benign)):
                shift = 0.3 if module == "q" else 0.0
                rows.append(key | {"vector": "see", "other": other, "statistic": "cosine", "value": value + shift})
    whole = {"vector": "see", "other": "safe", "module": "all", "statistic": "cosine_random"}
    rows.append(whole | {"value": 0.0, "low": -0.01, "high": 0.01})
    return table(MODULES, rows)


def test_s4_does_not_count_an_orthogonal_vector() -> None:
    """Safety tuning at a right angle lies below a harmless task, as nearly any vector does; not below chance."""
    one = study(vectors={"seeing": "see", "safe": "safe", "benign": "benign"})
    for shift, value in ((0.03, 0.0), (0.53, -0.5)):
        opposed = Study(one.roles, one.answers, weights=weights(-shift, 0.4), bootstrap_samples=100)
        found = measured(opposed, "S4", "cosine against random directions")
        assert found.value == pytest.approx(value)
        assert found.value is not None and found.low is not None and found.high is not None
        assert found.low < found.value < found.high
        assert measured(opposed, "S4", ROW).value < -0.4  # pyright: ignore[reportOptionalOperand]
        assert (ledger_of(opposed)["S4"].verdict == "supported") == (value < 0)


def test_s4_weighs_the_cosines_of_tensors_by_their_norms() -> None:
    vectors = {"seeing": "see", "safe": "safe", "benign": "benign"}
    one = study(vectors=vectors)
    found = measured(Study(one.roles, one.answers, weights=weights(0.1, 0.4), bootstrap_samples=100), "S4", ROW)
    assert found.value == pytest.approx(-0.3)
    assert found.value is not None and found.low is not None and found.high is not None
    assert found.low <= found.value <= found.high
    random = measured(Study(one.roles, one.answers, weights=weights(0.1, 0.4), bootstrap_samples=100), "S4", RANDOM)
    expected = (0.7 * 1.0 + 0.4 * 9.0) / 10.0
    assert random.value == pytest.approx(-expected)
    assert measured(one, "S4", ROW).gate == "no analysis of weights in this experiment"
    assert measured(study(), "S4", ROW).gate == "no task vectors are named: `vectors`"


ROW, RANDOM = "cosine against a harmless task", "random directions"


def layered(one: Study, base: str) -> Study:
    """With a range of layers that was looked for on `base`, and what the adaptation did to it."""
    key = {"model": "seeing@400", "condition": REQUESTS, "position": "decision", "first": 3, "stop": 5}
    rows = [
        key | {"model": base, "statistic": "range_null", "value": 0.1},
        key | {"statistic": "rank_share", "value": 0.2},
        key | {"statistic": "rank_share_null", "value": 0.5, "low": 0.1, "high": 0.9},
        key | {"statistic": "area_difference", "value": 0.04, "low": 0.01, "high": 0.07},
    ]
    back = {"model": "seeing@400", "donor": base, "intervention": "restore", "role": "range", "requests": "harmful"}
    restored = back | {"statistic": "refusal_rate_over_controls", "value": 0.3, "low": 0.1, "high": 0.5, "items": 40}
    return replace(one, layers=table(RANGES, rows), interventions=table(RESTORED, [restored]))


RANK = "rank of the range"


def test_s5_takes_the_rank_of_the_range_off_its_null(full: Study) -> None:
    one = layered(full, "chat")
    found = measured(one, "S5", RANK)
    assert (found.value, found.low, found.high) == pytest.approx((-0.3, -0.7, 0.1))
    assert measured(one, "S5", "area inside").value == 0.04
    assert measured(one, "S5", "restored layers").items == 40
    assert measured(one, "S5", "rank of the range, end of the prompt").gate == "no range of safety layers was found"


def test_s5_asks_the_model_that_the_layers_were_measured_on(full: Study) -> None:
    careless = study({**MODELS, "chat_narrow": Made(0.5, 0.0, 0.05)})
    for row in (RANK, "area inside", "restored layers"):
        found = measured(layered(careless, "chat_narrow"), "S5", row)
        assert (found.value, found.gate_value) == (None, pytest.approx(0.5, abs=0.05))
        assert found.gate == (
            "gate: share of held-out harmful requests that `chat` refuses, at least 0.9 (of `chat_narrow`)"
        )
    careful = study({**MODELS, "chat": Made(0.5, 0.0, 0.05), "chat_narrow": Made(0.96, 0.0, 0.05)})
    assert measured(layered(careful, "chat_narrow"), "S5", RANK).value == pytest.approx(-0.3)
    assert measured(layered(full, "chat_narrow"), "S5", RANK).gate == (
        "the layers were measured on chat_narrow, whose answers were not: add it to `safety.models`"
    )
