"""Rows of the knowledge claims, measured on runs whose truth is known by construction."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lineage.analysis.superposition import accumulated_gain
from lineage.claims.claim import NotMeasured
from lineage.claims.knowledge import CLAIMS
from lineage.claims.knowledge.k8 import spearman
from lineage.claims.knowledge.tables import forecasts, long_tail, sweep
from lineage.claims.ledger import make_ledger
from lineage.claims.slices import measure
from tests.claims.building import Arm, arms, recall, run, study
from tests.claims.full import FULL, LATE, ONLY, changed, ledger_of, measured, with_metrics


def test_ids_are_those_of_the_ledger() -> None:
    assert [claim.id for claim in CLAIMS] == ["K1", "K2", "K3a", "K3b", "K3c", "K4", "K5", "K6", "K7", "K8", "K9"]


def test_every_row_can_be_measured_where_its_runs_are_there() -> None:
    table = measure(CLAIMS, FULL, ONLY)
    absent = [(one.claim, one.row, one.gate) for one in table if one.value is None]
    expected = [
        ("K6", "kept, a fixed share of tokens", "no run for it in this experiment"),
        ("K6", "kept, fixed rows", "no run for it in this experiment"),
        ("K6", "a*, fixed rows", "no run for it in this experiment"),
    ]
    assert absent == expected


def test_one_seed_says_so_and_many_decide() -> None:
    assert {row.verdict for row in ledger_of(FULL).values()} == {"one seed"}
    verdicts = {claim: row.verdict for claim, row in ledger_of(FULL, 3).items()}
    assert verdicts == dict.fromkeys(verdicts, "supported")


def test_a_claim_without_its_runs_is_not_testable_here() -> None:
    alone = ledger_of(study({"late": LATE}))
    reasons = {claim: row.gate for claim, row in alone.items() if row.verdict == "not testable here"}
    assert reasons == {
        "K3a": "no run for it in this experiment",
        "K3b": "no run for it in this experiment",
        "K3c": "no run for it in this experiment",
        "K6": "no run for it in this experiment",
        "K7": "no run for it in this experiment",
        "K8": "no model for it in this experiment",
        "K9": "no forecast in this experiment",
    }


def test_k1_is_gated_by_the_twin() -> None:
    assert measured(study({"late": LATE}), "K1", "effectivity").value == pytest.approx(0.967, abs=0.001)
    drifted = ledger_of(study({"late": with_metrics(LATE, twin_exact=0.2)}))["K1"]
    assert (drifted.verdict, drifted.gate_value) == ("not testable here", 0.2)
    without = ledger_of(study({"late": with_metrics(LATE, twin_exact=None)}))["K1"]
    assert (without.verdict, without.gate) == ("not testable here", "run late has no twin")


def test_k2_is_as_weak_as_its_weaker_difference() -> None:
    found = ledger_of(FULL)["K2"]
    assert found.effect == pytest.approx(0.2 * 0.967, abs=0.001)

    def narrowed(row: dict[str, Any]) -> dict[str, Any]:
        shift = 0.5 if row["name"].startswith("K2 semantic-compositional") else 0.0
        return row | {"value": row["value"] - shift}

    reversed_order = study({"late": changed(LATE, "contrasts", narrowed)})
    assert ledger_of(reversed_order, 3)["K2"].verdict == "contradicted"


def test_k3_compares_the_ends_at_one_constant_rate() -> None:
    found = measured(FULL, "K3a", "effectivity late / early")
    assert found.value == pytest.approx(1 / 1.05, abs=1e-6)
    assert found.low is not None and found.high is not None and found.low < 1 / 1.05 < found.high
    assert measured(FULL, "K3c", "effectivity large / small").value == pytest.approx(1.4)
    own = replace(FULL, runs={**FULL.runs, "early": run("early", arms(), rate=2e-3)})
    assert measured(own, "K3a", "effectivity late / early").gate == (
        "runs early and late do not share one constant learning rate"
    )
    assert measured(own, "K3a", "at the stages' own rates").value == pytest.approx(1.0)
    decaying = replace(FULL, runs={**FULL.runs, "early": run("early", arms(), schedule="cosine")})
    assert measured(decaying, "K3b", "retainability late / early").value is None


def test_k3b_is_undecided_or_contradicted_when_retention_improves() -> None:
    better = replace(FULL, runs={**FULL.runs, "early": run("early", arms(a_star=0.36))})
    assert ledger_of(better, 3)["K3b"].verdict == "contradicted"
    assert ledger_of(better, 3)["K3a"].verdict == "supported"


def test_paired_draws_of_runs_with_the_same_facts_make_the_interval_narrow() -> None:
    same = replace(FULL, runs={**FULL.runs, "early": LATE})
    found = measured(same, "K3a", "effectivity late / early")
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))


def test_k4_takes_the_best_rival_and_asks_the_simulation_first() -> None:
    assert ledger_of(FULL)["K4"].effect == pytest.approx(-0.03)

    def rival_wins(row: dict[str, Any]) -> dict[str, Any]:
        return row | ({"value": 0.02} if row["name"] == "K4 log_linear-shifted_power once" else {})

    beaten = study({"late": changed(LATE, "contrasts", rival_wins)})
    assert ledger_of(beaten, 3)["K4"].verdict == "contradicted"
    blurred = with_metrics(LATE, identification={"once": {"all": 0.6}})
    found = ledger_of(study({"late": blurred}))["K4"]
    assert (found.verdict, found.gate_value) == ("not testable here", 0.6)


def test_k4s_control_is_its_gate_and_no_null_of_its_own() -> None:
    """Curves of other laws that look log-linear fail the gate; as a null they would count only where it fails."""

    def fooled(row: dict[str, Any]) -> dict[str, Any]:
        wrong = row["truth"] == "power" and row["chosen"] == "log_linear"
        return row | ({"share": 0.5} if wrong else {})

    blurred = with_metrics(changed(LATE, "identification", fooled), identification={"once": {"all": 0.5}})
    table = [replace(each, seed=seed) for seed in range(2) for each in measure(CLAIMS, study({"late": blurred}), ONLY)]
    found = make_ledger(CLAIMS, table)
    assert "K4" not in {case.claim for case in found.null_cases}
    rows = {row.row: row for row in found.rows if row.claim == "K4"}
    primary, beside = rows["log-linear against every rival"], rows["another law is true"]
    assert primary.verdict == "not testable here"
    assert primary.null_result.startswith("no null; its gate is the control: curves simulated by four laws")
    assert (beside.effect, beside.gate, beside.gate_value) == (0.5, primary.gate, 0.5)
    assert beside.verdict == "contradicted"


def test_k5_needs_faster_decay_and_less_retained_at_equal_occurrences() -> None:
    decay = measured(FULL, "K5", "a* at equal occurrences")
    assert decay.value == pytest.approx(0.03)
    kept = measured(FULL, "K5", "retained at equal occurrences")
    assert kept.value == pytest.approx(0.03 * math.log10(300))
    assert kept.low is not None and kept.high is not None and kept.low < kept.high
    assert measured(FULL, "K5", "gains more").value == pytest.approx(0.2)
    assert ledger_of(FULL)["K5"].effect == pytest.approx(0.03)
    same_text = study({"late": run("late", arms() | {"paraphrase": Arm(1.0, 0.3, encounters=4)})})
    assert measured(same_text, "K5", "a* at equal occurrences").value == pytest.approx(0.0)


def test_k5_prints_table_2_beside_ours() -> None:
    one = next(claim for claim in CLAIMS if claim.id == "K5")
    assert one.row("paper a duplicate memorization").paper_figure == ".26 / .25 / .20 early / mid / late (Table 2)"
    assert measured(FULL, "K5", "paper a duplicate memorization").value == pytest.approx(0.3)


def test_k8_reads_the_level_as_a_label() -> None:
    found = measured(FULL, "K8", "recall by exposure")
    assert found.value is not None and found.value > 0.5 and found.low is not None and found.low > 0.4
    levels = recall("base@592")
    shuffled = np.random.Generator(np.random.PCG64(3)).permutation(levels.correct)
    equal = replace(FULL, recalls={**FULL.recalls, "base@592": replace(levels, correct=shuffled)})
    null = measured(equal, "K8", "recall by exposure")
    assert null.low is not None and null.high is not None and null.low < 0 < null.high


def test_k8_is_gated_by_floor_and_ceiling() -> None:
    nothing = replace(recall("base@592"), correct=np.zeros(240))
    found = ledger_of(replace(FULL, recalls={**FULL.recalls, "base@592": nothing}))["K8"]
    assert found.verdict == "not testable here"


def test_k8_compares_deduplication_fact_by_fact() -> None:
    found = measured(FULL, "K8", "deduplication, probability")
    assert found.value == pytest.approx(0.1, abs=0.03)
    assert found.forecast is not None and found.naive is not None
    bits = measured(FULL, "K8", "deduplication, held-out text")
    assert bits.value == pytest.approx(-2 / 80)


def test_spearman_is_scipys() -> None:
    from scipy import stats

    generator = np.random.Generator(np.random.PCG64(4))
    level, outcome = generator.integers(0, 5, 60), generator.integers(0, 2, 60)
    assert spearman(level, outcome) == pytest.approx(stats.spearmanr(level, outcome)[0])
    assert np.isnan(spearman(level, np.ones(60)))


def test_runs_with_other_arms_are_not_compared() -> None:
    fewer = {name: arm for name, arm in arms().items() if name != "paraphrase"}
    mixed = replace(FULL, runs={**FULL.runs, "early": run("early", fewer)})
    found = measured(mixed, "K3a", "effectivity late / early")
    assert (found.value, found.gate) == (None, "runs early and late have different arms")
    with pytest.raises(NotMeasured, match="different arms"):
        mixed.series(["early", "late"])


def test_k3_shows_the_headroom_of_both_ends() -> None:
    full = {arm: {"all": -5.0} for arm in arms()}
    late = replace(FULL, runs={**FULL.runs, "late": with_metrics(LATE, log_probability_before=full)})
    assert measured(FULL, "K3a", "headroom late / early").value == pytest.approx(1.0)
    assert measured(late, "K3a", "headroom late / early").value == pytest.approx(5 / 6)
    assert measured(late, "K3c", "headroom large / small").value == pytest.approx(6 / 5)


def test_k3_takes_no_ratio_of_what_may_be_nothing() -> None:
    def weak(row: dict[str, Any]) -> dict[str, Any]:
        return row | ({"low": 0.0} if row["name"] == "K1 effectivity" else {})

    found = replace(FULL, runs={**FULL.runs, "early": changed(FULL.runs["early"], "contrasts", weak)})
    rows = {row.claim: row for row in make_ledger(CLAIMS, measure(CLAIMS, found, ONLY)).rows if row.primary}
    for claim in ("K3a", "K3b"):
        assert (rows[claim].verdict, rows[claim].gate_value) == ("not testable here", 0.0)


def test_figures_of_one_study_do_not_depend_on_the_order_of_calls() -> None:
    first = [one.value for one in measure(CLAIMS, FULL, ONLY)]
    second = [one.value for one in measure(CLAIMS[::-1], FULL, ONLY)]
    assert sorted(map(str, first)) == sorted(map(str, second))


def test_tables_for_figures_join_forecast_and_outcome() -> None:
    intervals = {(row["depth"], row["interval"]): row for row in sweep(FULL).to_pylist()}
    assert intervals["all", 10.0]["predicted"] == pytest.approx(accumulated_gain(0.6, 10, 3))
    tail = [row for row in long_tail(FULL).to_pylist() if row["model"] == "base@592, probability"]
    assert [row["exposures"] for row in tail] == [0, 1, 4, 16, 64]
    assert tail[0]["forecast"] == pytest.approx(tail[0]["value"] - 0.05)
    beside = forecasts(FULL).to_pylist()
    assert {row["quantity"] for row in beside} == {"gain", "probability"}
    assert all(abs(row["forecast"] - row["outcome"]) < 0.11 for row in beside)
    json.dumps(beside)
