"""The knowledge study in a config: its names, one seed for all, runs taken away, the twin, the forecast's ancestors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lineage.config.load import overlay, validate
from lineage.errors import UserError
from lineage.plan import ancestors, make_plan
from tests.config.building import EXPERIMENT

ARMS = {"once": {"facts": 2, "encounters": 1}, "never": {"facts": 2, "encounters": 0}}
RUN = {"start": "base@120", "tokens": "rest", "facts": "people", "steps": 60, "interval": 20, "arms": ARMS}
STUDY: dict[str, Any] = overlay(
    EXPERIMENT,
    {
        "corpora": {"main": {"continuation_share": 0.3}},
        "tokens": {"rest": {"corpus": "main", "tokenizer": "main", "part": "continuation"}},
        "facts": {"people": {"source": "world", "limit": 30}, "others": {"source": "world", "skip": 30}},
        "knowledge": {
            "runs": {"late": RUN, "calibration": RUN | {"facts": "others", "twin": None}},
            "compare": {"reference": "late", "long_tail": "base"},
            "forecast": {"calibration": "calibration"},
        },
    },
)


def mistake(changes: dict[str, Any]) -> str:
    with pytest.raises(UserError) as error:
        validate(overlay(STUDY, changes))
    return str(error.value)


def study(**changes: Any) -> dict[str, Any]:
    return {"knowledge": changes}


def of_run(**changes: Any) -> dict[str, Any]:
    return study(runs={"late": changes})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (of_run(start="bas"), "knowledge.runs.late.start is 'bas', which is no model. Did you mean 'base'?"),
        (of_run(start="base@7"), "knowledge.runs.late.start is 'base@7', a checkpoint that is not declared"),
        (of_run(tokens="res"), "knowledge.runs.late.tokens is 'res', which is no token stream. Did you mean 'rest'?"),
        (of_run(facts="peple"), "knowledge.runs.late.facts is 'peple', which is no set of facts."),
        (of_run(stepz=3), "knowledge.runs.late.stepz"),
        (of_run(steps=10), "steps is 10, but the window behind the last encounter may reach to step 20"),
        (of_run(placement={"groups": 21}), "placement.groups is 21, more than the 20 steps between two encounters"),
        (of_run(placement={"mode": "fixed_dose", "dose": 0.1}),
         "takes whole rows, one or more; set 0.125, the nearest, or change the batch"),
        (of_run(arms={"once": {"facts": 1}}), "knowledge.runs.late.arms.once.facts is 1: must be 2 or more"),
        (of_run(arms={"Twice": {"facts": 2, "encounters": 2}}), "knowledge.runs.late.arms.Twice is 'Twice': a name is"),
        (of_run(arms={"never": {"encounters": 1}}), "arms.never.encounters is 1, but 'never' is the placebo"),
        (of_run(arms={"control": {"facts": 2, "encounters": 0}}), "arms.control.encounters is 0: facts that are never"),
        (of_run(tokens="main"),
         "has not read. Name a stream of another part (`part: continuation`)\n  tokens: rest"),
        (study(runs={"late_twin": RUN}), "has the name of the twin of 'late': choose another"),
        (study(compare={"reference": "lat"}), "knowledge.compare is 'lat', which is no run. Did you mean 'late'?"),
        (study(compare={"stages": ["late"]}), "a comparison needs two runs"),
        (study(compare={"reference": "calibration"}), "which `compare` names too: calibrate on another run"),
        (study(forecast={"calibration": "none"}), "knowledge.forecast.calibration is 'none', which is no run."),
        (study(forecast={"once": "single"}),
         "without the arm 'single': give it the arms 'single' and 'never'\n  knowledge.runs.calibration.arms: once, "),
        (study(forecast={"once": "never"}), "knowledge.forecast.once is 'never', the placebo: name the arm"),
        (study(runs={"calibration": {"arms": {"never": None}}}), "a run without the arm 'never': give it the arms"),
        (study(runs={"calibration": {"arms": {"twice": {"facts": 2, "encounters": 2}}}}),
         "knowledge.runs.calibration.arms.twice.encounters is 2, but this run calibrates the forecast with facts"),
        ({"scores": None}, "knowledge.compare.long_tail is 'base', which is not scored"),
        ({"facts": {"people": {"source": "fictional_knowledge", "limit": None}}}, "facts.people: says nowhere what"),
        ({"models": {"base": None, "given": {"stage": "import", "path": "x"}}, "scores": None}
         | study(runs={"late": {"start": "given"}, "calibration": None}, forecast=None, compare={"long_tail": None}),
         "knowledge.runs.late.moments is 'kept', but 'given' is imported and has none: set `moments: new`"),
    ],
)  # fmt: skip
def test_every_mistake_is_told_with_its_place(changes: dict[str, Any], told: str) -> None:
    assert told in mistake(changes)


def test_facts_of_the_world_need_the_world() -> None:
    told = mistake(
        {"world": None, "documents": {"n": {"reader": "text", "path": "x"}}, "corpora": {"main": {"of": ["n"]}}}
    )
    assert "facts.people.source is 'world', but the experiment has no world" in told


def test_an_overlay_takes_a_run_away() -> None:
    left = validate(overlay(STUDY, study(runs={"calibration": None}, forecast=None)))
    assert left.knowledge is not None and list(left.knowledge.runs) == ["late"]


def test_an_overlay_takes_an_arm_away() -> None:
    left = validate(overlay(STUDY, of_run(arms={"once": None, "twice": {"facts": 2, "encounters": 2}})))
    assert left.knowledge is not None
    assert set(left.knowledge.runs["late"].arms) == {"never", "twice"}
    assert set(left.knowledge.runs["calibration"].arms) == {"once", "never"}
    assert "is null: must be a mapping" in mistake(of_run(optimization=None))


def test_a_run_may_read_what_only_other_models_were_trained_on() -> None:
    """The background must be new to the checkpoint that goes on, and to what that was trained from."""
    given = {"models": {"given": {"stage": "import", "path": "x"}}}
    late = {"late": {"start": "given", "moments": "new", "tokens": "main"}}
    assert validate(overlay(STUDY, given | study(runs=late)))
    tuned = {"stage": "pretrain", "tokens": "rest", "start": "base", "steps": 3}
    told = mistake({"models": {"tuned": tuned}} | of_run(start="tuned"))
    assert (
        "knowledge.runs.late.tokens is 'rest', the continuation part of 'world', which 'tuned' was trained on" in told
    )
    told = mistake({"models": {"tuned": tuned}} | of_run(start="tuned", tokens="main"))
    assert "knowledge.runs.late.tokens is 'main', the training part of 'world', which 'base' was trained on" in told


def test_one_seed_goes_into_world_training_and_deal_and_nowhere_else() -> None:
    """Every spec that differs between two seeds, by the keys that differ."""
    plans = [make_plan(validate(STUDY | {"seed": seed})) for seed in (3, 4)]
    differing: dict[str, set[str]] = {}
    for folder in plans[0]:
        mine, theirs = (json.loads(plan[folder].spec) for plan in plans)
        keys = {key for key in mine if mine[key] != theirs[key]}
        if keys:
            differing[folder] = keys
    trained = {"optimization"}
    assert differing == {
        "data/world": {"seed"},
        "data/facts/people": {"seed"},
        "data/facts/others": {"seed"},
        **{f"models/base@{step}": trained for step in (40, 120, 296)},
        "injections/late": trained | {"rotation"},
        "injections/calibration": trained | {"rotation"},
        "trajectories/late": trained,
        "trajectories/late_twin": trained,
        "trajectories/calibration": trained,
        "analysis/knowledge": {"seed"},
    }


def test_the_twin_differs_in_nothing_but_the_injection() -> None:
    plan = make_plan(validate(STUDY))
    run, twin = plan["trajectories/late"], plan["trajectories/late_twin"]
    assert run.inputs == twin.inputs
    mine, theirs = json.loads(run.spec), json.loads(twin.spec)
    assert {key for key in mine if mine[key] != theirs[key]} == {"injected"}
    assert "trajectories/calibration_twin" not in plan


def test_no_outcome_that_is_forecast_is_an_ancestor_of_the_forecast() -> None:
    """Rule 6 of the claims: it may know plans, exposures, the calibration run, but no run or score that it predicts."""
    plan = make_plan(validate(STUDY))
    seen = ancestors(plan, "forecasts/calibration")
    measured = [one for one in seen if one.startswith(("trajectories/", "acquisition/", "scores/", "analysis/"))]
    assert measured == ["trajectories/calibration", "acquisition/calibration"]
    assert plan["injections/late"].inputs["facts"] != plan["injections/calibration"].inputs["facts"]
    assert "forecasts/calibration" in plan["analysis/knowledge"].inputs["forecast"]


def test_forecast_and_predicted_run_must_not_share_facts() -> None:
    told = mistake(study(runs={"calibration": {"facts": "people"}}))
    assert "knowledge.runs.calibration.facts is 'people', of which 'late' injects facts too (from 'people')" in told


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ({"limit": 30}, {"skip": 30}, False),
        ({"limit": 30}, {"skip": 29}, True),
        ({"limit": 30}, {"skip": 29, "seed": 9, "paraphrases": 0}, True),
        ({"skip": 10, "limit": 5}, {"limit": 10}, False),
        ({"skip": 10, "limit": 5}, {"limit": 11}, True),
        ({}, {"source": "fictional_knowledge", "path": "x"}, False),
    ],
)
def test_facts_are_told_apart_by_what_they_are_and_not_by_their_name(
    first: dict[str, Any], second: dict[str, Any], shared: bool
) -> None:
    world = {"source": "world"}
    raw = STUDY | {"facts": {"people": world | first, "others": world | second}}
    if shared:
        with pytest.raises(UserError, match=r"facts is 'others', of which 'late' injects facts too \(from 'people'\)"):
            validate(raw)
    else:
        validate(raw)


@pytest.mark.parametrize(
    ("null", "trained"),
    [
        ("no_injection", {"trajectories/late", "trajectories/calibration"}),
        ("permuted_cues", set()),
        ("same_text", set()),
    ],
)
def test_a_null_world_changes_the_plans_of_all_runs_and_the_name_of_the_slice(null: str, trained: set[str]) -> None:
    plans = [make_plan(validate(overlay(STUDY, study(null=one)))) for one in ("none", null)]
    differing = {folder for folder in plans[0] if plans[0][folder].spec != plans[1][folder].spec}
    assert differing == {"injections/late", "injections/calibration", "analysis/knowledge"} | trained


@pytest.mark.parametrize("twin", ["original", "decoys"])
def test_without_injection_the_run_reads_decoys_and_its_twin_the_background(twin: str) -> None:
    """Were both left without, they would be the same, and their difference 0 whatever is measured."""
    plan = make_plan(validate(overlay(STUDY, study(runs={"late": {"twin": twin}}, null="no_injection"))))
    specs = {name: json.loads(plan[f"trajectories/{name}"].spec) for name in ("late", "late_twin", "calibration")}
    assert {name: spec["injected"] for name, spec in specs.items()} == {
        "late": "decoys",
        "late_twin": "nothing",
        "calibration": "decoys",
    }
    assert all(json.loads(plan[f"injections/{name}"].spec)["decoys"] for name in ("late", "calibration"))


def test_a_world_of_equal_exposures_names_its_slice() -> None:
    plan = make_plan(validate(overlay(STUDY, {"world": {"null": "equal_exposures"}})))
    assert json.loads(plan["analysis/knowledge"].spec)["null"] == "equal_exposures"
