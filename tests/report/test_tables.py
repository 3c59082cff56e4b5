"""Rows out of tables, and rows as the data of charts."""

from __future__ import annotations

import csv
import io
import math

import pyarrow as pa
import pytest

from lineage.errors import UserError
from lineage.report.tables import chosen, inline, of_runs, rows, span


def test_rows_have_the_asked_columns_and_finite_numbers_of_six_digits() -> None:
    table = pa.table({"a": [1 / 3, math.inf, math.nan, None], "n": [1, 2, 3, 4], "other": [0, 0, 0, 0]})
    assert [row["a"] for row in rows(table, ["a", "n"], name="t")] == [0.333333, None, None, None]
    assert rows(table, ["n"], name="t")[3] == {"n": 4}


def test_a_missing_column_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match="table curves has no column 'low', 'high'") as caught:
        rows(pa.table({"mean": [1.0]}), ["mean", "low", "high"], name="curves")
    assert "columns: mean" in str(caught.value)


def test_the_first_estimator_that_is_there_is_chosen() -> None:
    candidates = [{"estimator": name, "value": place} for place, name in enumerate(("raw", "gain", "raw"))]
    assert chosen(candidates, ["twin", "raw", "gain"], name="t")[0] == "raw"
    assert [row["value"] for row in chosen(candidates, ["raw"], name="t")[1]] == [0, 2]
    assert chosen([], ["twin"], name="t") == ("", [])
    with pytest.raises(UserError, match=r"none of the estimators twin.*\n.*estimators: raw, gain"):
        chosen(candidates, ["twin"], name="t")


def test_every_run_has_its_own_estimator_and_empty_runs_are_left_out() -> None:
    runs = {"late": [{"estimator": "raw"}], "early": [{"estimator": "twin"}, {"estimator": "raw"}], "none": []}
    used, together = of_runs(runs, ["twin", "raw"], name="t")
    assert used == {"late": "raw", "early": "twin"}
    assert together == [{"estimator": "raw", "run": "late"}, {"estimator": "twin", "run": "early"}]
    with pytest.raises(UserError, match="effectivity of run late"):
        of_runs(runs, ["twin"], name="effectivity")


def test_inline_data_says_what_is_number_and_what_is_text() -> None:
    """A run that is called 512 stays text: Vega would guess a number, and its colour scale would not know it."""
    values = [{"run": "512", "n": 1, "text": 'say "a, b"'}, {"run": "64", "n": None, "more": 0.5}]
    data = inline(values).to_dict()
    assert data["format"]["parse"] == {"run": "string", "n": "number", "text": "string", "more": "number"}
    read = list(csv.DictReader(io.StringIO(data["values"])))
    assert read[0] == {"run": "512", "n": "1", "text": 'say "a, b"', "more": ""}
    assert read[1] == {"run": "64", "n": "", "text": "", "more": "0.5"}
    assert inline([]).to_dict() == {"values": []}


def test_span_of_nothing_and_of_one_value() -> None:
    assert span([]) == [0.0, 1.0]
    assert span([None], include=[2.0]) == [1.5, 2.5]
