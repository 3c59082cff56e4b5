"""K6: what is compared between batches, and when it cannot be."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lineage.analysis.superposition import kernel
from lineage.claims.knowledge import CLAIMS
from lineage.claims.knowledge.study import Run, Study
from lineage.claims.ledger import make_ledger
from lineage.claims.slices import measure
from tests.claims.building import Arm, arms, run, study
from tests.claims.full import FULL, LATE, ONLY, changed, measured


def test_k6_reads_equal_lags_in_tokens() -> None:
    """Lags of 10 to 300 steps in batches of 1,024 and 4,096 overlap from 40,960 to 307,200 tokens.

    R is linear in log t here, so that interpolation is exact:
    R(t2) / R(t1) = (1 - a* log10 (307,200 / B)) / (1 - a* log10 (40,960 / B)), a* of the arm once.
    """
    found = measured(FULL, "K6", "kept, a fixed dose")
    assert found.gate_value == pytest.approx(7.5)

    def kept(batch: int, a_star: float) -> float:
        return (1 - a_star * math.log10(307200 / batch)) / (1 - a_star * math.log10(40960 / batch))

    expected = (kept(4096, 0.26) - kept(1024, 0.34)) / 2
    assert found.value == pytest.approx(expected)
    assert found.low is not None and found.high is not None and found.low < expected < found.high
    assert measured(FULL, "K6", "a*, a fixed dose").value == pytest.approx(-0.04)


@pytest.mark.parametrize(("row", "rises"), [("kept, a fixed dose", False), ("kept, a fixed dose, all arms", True)])
def test_k6_does_not_take_wider_encounters_for_slower_forgetting(row: str, rises: bool) -> None:
    """One law of forgetting in tokens for all batches: facts met once show no change.

    Four encounters 25 steps apart lie further apart in tokens where the batch is larger, and R of their sum is flatter.
    """

    def in_tokens(size: int) -> Run:
        def left(arm: str, steps: int) -> float:
            met = range(4 if arm == "duplicate" else 1)
            late, peak = ([(lag + 25 * number) * size / 1024 for number in met] for lag in (steps, 0))
            return float(sum(kernel(1 + age, 0.2) for age in late) / sum(kernel(1 + age, 0.2) for age in peak))

        def edit(row: dict[str, Any]) -> dict[str, Any]:
            if not row["quantity"].startswith("r_") or not row["quantity"][2:].isdigit():
                return row
            arms_of = [row["arm"]] if "arm" in row else ["once", "duplicate"]
            value = float(np.mean([left(arm, int(row["quantity"][2:])) for arm in arms_of]))
            return row | {name: value for name in ("value", "low", "high") if name in row}

        one = run(f"b{size}", {"once": Arm(1.0, 0.2), "duplicate": Arm(1.0, 0.2, encounters=4)}, batch_tokens=size)
        for table in ("decay", "samples", "contrasts"):
            one = changed(one, table, edit)
        return one

    runs = {f"b{size}": in_tokens(size) for size in (1024, 2048, 4096)}
    found = measured(study({"late": LATE, **runs}, batches={"fixed_dose": list(runs)}), "K6", row).value
    assert found is not None
    assert (found > 0.005) if rises else (abs(found) < 0.002)


def test_k6_takes_no_share_of_what_may_be_nothing() -> None:
    def lost(row: dict[str, Any]) -> dict[str, Any]:
        return row | ({"value": 0.001 * (row["resample"] % 7 - 3)} if row["quantity"].startswith("r") else {})

    def worn(row: dict[str, Any]) -> dict[str, Any]:
        return row | ({"value": 0.001, "low": -0.002, "high": 0.004} if row["quantity"].startswith("r") else {})

    batch = changed(changed(run("batch_1024", arms(), batch_tokens=1024), "samples", lost), "decay", worn)
    found = replace(FULL, runs={**FULL.runs, "batch_1024": batch})
    kept = measured(found, "K6", "kept, a fixed dose")
    assert (kept.value, kept.gate) == (None, "at the shorter lag R of run batch_1024 is not surely above 0")
    assert measured(found, "K6", "a*, a fixed dose").gate_value == -0.002
    rows = make_ledger(CLAIMS, measure(CLAIMS, found, ONLY)).rows
    assert {row.verdict for row in rows if row.claim == "K6"} == {"not testable here", "one seed"}
    assert next(row.verdict for row in rows if row.row == "a*, a fixed dose") == "not testable here"


def test_k6_needs_burn_in_three_sizes_and_the_mode_that_it_names() -> None:
    def batches(**changes: Any) -> Study:
        sizes = changes.pop("sizes", (1024, 2048, 4096))
        made = {f"b{size}": run(f"b{size}", arms(), batch_tokens=size, **changes) for size in sizes}
        return study({"late": LATE, **made}, batches={"fixed_dose": list(made)})

    row = "kept, a fixed dose"
    assert measured(batches(first=59), "K6", row).gate == "run b1024 injects before 60 steps of burn-in"
    assert measured(batches(sizes=(1024, 4096)), "K6", row).gate == "fewer than 3 runs to compare"
    assert measured(batches(mode="fixed_rows"), "K6", row).gate == (
        "run b1024 places its injections by fixed_rows, not fixed_dose"
    )
    doubled = batches()
    runs = {**doubled.runs, "b4096": run("b4096", arms(), batch_tokens=4096, dose=0.25)}
    assert measured(replace(doubled, runs=runs), "K6", row).gate == "run b4096 has another dose than run b1024"
    assert measured(batches(sizes=(4096, 2048, 1024)), "K6", row).gate == "batches do not rise: 4096, 2048, 1024 tokens"
