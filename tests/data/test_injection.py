"""What is injected when: by hand on small schedules, and properties of any schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lineage.config.injection import Injections
from lineage.data.facts import Fact, Probe
from lineage.data.injection import InjectionPlan, deal, deal_groups, inject_rows, plan_injections, tokens_of_step
from lineage.data.order import Order, TokenStream
from lineage.errors import UserError

ARMS = {
    "paraphrase": {"facts": 2, "texts": "paraphrases", "encounters": 3},
    "duplicate": {"facts": 2, "encounters": 3},
    "once": {"facts": 2, "encounters": 1},
    "never": {"facts": 2, "encounters": 0},
}


def facts(count: int, *, paraphrases: int = 9) -> list[Fact]:
    probe = (Probe("p", "semantic", "cue", "target"),)
    return [Fact(f"f{n:02d}", f"text {n}", tuple(f"{n} {k}" for k in range(paraphrases)), probe) for n in range(count)]


def schedule(**changes: Any) -> Injections:
    spec = {
        "arms": ARMS,
        "interval": 10,
        "steps": 60,
        "placement": {"groups": 4},
        "optimization": {"batch_tokens": 64, "sequence_length": 16},
    }
    return Injections.model_validate(spec | changes)


def texts(known: list[Fact], length: int = 5) -> dict[tuple[str, int], list[int]]:
    return {(one.id, k): [100 + k] * length for one in known for k in range(1 + len(one.paraphrases))}


def plan(known: list[Fact] | None = None, **changes: Any) -> InjectionPlan:
    known = known or facts(10)
    return plan_injections(known, schedule(**changes), texts(known))


def test_every_fact_is_met_as_often_as_its_arm_says_at_its_interval() -> None:
    for one in plan().facts:
        assert len(one.encounter_steps) == ARMS[one.arm]["encounters"]
        assert one.schedule_steps == [one.offset, one.offset + 10, one.offset + 20]
        assert one.encounter_steps == one.schedule_steps[: len(one.encounter_steps)]


def test_each_encounter_is_one_row_and_paraphrases_come_in_turn() -> None:
    made = plan()
    met = {(one.fact, one.encounter): one for one in made.injections}
    assert len(met) == len(made.injections) == 2 * 3 + 2 * 3 + 2
    for one in made.facts:
        for encounter, step in enumerate(one.encounter_steps):
            injection = met[one.fact, encounter]
            assert injection.step == step
            assert injection.variant == (encounter if one.arm == "paraphrase" else 0)


def test_rows_of_a_step_are_counted_from_the_first() -> None:
    rows: dict[int, list[int]] = {}
    for one in plan().injections:
        rows.setdefault(one.step, []).append(one.row)
    assert all(found == list(range(len(found))) for found in rows.values())


def test_a_fact_is_probed_before_each_encounter_and_at_every_step_of_its_window() -> None:
    config = schedule(optimization={"batch_tokens": 64, "sequence_length": 16, "betas": [0.5, 0.9]})
    assert config.window_steps == 8
    known = facts(10)
    for one in plan_injections(known, config, texts(known)).facts:
        begins = one.encounter_steps or one.schedule_steps
        wanted = {step for begin in begins for step in range(begin, begin + 9)}
        assert wanted | {0, 60} <= set(one.probed_steps)
        assert one.probed_steps == sorted(set(one.probed_steps))


def test_facts_never_injected_are_probed_whenever_any_fact_is() -> None:
    made = plan()
    union = sorted({step for one in made.facts for step in one.probed_steps})
    assert all(one.probed_steps == union for one in made.facts if one.arm == "never")


@pytest.mark.parametrize(("beta", "window"), [(0.9, 50), (0.0, 1), (0.95, 103)])
def test_the_window_ends_when_the_first_moment_has_paid_out(beta: float, window: int) -> None:
    """0.9^50 = 0.0052 (arXiv 2406.11813, section 4.1); without momentum one step."""
    optimization = {"batch_tokens": 64, "sequence_length": 16, "betas": [beta, 0.95]}
    assert schedule(optimization=optimization).window_steps == window


def test_rotation_deals_every_fact_to_every_arm_in_turn() -> None:
    known = facts(8)
    arms_of: dict[str, set[str]] = {}
    for rotation in range(4):
        for arm, members in deal(known, schedule(rotation=rotation)).items():
            for one in members:
                arms_of.setdefault(one.id, set()).add(arm)
    assert all(arms == set(ARMS) for arms in arms_of.values())


def test_paraphrase_and_duplicate_arms_swap_the_facts_that_have_paraphrases() -> None:
    """Section 5.11 of the study: even seeds 0-1 and 2-3, odd seeds the other way round; the rest rotates by itself."""
    known = [*facts(4), *(one._replace(id=f"g{n}", paraphrases=()) for n, one in enumerate(facts(4)))]
    even, odd = (deal(known, schedule(rotation=rotation)) for rotation in (0, 1))
    assert [one.id for one in even["paraphrase"]] == [one.id for one in odd["duplicate"]] == ["f00", "f01"]
    assert [one.id for one in even["duplicate"]] == [one.id for one in odd["paraphrase"]] == ["f02", "f03"]
    assert [one.id for one in even["once"]] == [one.id for one in odd["never"]] == ["g0", "g1"]


def test_groups_hold_as_many_injected_facts_as_each_other_and_some_of_every_arm() -> None:
    config = schedule(arms={name: {**arm, "facts": 8} for name, arm in ARMS.items()})
    arms = deal(facts(32), config)
    groups = deal_groups(arms, config, 4)
    for members in arms.values():
        assert np.bincount([groups[one.id] for one in members], minlength=4).tolist() == [2, 2, 2, 2]


def test_a_growing_batch_with_fixed_share_holds_more_facts_at_a_step_and_injects_the_same_share() -> None:
    """Twelve texts of 5 tokens: a fifth of 64, 128, 256 tokens holds 2, 5, 10 of them."""
    arms = {name: {**arm, "facts": 4} for name, arm in list(ARMS.items())[:3]}
    for batch_tokens, groups, held in [(64, 6, 2), (128, 3, 4), (256, 2, 6)]:
        made = plan(facts(12), arms=arms, **fixed_share(0.2, batch_tokens))
        assert len({one.offset for one in made.facts}) == groups, batch_tokens
        assert max(tokens_of_step(made.injections).values()) == held * 5


def fixed_share(share: float, batch_tokens: int) -> dict[str, Any]:
    return {
        "placement": {"mode": "fixed_share", "token_share": share},
        "optimization": {"batch_tokens": batch_tokens, "sequence_length": 16},
    }


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_step_injects_more_than_the_fixed_share(data: st.DataObject) -> None:
    """Whatever the lengths of the texts: counting facts alone, a step of long ones went beyond it."""
    known = facts(12)
    lengths = data.draw(st.lists(st.integers(1, 16), min_size=120, max_size=120))
    drawn = {key: [7] * length for key, length in zip(texts(known), lengths, strict=True)}
    arms = {name: {**arm, "facts": 4} for name, arm in list(ARMS.items())[:3]}
    share = data.draw(st.floats(0.3, 1))
    try:
        made = plan_injections(known, schedule(arms=arms, **fixed_share(share, 64)), drawn)
    except UserError as error:
        assert "placement.token_share is" in str(error) or "would inject" in str(error)
    else:
        assert max(tokens_of_step(made.injections).values()) <= share * 64


def test_a_share_that_no_number_of_groups_keeps_to_is_refused_with_the_least_that_can_be() -> None:
    """Twelve facts in ten groups, one a step: two in some, so a step injects 10 tokens of 64, .15625."""
    arms = {name: {**arm, "facts": 4} for name, arm in list(ARMS.items())[:3]}
    with pytest.raises(UserError, match=r"placement\.token_share is 0\.15 of a batch of 64 tokens.*10 tokens.*0\.157"):
        plan(facts(12), arms=arms, **fixed_share(0.15, 64))
    plan(facts(12), arms=arms, **fixed_share(0.157, 64))


def test_a_growing_batch_with_fixed_dose_holds_more_copies_of_each_text() -> None:
    for rows, copies in [(8, 1), (16, 2), (32, 4)]:  # of the same dose
        optimization = {"batch_tokens": rows * 16, "sequence_length": 16}
        made = plan(placement={"mode": "fixed_dose", "dose": 0.125, "groups": 4}, optimization=optimization)
        counted: dict[tuple[str, int], int] = {}
        for one in made.injections:
            counted[one.fact, one.encounter] = counted.get((one.fact, one.encounter), 0) + 1
        assert set(counted.values()) == {copies}


@pytest.mark.parametrize(("dose", "rows", "nearest"), [(0.125, 4, "0.25"), (0.1, 16, "0.125"), (0.4, 4, "0.5")])
def test_a_dose_that_is_no_whole_number_of_rows_is_refused(dose: float, rows: int, nearest: str) -> None:
    """It used to be rounded, at least to one row: the smallest of three batches got twice the dose of the others."""
    told = rf"placement\.dose is {dose}, which makes {dose * rows:g} of the {rows} rows.*set {nearest}, the nearest"
    optimization = {"batch_tokens": rows * 16, "sequence_length": 16}
    with pytest.raises(ValidationError, match=told):
        schedule(placement={"mode": "fixed_dose", "dose": dose, "groups": 4}, optimization=optimization)
    schedule(placement={"mode": "fixed_dose", "dose": float(nearest), "groups": 4}, optimization=optimization)
    schedule(placement={"mode": "fixed_rows", "dose": dose, "groups": 4}, optimization=optimization)  # unused there


def test_a_third_of_three_rows_may_be_written_with_six_digits() -> None:
    placement, optimization = {"mode": "fixed_dose", "dose": 0.333333}, {"batch_tokens": 48, "sequence_length": 16}
    assert schedule(placement=placement, optimization=optimization).rows_per_encounter == 1


def test_arms_with_other_intervals_can_meet_their_last_text_at_the_same_step() -> None:
    arms = {f"every_{i}": {"facts": 2, "encounters": 3, "interval": i} for i in (2, 5, 10)}
    optimization = {"batch_tokens": 128, "sequence_length": 16}
    made = plan(arms=arms, align="last", placement={"groups": 1}, optimization=optimization)
    assert {one.encounter_steps[-1] for one in made.facts} == {20}
    assert {one.arm: one.encounter_steps for one in made.facts}["every_5"] == [10, 15, 20]


@pytest.mark.parametrize("mode", ["fixed_rows", "fixed_share"])
def test_without_injection_decoys_stand_in_all_rows_of_the_full_world(mode: str) -> None:
    """Steps, rows and probing are those of the full world, so that only what a fact's own text adds is taken away."""
    placement = {"mode": mode, "groups": 4, "token_share": 0.2}
    null, usual = (plan(null=one, decoys=True, placement=placement) for one in ("no_injection", "none"))
    assert null.injections == usual.injections and len(null.injections) > 0
    assert null.texts.keys() == null.decoys.keys() == {(one.fact, one.variant) for one in null.injections}
    for one, full in zip(null.facts, usual.facts, strict=True):
        assert (one.fact, one.arm, one.offset, one.probed_steps) == (
            full.fact,
            full.arm,
            full.offset,
            full.probed_steps,
        )
        assert one.encounter_steps == []
        assert one.schedule_steps == (full.encounter_steps or full.schedule_steps)


def test_without_injection_decoys_must_be_planned() -> None:
    with pytest.raises(ValidationError, match=r"null is 'no_injection', which puts decoys.*set `decoys: true`"):
        schedule(null="no_injection")
    with pytest.raises(UserError, match=r"the null world no_injection.*all 8 facts.*none is left"):
        plan(facts(8), null="no_injection", decoys=True)


def test_with_the_same_text_the_paraphrase_arm_gets_the_passage() -> None:
    assert {one.variant for one in plan(null="same_text").injections} == {0}


def test_a_text_longer_than_a_row_is_named_with_its_length() -> None:
    known = facts(10)
    long = texts(known) | {("f02", 0): [1] * 17}
    with pytest.raises(UserError, match=r"sequence_length, 16 tokens.*f02 \(passage\): 17"):
        plan_injections(known, schedule(), long)
    plan_injections(known, schedule(), texts(known) | {("f09", 3): [1] * 17})  # is not injected


def test_more_rows_than_the_batch_holds_are_refused() -> None:
    with pytest.raises(UserError, match=r"step 0 would inject 6 texts in 6 rows.*the batch holds 4"):
        plan(placement={"groups": 1})


def test_too_few_facts_or_paraphrases_are_refused() -> None:
    with pytest.raises(UserError, match=r"arms\.never\.facts is 2, but only 0 facts are left of 6"):
        plan(facts(6))
    with pytest.raises(UserError, match=r"arms\.paraphrase\.facts is 2, but only 0 facts with 2 paraphrases"):
        plan(facts(10, paraphrases=1))


def test_more_groups_than_steps_of_the_interval_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"placement\.groups is 11, more than the 10 steps"):
        schedule(placement={"groups": 11})
    schedule(placement={"mode": "fixed_share", "groups": 11})  # unused there


@pytest.mark.parametrize("changes", [
    {},
    {"placement": {"groups": 1}, "optimization": {"batch_tokens": 128, "sequence_length": 16}},
    {"burn_in_steps": 7},
    {"optimization": {"batch_tokens": 64, "sequence_length": 16, "betas": [0.5, 0.9]}},
    {"align": "last", "arms": {f"every_{i}": {"facts": 2, "encounters": 3, "interval": i} for i in (2, 5, 10)}},
    {"align": "last", "arms": {"often": {"facts": 2, "encounters": 2, "interval": 2},
                               "long": {"facts": 2, "encounters": 2, "interval": 20}}},
])  # fmt: skip
def test_the_shortest_run_is_the_one_whose_last_window_ends_with_it(changes: dict[str, Any]) -> None:
    """One step fewer is refused, and with that length every window of every fact is probed to its end."""
    known = facts(10)
    shortest = next(steps for steps in range(1, 200) if fits(steps=steps, **changes))
    config = schedule(steps=shortest, **changes)
    made = plan_injections(known, config, texts(known))
    ends = [step + config.arm_window(config.arms[one.arm]) for one in made.facts for step in one.schedule_steps]
    assert max(ends) == shortest
    assert not fits(steps=shortest - 1, **changes)


def fits(**changes: Any) -> bool:
    try:
        schedule(**changes)
    except ValidationError as error:
        assert "but the window behind the last encounter may reach to step" in str(error)
        return False
    return True


@pytest.mark.parametrize(
    ("arms", "told"),
    [
        ({"never": {"facts": 2, "encounters": 1}}, "arms.never.encounters is 1, but 'never' is the placebo"),
        ({"control": {"facts": 2, "encounters": 0}}, "arms.control.encounters is 0: facts that are never injected are"),
        ({"once": {"facts": 1, "encounters": 1}}, "greater than or equal to 2"),
        ({"Once more": {"facts": 2, "encounters": 1}}, "pattern"),
    ],
)
def test_arms_that_the_claims_could_not_tell_apart_are_refused(arms: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        schedule(arms=arms)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_an_injected_text_stands_at_exactly_its_steps_and_all_other_rows_are_untouched(data: st.DataObject) -> None:
    """Row j becomes text + original row, cut to its length; every other row and step is byte for byte what it was."""
    drawn = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    stream = TokenStream(drawn.integers(1, 50, 600), np.array([0, 7, 40, 333, 600]))
    order = Order(stream, sequence_length=16, batch_rows=4, seed=0)
    rows = data.draw(st.lists(st.integers(0, 3), unique=True))
    planned = [(row, [1000 + row] * data.draw(st.integers(1, 16))) for row in rows]
    before, after = order.rows(2), order.rows(2)
    inject_rows(after.tokens, after.occurrence, planned)
    assert after.tokens.shape == before.tokens.shape
    for row in range(4):
        text = dict(planned).get(row, [])
        assert after.tokens[row].tolist() == [*text, *before.tokens[row].tolist()][:17]
        own = after.occurrence[row, : len(text)]
        assert len(set(own.tolist())) <= 1 and not set(own.tolist()) & set(before.occurrence.ravel().tolist())
        assert after.occurrence[row, len(text) :].tolist() == before.occurrence[row, : 17 - len(text)].tolist()
