"""Facts of two plans are told apart by what their probes ask, not by what they are called."""

from __future__ import annotations

import pyarrow as pa
import pytest

from lineage.data.sharing import check_disjoint, shared_facts
from lineage.errors import UserError


def probes(*rows: tuple[str, str, str]) -> pa.Table:
    """A plan's probes: fact, cue, target."""
    return pa.Table.from_pylist([dict(zip(("fact", "cue", "target"), row, strict=True)) for row in rows])


KNOWN = probes(("fact-0", "The boat lies at", "Arn"), ("fact-0", "Its colour is", "red"), ("fact-1", "It costs", "9"))


def test_a_fact_under_another_name_is_found() -> None:
    other = probes(("a", "It costs", "8"), ("b", "Its colour is", "red"), ("b", "The boat lies at", "Arn"))
    assert shared_facts(KNOWN, other) == ["b"]
    with pytest.raises(UserError, match=r"run late holds 1 facts that the calibration run holds too \(b\)"):
        check_disjoint(KNOWN, {"early": probes(("a", "It costs", "8")), "late": other})


def test_other_facts_under_the_same_name_are_none() -> None:
    other = probes(("fact-0", "The boat lies at", "Bel"), ("fact-1", "She costs", "9"))
    assert shared_facts(KNOWN, other) == []
    check_disjoint(KNOWN, {"late": other})


def test_many_are_counted_and_a_few_named() -> None:
    many = probes(*((f"f{number}", "It costs", "9") for number in range(7)))
    with pytest.raises(UserError, match=r"holds 7 facts .* \(f0, f1, f2, f3, f4, \.\.\.\)"):
        check_disjoint(KNOWN, {"late": many})
