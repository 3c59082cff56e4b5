"""The matrix is a function of the cells: value, interval, change against the nearest parent that was asked the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from lineage.report import saving
from lineage.report.matrix import LOWER, SCHEMA, Cell, improvement, is_clear, matrix, of_answers, of_judged, of_language
from lineage.report.matrix_chart import heat_map
from tests.report.contents import LINEAGE, cells, estimate, recall


def row(table: pa.Table, model: str, probe: str) -> dict:
    [found] = [one for one in table.to_pylist() if (one["model"], one["probe"]) == (model, probe)]
    return found


def test_models_stand_in_the_order_of_the_lineage_and_probes_in_that_of_their_families() -> None:
    table = matrix(cells(), LINEAGE)
    assert table.schema == SCHEMA
    models = list(dict.fromkeys(table.column("model").to_pylist()))
    assert models == ["base@10", "chat", "seeing", "merged", "asked_again", "retrieval/bm25"]
    assert table.column("probe").to_pylist()[:4] == ["bits per byte", "all", "0 exposures", "8 exposures"]
    assert matrix(list(reversed(cells())), LINEAGE).column("model").to_pylist() == table.column("model").to_pylist()


def test_change_is_against_the_nearest_parent_that_was_asked_the_same() -> None:
    table = matrix(cells(), LINEAGE)
    seeing = row(table, "seeing", "helpfulness")
    assert (seeing["parent"], seeing["parent_value"]) == ("chat", 0.1)
    assert seeing["change"] == pytest.approx(0.5)
    # `chat` has no value there, and base was not asked.
    assert row(table, "seeing", "attack success, text")["parent"] is None
    merged = row(table, "merged", "attack success, text")
    assert (merged["parent"], merged["change"]) == ("seeing", pytest.approx(-0.3))
    assert improvement(merged) == pytest.approx(0.3)
    assert row(table, "asked_again", "helpfulness")["parent"] == "chat"
    assert row(table, "base@10", "all")["change"] is None


def test_why_there_is_no_value_is_told() -> None:
    assert row(matrix(cells(), LINEAGE), "chat", "attack success, text")["reason"] == "no twin"


def test_another_figure_changes_the_change_and_nothing_else() -> None:
    before = matrix(cells(), LINEAGE).to_pylist()
    changed = [
        dataclasses.replace(one, value=0.5) if (one.model, one.probe) == ("seeing", "helpfulness") else one
        for one in cells()
    ]
    after = matrix(changed, LINEAGE).to_pylist()
    touched = [new["model"] for old, new in zip(before, after, strict=True) if old != new]
    assert touched == ["seeing", "merged"]


def test_the_interval_of_a_change_covers_at_its_level() -> None:
    """Differences of two shares of 200 independent items each: 95 % of 3,000 intervals cover, within their noise."""
    from lineage.evaluation.proportions import wilson

    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(3000):
        old, new = (wilson(int(rng.binomial(200, share)), 200) for share in (0.3, 0.45))
        pair = [
            Cell(name, "safety", "p", one.value, one.low, one.high) for name, one in (("chat", old), ("seeing", new))
        ]
        found = row(matrix(pair, LINEAGE), "seeing", "p")
        covered += found["change_low"] <= 0.15 <= found["change_high"]
    assert 0.94 <= covered / 3000 <= 0.965


def test_a_change_is_clear_where_its_interval_leaves_out_nothing() -> None:
    base = Cell("chat", "safety", "p", 0.5, 0.45, 0.55)
    found = matrix(
        [base, Cell("seeing", "safety", "p", 0.9, 0.85, 0.95), Cell("merged", "safety", "p", 0.92, 0.87, 0.97)], LINEAGE
    )
    assert [is_clear(one) for one in found.to_pylist()] == [False, True, False]


def test_a_probe_twice_is_a_defect() -> None:
    with pytest.raises(AssertionError, match="twice"):
        matrix([*cells(), cells()[0]], LINEAGE)


def test_language_and_answers_become_cells() -> None:
    found = list(of_language("base", {"held_out": {"bits_per_byte": estimate(0.9)}, "recall": recall()}))
    assert [(one.probe, one.value) for one in found] == [
        ("bits per byte", 0.9), ("all", 0.4), ("0 exposures", 0.0), ("8 exposures", 0.8)
    ]  # fmt: skip
    assert found[0].better == LOWER
    fact = {
        "test": {
            "correct": estimate(0.5),
            "levels": {"16": {"correct": estimate(0.9)}, "2": {"correct": estimate(0.1)}},
        }
    }
    asked = {"test": {"asr_comply": estimate(0.2), "refused": estimate(0.8)}}
    told = {"tasks": {"world": {"fact": fact}, "xstest": {"xstest": asked}}}
    found = list(of_answers("chat", told, studied=["world"]))
    assert [(one.family, one.probe) for one in found] == [
        ("facts told in chat", "all"),
        ("facts told in chat", "2 exposures"),
        ("facts told in chat", "16 exposures"),
        ("prompt sets", "xstest, xstest: harmful, not refused"),
    ]
    assert len(list(of_answers("chat", told, studied=[]))) == 5


def test_the_heat_map_shows_every_value() -> None:
    text = saving.svg(heat_map(matrix(cells(), LINEAGE), LINEAGE))
    for word in ("seeing", "attack success, text", "0.60", "8 exposures"):
        assert f">{word}<" in text or f"\N{MIDDLE DOT} {word}<" in text, word
    empty = saving.svg(heat_map(matrix([], LINEAGE), LINEAGE))
    assert "no model was measured" in empty


def test_what_a_judge_cannot_tell_is_left_out_or_says_why() -> None:
    share = {"value": 0.25, "low": 0.1, "high": 0.5, "n": 8}
    chance = {"value": None, "low": 0.0, "high": 1.0, "num_items": 8}
    rates = {"refused": share, "refused_corrected": chance, "harmful_responses": share}
    silent = {"refused": share, "refused_corrected": None, "harmful_responses": None}
    told = {"rates": {"outside": {"requests": {"harmful": rates, "benign": silent}}}}
    found = {one.probe.removeprefix("rules: outside, requests, "): one for one in of_judged("chat", "rules", told)}
    assert {probe: one.better for probe, one in found.items()} == {
        "harmful, refused": "higher",
        "harmful, refused, corrected": "higher",
        "harmful, harmful responses": "lower",
        "benign, refused": "lower",
    }
    assert found["harmful, refused"].items == 8 and found["harmful, refused"].reason == ""
    assert found["harmful, refused, corrected"].value is None
    assert "no better than chance" in found["harmful, refused, corrected"].reason
