"""Bugs of the report: matrix, example browser, page, ledger, power."""

from __future__ import annotations

from tests.planted.bug import Bug

BUGS = [
    Bug(
        "the change has the wrong sign",
        "report/matrix.py",
        'told["change"] = one.value - before.value',
        'told["change"] = before.value - one.value',
        "tests/report/test_matrix.py::test_change_is_against_the_nearest_parent_that_was_asked_the_same",
    ),
    Bug(
        "a parent without a value ends the search",
        "report/matrix.py",
        "if before is not None and before.value is not None:",
        "if before is not None:",
        "tests/report/test_matrix.py::test_change_is_against_the_nearest_parent_that_was_asked_the_same",
    ),
    Bug(
        "the lower end of a change is half as far",
        "report/matrix.py",
        "math.hypot(value - low, was_high - was)",
        "math.hypot(value - low, was_high - was) / 2",
        "tests/report/test_matrix.py::test_the_interval_of_a_change_covers_at_its_level",
    ),
    Bug(
        "a change of nothing is clear",
        "report/matrix.py",
        'not row["change_low"] <= 0 <= row["change_high"]',
        'row["change_low"] <= 0 <= row["change_high"]',
        "tests/report/test_matrix.py::test_a_change_is_clear_where_its_interval_leaves_out_nothing",
    ),
    Bug(
        "validation items are examples",
        "report/browser.py",
        'pc.field("split") == "test"',
        'pc.field("split") != ""',
        "tests/report/test_examples.py::test_what_is_left_out_is_counted_and_validation_items_are_no_examples",
    ),
    Bug(
        "examples are not escaped",
        "report/page/render.py",
        '.replace("<", "\\\\u003c")',
        "",
        "tests/report/test_page.py::test_text_of_data_cannot_leave_its_place",
    ),
    Bug(
        "templates do not escape",
        "report/page/render.py",
        "autoescape=True",
        "autoescape=False",
        "tests/report/test_page.py::test_text_of_data_cannot_leave_its_place",
    ),
    Bug(
        "secondary rows count as claims",
        "report/page/ledger.py",
        'return [row for row in self.rows if row["primary"] == _PRIMARY]',
        "return list(self.rows)",
        "tests/report/test_page.py::test_the_ledger_of_all_studies_has_every_row_and_the_false_supports",
    ),
    Bug(
        "more items take all of the spread away",
        "claims/power.py",
        "spread**2 - 0.75 * (items or 0.0) ** 2",
        "spread**2 - 0.75 * spread**2",
        "tests/claims/test_power.py::test_more_items_help_as_far_as_items_make_the_spread",
    ),
]
