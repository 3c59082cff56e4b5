"""The ledger is a function of tables: every verdict by a hand-made case, and a changed figure changes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lineage.claims.claim import Claim, Gate
from lineage.claims.ledger import COLUMNS, NULL_COLUMNS, LedgerRow, counts, make_ledger, to_csv
from lineage.claims.slices import Statistic
from lineage.claims.statistics import above, below, not_above, within
from tests.claims.building import claim, row, seeds, statistic

HIGH = [0.9, 1.0, 1.1, 1.0, 0.95]
LOW = [-0.9, -1.0, -1.1, -1.0, -0.95]
NOISE = [-0.8, 0.7, 0.1, -0.3, 0.4]


def primary(statistics: list[Statistic], one: Claim[Any] | None = None) -> LedgerRow:
    """The primary row of the only claim."""
    return next(found for found in make_ledger([one or claim()], statistics).rows if found.primary)


@pytest.mark.parametrize(
    ("values", "verdict"), [(HIGH, "supported"), (LOW, "contradicted"), (NOISE, "undecided"), ([0.9], "one seed")]
)
def test_a_direction(values: list[float], verdict: str) -> None:
    found = primary(seeds(values))
    assert found.verdict == verdict
    assert found.seeds == f"{len(values)} of 5"
    assert found.effect == pytest.approx(sum(values) / len(values))


def test_a_changed_figure_flips_the_verdict() -> None:
    table = seeds(HIGH)
    assert primary(table).verdict == "supported"
    assert primary([*table[:-1], replace(table[-1], value=-3.0)]).verdict == "undecided"
    assert primary([replace(one, value=-(one.value or 0)) for one in table]).verdict == "contradicted"


def test_the_interval_over_seeds_is_shown_and_over_items_for_one_seed() -> None:
    many, one = primary(seeds([1.0, 2.0, 3.0])), primary(seeds([2.0]))
    assert (many.interval, one.interval) == ("95 % over seeds", "95 % over items")
    assert (many.low, many.high) == pytest.approx((-0.484, 4.484), abs=1e-3)
    assert (one.low, one.high) == pytest.approx((1.9, 2.1))
    assert one.p_value is None


def test_an_item_level_interval_never_decides() -> None:
    assert primary([statistic(1.0, half=0.01)]).verdict == "one seed"


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.01, -0.02, 0.0, 0.02, -0.01], "supported"),
        ([0.5, 0.55, 0.6, 0.5, 0.52], "contradicted"),
        ([-0.4, 0.5, -0.1, 0.2, -0.2], "undecided"),
    ],
)
def test_no_difference(values: list[float], verdict: str) -> None:
    found = primary(seeds(values), claim(within(-0.15, 0.15)))
    assert found.verdict == verdict
    assert found.interval == "90 % over seeds"
    assert found.expected == "between -0.15 and 0.15"


def test_no_gain_beyond_a_margin_is_supported_by_a_loss() -> None:
    assert primary(seeds([0.4, 0.5, 0.45]), claim(not_above(1.15, ratio=True))).verdict == "supported"


def test_a_gate_that_fails_comes_first() -> None:
    gated = claim(gate=Gate("recalled", at_least=0.05, at_most=0.95))
    passed = [replace(one, gate="recalled", gate_value=0.5) for one in seeds(HIGH)]
    assert primary(passed, gated).verdict == "supported"
    failed = [replace(one, gate_value=0.99) for one in passed]
    found = primary(failed, gated)
    assert (found.verdict, found.gate, found.effect) == ("not testable here", "recalled", None)
    assert found.gate_value == pytest.approx(0.99)
    assert found.seeds == "0 of 5"


def test_slices_that_fail_the_gate_do_not_count() -> None:
    gated = claim(gate=Gate("recalled", at_most=0.95))
    table = [replace(one, gate="recalled", gate_value=0.5) for one in seeds(HIGH)]
    table[0] = replace(table[0], value=-50.0, gate_value=1.0)
    found = primary(table, gated)
    assert (found.verdict, found.seeds) == ("supported", "4 of 5")


def test_a_gate_without_a_figure_fails() -> None:
    assert primary(seeds(HIGH), claim(gate=Gate("recalled"))).verdict == "not testable here"


def test_what_no_slice_could_measure_says_why() -> None:
    table = [statistic(None, seed=seed, gate="no run for it in this experiment") for seed in range(5)]
    found = primary(table)
    assert (found.verdict, found.gate) == ("not testable here", "no run for it in this experiment")
    assert primary([]).gate == "no slice measured it"


def test_holm_corrects_over_the_primary_rows_of_the_study() -> None:
    """Alone p = .043 (t = 2.92 at 4 degrees of freedom); as the smallest of two tested claims it is doubled."""
    values = [1.0, 0.2, 0.9, 0.3, 0.2]
    alone = primary(seeds(values))
    assert (alone.p_value, alone.p_holm) == pytest.approx((0.0426, 0.0426), abs=1e-3)
    assert alone.verdict == "supported"
    claims = [claim(), claim(name="C2")]
    both = make_ledger(claims, [*seeds(values), *seeds(NOISE, claim="C2")]).rows
    assert both[0].p_holm == pytest.approx(2 * (alone.p_value or 0))
    assert [one.verdict for one in both] == ["undecided", "undecided"]


def test_secondary_rows_are_not_corrected_and_do_not_correct() -> None:
    one = claim(secondary=(row("beside"),))
    values = [1.0, 0.2, 0.9, 0.3, 0.2]
    rows = make_ledger([one], [*seeds(values), *seeds(values, row="beside")]).rows
    assert [found.verdict for found in rows] == ["supported", "supported"]
    assert rows[1].p_holm is None


def test_gated_claims_take_no_part_in_the_correction() -> None:
    claims = [claim(), claim(name="C2", gate=Gate("there"))]
    values = [1.0, 0.2, 0.9, 0.3, 0.2]
    rows = make_ledger(claims, [*seeds(values), *seeds(NOISE, claim="C2")]).rows
    assert rows[0].p_holm == rows[0].p_value


class TestWeakest:
    """A row that holds when each of its parts does."""

    one = claim(
        primary=row("all", measure=None, weakest_of=("first", "second")), secondary=(row("first"), row("second"))
    )

    def judged(self, first: list[float], second: list[float]) -> LedgerRow:
        return primary([*seeds(first, row="first"), *seeds(second, row="second")], self.one)

    def test_all_must_hold(self) -> None:
        assert self.judged(HIGH, [2 * one for one in HIGH]).verdict == "supported"
        assert self.judged(HIGH, NOISE).verdict == "undecided"

    def test_one_that_is_contradicted_is_enough(self) -> None:
        found = self.judged(HIGH, LOW)
        assert found.verdict == "contradicted"
        assert (found.effect or 0) < 0

    def test_its_p_value_is_that_of_the_weakest_part(self) -> None:
        weak = [1.0, 0.2, 0.9, 0.3, 0.2]
        found = self.judged(HIGH, weak)
        assert found.p_value == pytest.approx(0.0426, abs=1e-3)
        assert found.effect == pytest.approx(0.52)

    def test_a_part_that_cannot_be_tested_holds_it_back(self) -> None:
        table = [*seeds(HIGH, row="first"), statistic(None, row="second", gate="no run for it")]
        found = primary(table, self.one)
        assert (found.verdict, found.gate) == ("not testable here", "no run for it")

    def test_one_seed_stays_one_seed(self) -> None:
        found = self.judged([1.0], [0.5])
        assert (found.verdict, found.effect) == ("one seed", 0.5)


class TestNullWorld:
    """A world without the presumed cause must not support the claim."""

    def table(self, null: list[float], half: float = 0.1) -> list[Statistic]:
        return [*seeds(HIGH), *seeds(null, world="no_cause", half=half)]

    def test_a_false_support_is_counted_and_takes_the_verdict_away(self) -> None:
        found = make_ledger([claim()], self.table(HIGH))
        assert found.rows[0].null_result == "supported; 5 of 5 seeds falsely supported"
        assert found.rows[0].verdict == "undecided"
        assert found.false_support_rate == 1.0

    def test_a_quiet_null_world_leaves_the_verdict(self) -> None:
        found = make_ledger([claim()], self.table([0.0, 0.05, -0.05]))
        assert found.rows[0].null_result == "undecided; 0 of 3 seeds falsely supported"
        assert found.rows[0].verdict == "supported"
        assert found.false_support_rate == 0.0

    def test_the_rate_is_over_claims_and_seeds(self) -> None:
        claims = [claim(), claim(name="C2")]
        table = [*self.table([0.5, 0.0]), *seeds([0.0, 0.0], claim="C2", world="no_cause")]
        found = make_ledger(claims, table)
        assert len(found.null_cases) == 4
        assert found.false_support_rate == 0.25

    def test_one_null_seed_decides_nothing(self) -> None:
        found = make_ledger([claim()], self.table([0.5]))
        assert found.rows[0].null_result == "one seed; 1 of 1 seeds falsely supported"
        assert found.rows[0].verdict == "supported"

    def test_none_ran(self) -> None:
        found = make_ledger([claim()], seeds(HIGH))
        assert found.rows[0].null_result == "not run"
        assert found.false_support_rate is None
        assert make_ledger([claim(null_world=None)], seeds(HIGH)).rows[0].null_result == "no null declared"

    def test_a_null_slice_that_fails_its_gate_is_no_case(self) -> None:
        gated = claim(gate=Gate("recalled", at_most=0.95))
        table = [replace(one, gate="recalled", gate_value=0.99) for one in seeds(HIGH, world="no_cause")]
        found = make_ledger([gated], table)
        assert found.rows[0].null_result == "not testable here: recalled"
        assert found.null_cases == []

    def test_a_null_row_lies_in_the_same_slice(self) -> None:
        one = claim(below(0.1), null_world=None, null_row="control", secondary=(row("control", below(0.1)),))
        falsely = [*seeds([0.0, 0.01, 0.02], half=0.01), *seeds([0.0, 0.0, 0.01], row="control", half=0.01)]
        found = make_ledger([one], falsely)
        assert (found.rows[0].verdict, found.false_support_rate) == ("undecided", 1.0)
        rightly = [*seeds([0.0, 0.01, 0.02], half=0.01), *seeds([1.0, 1.1, 1.2], row="control", half=0.01)]
        found = make_ledger([one], rightly)
        assert (found.rows[0].verdict, found.false_support_rate) == ("supported", 0.0)
        assert found.rows[0].null_world == "control"

    def test_every_part_of_a_weakest_row_must_be_supported(self) -> None:
        table = [
            statistic(value, row=part, world="no_cause", seed=0) for part, value in (("first", 1.0), ("second", 0.0))
        ]
        found = make_ledger([TestWeakest.one], [*table, *seeds(HIGH, row="first"), *seeds(HIGH, row="second")])
        assert [(case.supported, case.effect) for case in found.null_cases] == [(False, 0.0)]


def test_generated_and_real_data_are_judged_apart() -> None:
    found = make_ledger([claim()], [*seeds(HIGH), statistic(0.5, data="real data")]).rows
    assert [(one.data, one.verdict) for one in found] == [("generated", "supported"), ("real data", "one seed")]


def test_slices_of_different_designs_are_never_mixed() -> None:
    """The design with most seeds is judged; without that, one small slice would turn its verdict."""
    small = statistic(-50.0, seed=5, design="default")
    found = primary([small, *seeds(HIGH)])
    assert (found.verdict, found.design, found.seeds) == ("supported", "study", "5 of 5")
    nulls = [statistic(1.0, world="no_cause", design="default")]
    assert make_ledger([claim()], [*seeds(HIGH), *nulls]).null_cases == []
    assert primary([small, statistic(1.0)]).design == "default"


def test_the_design_of_the_own_slice_is_judged_however_few_seeds_it_has() -> None:
    """And of the other kind of data the one with most."""
    own = statistic(-50.0, seed=5, design="mine")
    real = [statistic(1.0, data="real data", design=name, seed=seed) for name, seed in (("r", 0), ("s", 0), ("s", 1))]
    rows = make_ledger([claim()], [own, *seeds(HIGH), *real], own=own.slice).rows
    assert [(one.data, one.design, one.seeds, one.verdict) for one in rows] == [
        ("generated", "mine", "1 of 5", "one seed"),
        ("real data", "s", "2 of 5", "supported"),
    ]


def test_forecast_outcome_and_errors_stand_beside_each_other() -> None:
    table = [replace(one, forecast=1.2, naive=2.0) for one in seeds([1.0, 1.1])]
    found = primary(table)
    assert (found.forecast, found.forecast_error, found.naive_error) == pytest.approx((1.2, 0.15, 0.95))


def test_the_paper_and_the_declaration_are_in_the_row() -> None:
    one = claim(secondary=(row("beside", above(0.5), paper_figure=".26 (Table 2)"),))
    found = make_ledger([one], seeds(HIGH)).rows[1]
    assert (found.paper_figure, found.expected, found.primary) == (".26 (Table 2)", "> 0.5", False)


def test_the_ledger_as_a_file_and_its_counts() -> None:
    found = make_ledger([claim(), claim(name="C2")], [*seeds(HIGH), *seeds([0.0], world="no_cause")])
    lines = to_csv(found.rows, COLUMNS).splitlines()
    assert lines[0].startswith("claim,text,row,primary,statement,statistic,expected,effect,low,high,interval,seeds")
    assert lines[1].endswith("generated,study,supported")
    assert counts(found) == {"not testable here": 1, "supported": 1}
    assert to_csv(found.null_cases, NULL_COLUMNS).splitlines()[1] == "C1,no_cause,0,generated,0,-0.1,0.1,False"
