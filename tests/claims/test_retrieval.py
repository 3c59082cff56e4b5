"""Rows of the retrieval claims, measured on retrievers whose figures are known by construction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lineage.claims.ledger import LedgerRow, make_ledger
from lineage.claims.retrieval import CLAIMS
from lineage.claims.retrieval.choice import HEADROOM, arms, chosen
from lineage.claims.retrieval.study import Queries, Study
from lineage.claims.retrieval.tables import metrics
from lineage.claims.slices import Slice, Statistic, measure
from tests.claims.retrieval_building import DIGEST, ROLES, Made, study

ONLY = Slice("full", 0, "generated", "study", DIGEST)
R_CLAIMS = [claim for claim in CLAIMS if claim.id.startswith("R")]


@pytest.fixture(scope="module")
def full() -> Study:
    return study()


def measured(one: Study, claim: str, row: str) -> Statistic:
    found = measure([next(each for each in CLAIMS if each.id == claim)], one, ONLY)
    return next(each for each in found if each.row == row)


def ledger_of(one: Study, num_seeds: int = 3) -> dict[str, LedgerRow]:
    """Primary rows by claim; every seed measured the same."""
    first = measure(R_CLAIMS, one, ONLY)
    table = [replace(each, seed=seed) for seed in range(num_seeds) for each in first]
    return {row.claim: row for row in make_ledger(R_CLAIMS, table).rows if row.primary}


def test_ids_are_those_of_the_ledger() -> None:
    assert [claim.id for claim in CLAIMS] == ["R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "X3"]


def test_what_was_built_in_is_found(full: Study) -> None:
    found = {claim: row.verdict for claim, row in ledger_of(full).items()}
    assert found == dict.fromkeys(("R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8"), "supported")


WORSE: dict[str, dict[str, Any]] = {
    "R1": {"made": {"ordinary": Made(0.9, 0.5)}},
    "R2": {"made": {"dense": Made(0.9, 0.5), "bm25": Made(0.95, 0.6)}},
    "R3": {"made": {"one": Made(0.9, 0.5)}},
    "R4": {"made": {"renewed": Made(0.4, 0.1)}},
    "R5": {"made": {"ordinary": Made(0.5, 0.8)}},
    "R6": {"made": {"paper": Made(0.9, 0.5)}},
    "R7": {"made": {"table": Made(0.9, 0.5)}},
    "R8": {"recall": {"table": (0.6, 1.0), "bi_encoder": (0.58, 0.9), "generative": (0.3, 1.0)}},
}


@pytest.mark.parametrize("claim", WORSE)
def test_an_altered_table_flips_the_verdict(claim: str) -> None:
    assert ledger_of(study(**WORSE[claim]))[claim].verdict == "contradicted"


def test_r1_is_the_difference_of_hits_on_all_test_queries(full: Study) -> None:
    found = measured(full, "R1", "contextual against ordinary")
    assert found.value == pytest.approx((0.8 + 0.4) / 2 - (0.5 + 0.1) / 2)
    assert found.items == 400 and found.low is not None and found.low > 0
    assert found.gate_value == pytest.approx(0.6)
    assert measured(full, "R1", "seen documents").value == pytest.approx(0.3)
    assert measured(full, "R1", "without text").value == pytest.approx(0.15)


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_at_floor_and_ceiling_nothing_is_told(share: float) -> None:
    poor = study({"contextual": Made(share, share), "ordinary": Made(share / 2, share / 2)})
    row = ledger_of(poor)["R1"]
    assert row.verdict == "not testable here"
    assert row.gate == HEADROOM.text and row.gate_value == pytest.approx(share, abs=0.006)


def test_unequal_training_is_not_testable_and_shows_the_ratio() -> None:
    shorter = study(trained={"ordinary": {"steps": 400}})
    row = ledger_of(shorter)["R1"]
    assert row.verdict == "not testable here" and row.gate_value == pytest.approx(0.8)
    assert (
        row.gate == "`contextual` and `ordinary` differ in their steps of training, pre-stages included (fewest / most)"
    )
    smaller = study(trained={"dense": {"pairs": 16000}})
    assert measured(smaller, "R2", "against the bi-encoder").gate_value == pytest.approx(0.5)
    assert ledger_of(smaller)["R2"].verdict == "not testable here"


def test_other_text_or_another_decoding_is_not_testable() -> None:
    unread = study(trained={"ordinary": {"text": "titles"}})
    assert measured(unread, "R1", "contextual against ordinary").gate == (
        "`contextual` and `ordinary` differ in the text that they read"
    )
    decoded = study(trained={"ordinary": {"decoding": '{"mode":"max"}'}})
    assert measured(decoded, "R1", "contextual against ordinary").gate == (
        "`contextual` and `ordinary` differ in how they decode"
    )


def test_a_missing_arm_is_named() -> None:
    bare = study(roles={"contextual": ["contextual"]})
    assert {row.verdict for claim, row in ledger_of(bare).items() if claim != "R8"} == {"not testable here"}
    assert measured(bare, "R1", "contextual against ordinary").gate == (
        "no retriever plays the part `ordinary` on the set `world`"
    )


EARLY = {"early": Made(0.9, 0.5, validation=0.3), "late": Made(0.7, 0.3, validation=0.6)}


def test_trials_are_chosen_on_validation_queries() -> None:
    two = study(EARLY, roles={**ROLES, "contextual": ["early", "late"], "ordinary": ["plain", "ordinary"]})
    assert chosen(two, "contextual", set="world") == "late"
    found = arms(two, ["contextual", "ordinary"], of=Queries("world", documents="seen"))
    assert found["contextual"].value == pytest.approx(0.7)
    level = {**EARLY, "early": Made(0.9, 0.5, validation=0.6)}
    assert chosen(study(level, roles={**ROLES, "contextual": ["early", "late"]}), "contextual", set="world") == "early"


def test_an_arm_with_more_trials_is_compared_as_if_it_had_as_many() -> None:
    two = study(EARLY, roles={**ROLES, "contextual": ["early", "late"]})
    found = arms(two, ["contextual", "ordinary"], of=Queries("world", documents="seen"))
    assert found["contextual"].value == pytest.approx((0.9 + 0.7) / 2)


def test_an_arm_that_is_not_trained_takes_no_trial_from_its_rival() -> None:
    two = study(EARLY, roles={**ROLES, "contextual": ["early", "late"]})
    found = arms(two, ["contextual", "bm25"], of=Queries("world", documents="seen"))
    assert found["contextual"].value == pytest.approx(0.7)


def test_failed_optimisation_is_no_bottleneck() -> None:
    poor = study(recall={"table": (0.6, 0.7), "bi_encoder": (0.4, 0.5), "generative": (0.95, 1.0)})
    row = measured(poor, "R8", "generation against the bi-encoder")
    assert row.value is None and row.gate_value == pytest.approx(0.7)


def test_gaps_of_arms_that_read_other_text_are_not_compared() -> None:
    other = study(trained={"ordinary": {"text": "titles"}})
    assert measured(other, "R5", "smaller gap").value is None


def test_what_was_spent_on_an_arm_is_what_its_longest_trial_took() -> None:
    roles = {**ROLES, "contextual": ["early", "late"]}
    kept = study(EARLY, roles=roles, trained={"early": {"steps": 300, "pairs": 19200}})
    assert measured(kept, "R1", "contextual against ordinary").value is not None


def test_r2_ranks_over_sets_and_leaves_out_those_at_their_ceiling(full: Study) -> None:
    assert measured(full, "R2", "rank").value == pytest.approx(1.0)
    other = {"contextual_x": Made(0.3, 0.3), "dense_x": Made(0.5, 0.5), "bm25_x": Made(0.3, 0.3)}
    assert measured(study(sets={"x": other}), "R2", "rank").value == pytest.approx((1.0 + 2.5) / 2)
    full_marks = {**other, "bm25_x": Made(0.99, 0.99)}
    assert measured(study(sets={"x": full_marks}), "R2", "rank").value == pytest.approx(1.0)


def test_r3_is_a_slope_over_doublings_of_rows() -> None:
    made = {"one": Made(0.2, 0.2), "three": Made(0.2 + 0.1 * 1.5849625, 0.2 + 0.1 * 1.5849625)}
    made["contextual"] = Made(0.2 + 0.1 * 2.3219281, 0.2 + 0.1 * 2.3219281)
    assert measured(study(made), "R3", "trend").value == pytest.approx(0.1, abs=0.005)


def test_r5_asks_for_what_is_found_of_unseen_documents() -> None:
    blind = study({"contextual": Made(0.8, 0.01), "ordinary": Made(0.5, 0.0)})
    row = ledger_of(blind)["R5"]
    assert row.verdict == "not testable here" and row.gate_value == pytest.approx(0.01)
    gap = measured(blind, "R5", "gap of contextual")
    assert gap.value == pytest.approx(0.79) and gap.gate_value == pytest.approx(0.8)
    assert measured(study(), "R5", "frozen rows").value == pytest.approx((0.8 - 0.4) - (0.6 - 0.5))


def test_r6_compares_searches_with_the_same_checkpoint() -> None:
    made = {**EARLY, "paper_early": Made(0.1, 0.1), "paper_late": Made(0.5, 0.1)}
    roles = {**ROLES, "contextual": ["early", "late"], "paper_decoding": ["paper_early", "paper_late"]}
    assert measured(study(made, roles=roles), "R6", "sum against paper").value == pytest.approx(0.5 - 0.3)
    fewer = study(made, roles={**roles, "paper_decoding": ["paper_late"]})
    assert (
        measured(fewer, "R6", "sum against paper").gate
        == "`paper_decoding` has not one search for each of `contextual`"
    )


def test_r6_has_a_null_in_which_there_is_nothing_to_sum(full: Study) -> None:
    assert measured(full, "R6", "one row a token").value == pytest.approx(0.0)
    assert ledger_of(full)["R6"].null_result.endswith("0 of 3 seeds falsely supported")


def test_r8_needs_a_width_at_which_free_vectors_fail() -> None:
    wide = {"table": (1.0, 1.0), "bi_encoder": (0.4, 0.9), "generative": (0.95, 1.0)}
    row = ledger_of(study(recall=wide))["R8"]
    assert row.verdict == "not testable here" and row.gate_value == pytest.approx(1.0)
    assert measured(study(), "R8", "generation against the bi-encoder").value == pytest.approx(0.55)
    assert measured(study(), "R8", "width of bi_encoder").value == pytest.approx(0.5)


def test_the_table_of_retrievers_says_which_trial_was_chosen() -> None:
    two = study(EARLY, roles={**ROLES, "contextual": ["early", "late"]})
    rows = metrics(two).to_pylist()
    seen = next(row for row in rows if row["retriever"] == "late" and row["metric"] == "Hits@1, seen")
    assert seen["value"] == pytest.approx(0.7) and seen["low"] < 0.7 < seen["high"] and seen["queries"] == 200
    assert {row["retriever"] for row in rows if row["arm"] == "contextual" and row["chosen"]} == {"late"}
