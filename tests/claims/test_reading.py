"""X3 on readings whose curves are known: crossing, forecast, gates, null, and a table that flips the verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lineage.claims.claim import NotMeasured
from lineage.claims.ledger import make_ledger
from lineage.claims.retrieval import x3
from lineage.claims.retrieval.study import Study
from lineage.claims.slices import FULL_WORLD, Slice, measure
from lineage.config.retrieval_study import RetrievalStudy
from lineage.reading import forecast as foretold
from lineage.reading.crossing import doublings
from lineage.reading.readings import SCHEMA

LEVELS = (0, 1, 2, 4, 8, 16, 32, 64)
FACTS = 60
Rate = Callable[[int], float]


def recall(level: int) -> float:
    """0 at no exposure, .9 at 64."""
    return 0.9 * float(doublings(level) / doublings(64))


CONDITIONS: dict[tuple[str, str], Rate] = {
    ("closed book", ""): recall,
    ("oracle", ""): lambda level: 0.95,
    ("random", ""): lambda level: 0.05,
    ("swapped", ""): lambda level: 0.95,
    ("retrieved", "bm25"): lambda level: 0.5,
    ("retrieved", "dense"): lambda level: 0.2,
}
WHERE = 0.5 / 0.9 * float(doublings(64))
"""Doublings at which `recall` reaches .5."""


def rows_of(conditions: dict[tuple[str, str], Rate]) -> list[dict[str, Any]]:
    """Of `FACTS` facts a level exactly the share of the rate is right; which ones differs between conditions."""
    rows = []
    for place, ((condition, run), rate) in enumerate(conditions.items()):
        for level in LEVELS:
            right = np.roll(np.arange(FACTS) < round(FACTS * rate(level)), 7 * place)
            rows += [
                {
                    "condition": condition,
                    "run": run,
                    "fact": f"fact-{level}-{number}",
                    "subject": f"subject-{level}-{number}",
                    "level": level,
                    "document": "",
                    "found": None,
                    "correct": bool(right[number]),
                    "recalled": condition == "closed book" and bool(right[number]),
                }
                for number in range(FACTS)
            ]
    return rows


def foretelling(*, bm25: float = WHERE, naive: float = 1.0, hits: float = 0.5) -> pa.Table:
    """A forecast of the crossing of both retrievers; `dense` hits less."""
    rows = []
    for run, hit, value in (("bm25", hits, bm25), ("dense", 0.2, 2.0)):
        rows.append({"quantity": foretold.HIT_RATE, "run": run, "at": 0.0, "value": hit})
        naives = dict.fromkeys(foretold.NAIVES, naive)
        rows.append({"quantity": foretold.CROSSING, "run": run, "at": 0.0, "value": value, **naives})
    return pa.Table.from_pylist(rows, schema=foretold.SCHEMA)


def study(conditions: dict[tuple[str, str], Rate] | None = None, forecast: pa.Table | None = None) -> Study:
    table = pa.Table.from_pylist(rows_of({**CONDITIONS, **(conditions or {})}), schema=SCHEMA)
    config = RetrievalStudy.model_construct()
    told = foretelling() if forecast is None else forecast
    return Study(config, {}, readings=table, reading_forecast=told, bootstrap_samples=200)


def test_the_crossing_is_where_the_curves_meet() -> None:
    found = x3.crossing_seen(study())
    assert found.value == pytest.approx(WHERE, abs=0.15)
    assert found.low is not None and found.high is not None and found.low < WHERE < found.high
    assert found.forecast == pytest.approx(WHERE) and found.naive == pytest.approx(1.0)
    assert found.gate == pytest.approx(0.95)


def test_the_retriever_is_chosen_on_validation_queries() -> None:
    assert x3.chosen(study()) == "bm25"
    assert x3.chosen(study(forecast=foretelling(hits=0.1))) == "dense"
    assert x3.crossing_seen(study(forecast=foretelling(hits=0.1))).value < WHERE - 1


def test_the_error_is_counted_in_doublings_from_the_forecast() -> None:
    found = x3.crossing_against_forecast(study(forecast=foretelling(bm25=WHERE - 2, naive=WHERE - 3)))
    assert found.value == pytest.approx(2.0, abs=0.15)
    assert found.forecast == 0.0 and found.naive == pytest.approx(-1.0)


def test_no_crossing_is_not_measured() -> None:
    with pytest.raises(NotMeasured, match="reading is ahead up to 64 exposures") as caught:
        x3.crossing_against_forecast(study({("closed book", ""): lambda level: 0.3}))
    assert caught.value.figure == pytest.approx(-0.2)
    with pytest.raises(NotMeasured, match="parameters are ahead from 0 exposures on"):
        x3.crossing_seen(study({("closed book", ""): lambda level: 0.8}))


def test_a_forecast_without_a_crossing_can_be_wrong_and_cannot_be_right_by_luck() -> None:
    never = foretelling(bm25=np.inf)
    assert x3.crossing_against_forecast(study(forecast=never)).value == pytest.approx(
        WHERE - float(doublings(64)), abs=0.15
    )
    always = foretelling(bm25=-np.inf)
    assert x3.crossing_against_forecast(study(forecast=always)).value == pytest.approx(
        WHERE - float(doublings(0)), abs=0.15
    )
    late = {("retrieved", "bm25"): lambda level: 0.8}
    with pytest.raises(NotMeasured, match="near the end of the levels"):
        x3.crossing_against_forecast(study(late, forecast=never))


def verdicts(one: Study) -> dict[str, str]:
    place = Slice(FULL_WORLD, 0, "generated", "default", "0123456789abcdef")
    rows = make_ledger([x3.CLAIM], measure([x3.CLAIM], one, place)).rows
    return {row.row: row.verdict for row in rows}


def test_an_unread_passage_is_a_gate() -> None:
    assert verdicts(study())["crossing against forecast"] == "one seed"
    assert verdicts(study({("oracle", ""): lambda level: 0.5}))["crossing against forecast"] == "not testable here"
    recalls = {("swapped", ""): lambda level: 0.3}
    assert verdicts(study(recalls))["crossing against forecast"] == "not testable here"
    assert verdicts(study(recalls))["swapped values"] == "one seed"


def test_without_a_reader_nothing_is_testable() -> None:
    nobody = Study(RetrievalStudy.model_construct(), {}, bootstrap_samples=200)
    assert set(verdicts(nobody).values()) == {"not testable here"}


def test_differences_are_taken_on_the_same_facts_and_at_the_right_levels() -> None:
    tail = x3.over_closed_book(study(), at="tail")
    expected = np.mean([0.5 - round(FACTS * recall(level)) / FACTS for level in (0, 1, 2)])
    assert tail.value == pytest.approx(expected)
    assert x3.over_closed_book(study(), at="head", sign=-1.0).value == pytest.approx(0.4)
    assert x3.bound(study(), condition="random", at="head").value == pytest.approx(-0.85)
    with pytest.raises(NotMeasured, match="contextual"):
        x3.over_closed_book(study(), run="contextual")


def test_swapped_tables_flip_the_sign() -> None:
    swapped = {("closed book", ""): lambda level: 0.5, ("retrieved", "bm25"): recall}
    assert x3.over_closed_book(study(swapped), at="head", sign=-1.0).value == pytest.approx(-0.4)
    assert x3.over_closed_book(study(swapped), at="tail").value < 0
