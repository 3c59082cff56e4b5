"""Bugs of retrieve-then-read: passages, what is asked, the crossing, its forecast."""

from __future__ import annotations

from tests.planted.bug import Bug

BUGS = [
    Bug(
        "passages tell the world's values",
        "reading/passages.py",
        "if one not in (fact.value, subject.name)]",
        "if one == fact.value]",
        "tests/reading/test_passages.py::test_known_subjects_have_other_values_than_the_world_s",
    ),
    Bug(
        "passages about whom tests ask",
        "reading/passages.py",
        "if one.split == _OPEN and has_article(one)]",
        "if one.split != _OPEN and has_article(one)]",
        "tests/reading/test_passages.py::test_no_passage_names_whom_a_test_asks_about",
    ),
    Bug(
        "validation passages are training passages",
        "reading/passages.py",
        "(place % _VALIDATION_STEP == 0) == wanted",
        "True",
        "tests/reading/test_passages.py::test_validation_shares_neither_subjects_nor_last_names",
    ),
    Bug(
        "a swapped passage is right when the world's value is named",
        "reading/items.py",
        "item = _alone(world, replace(fact, value=value, target=value))",
        "item = _alone(world, fact)",
        "tests/stages/test_reading.py::test_swapped_passages_differ_in_the_value_alone",
    ),
    Bug(
        "the reader is shown the right article for whatever was found",
        "reading/items.py",
        'document = first.get(query, "")',
        "document = fact.subject",
        "tests/stages/test_reading.py::test_a_retrieved_passage_is_the_run_s_first_document",
    ),
    Bug(
        "the crossing of a curve that falls",
        "reading/crossing.py",
        "while len(pools) > 1 and pools[-2][0] > pools[-1][0]:",
        "while len(pools) > 1 and pools[-2][0] < pools[-1][0]:",
        "tests/reading/test_crossing.py",
    ),
    Bug(
        "a crossing where reading is ahead throughout",
        "reading/crossing.py",
        "if curve[-1] < 0:",
        "if curve[-1] < -1:",
        "tests/reading/test_crossing.py::test_no_crossing_is_infinite",
    ),
    Bug(
        "resamples without a crossing are left out",
        "reading/levels.py",
        "rows = np.clip([crossing(levels, one, sizes) for one in complete], *ends)",
        "rows = np.asarray([crossing(levels, one, sizes) for one in complete])",
        "tests/reading/test_crossing.py::test_resamples_without_a_crossing_count_at_the_ends",
    ),
    Bug(
        "the forecast counts hits of test queries",
        "stages/reading_forecast.py",
        "read_queries(retrieval_set.path(schemas.QUERIES), (VALIDATION,))",
        'read_queries(retrieval_set.path(schemas.QUERIES), ("test",))',
        "tests/stages/test_reading.py::test_no_test_query_reaches_the_forecast",
    ),
    Bug(
        "wrong passages are read as well as right ones",
        "reading/forecast.py",
        "reader = hit * reads + (1 - hit) * reads_wrong",
        "reader = reads",
        "tests/stages/test_reading.py::test_the_forecast_is_hits_times_reading",
    ),
    Bug(
        "the retriever is chosen by its last name",
        "claims/retrieval/x3.py",
        "return max(found, key=lambda run: found[run])",
        "return max(found)",
        "tests/claims/test_reading.py::test_the_retriever_is_chosen_on_validation_queries",
    ),
]
