"""Runs with injected facts: what is read, what is measured, the twin, plain pretraining, a kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from lineage.artifact import Artifact
from lineage.config.injection import Inject
from lineage.data.facts import FACT_SCHEMA, Fact, Probe
from lineage.data.order import TokenStream
from lineage.errors import StoppedEarly, UserError
from lineage.stages.inject import Background
from tests.stages.building import OPTIMIZATION, STEPS, corpus, run_stage, sentences, write
from tests.stages.conftest import Material

RUN_STEPS = 8
ARMS = {
    "duplicate": {"facts": 2, "encounters": 2},
    "once": {"facts": 2, "encounters": 1},
    "never": {"facts": 2, "encounters": 0},
}
NUM_FACTS = sum(arm["facts"] for arm in ARMS.values())
BATCHES = {"batch_tokens": 128, "sequence_length": 32, "schedule": "constant", "warmup_steps": 0}
INJECT = {"optimization": OPTIMIZATION | BATCHES, "steps": RUN_STEPS}


def fact(number: int) -> Fact:
    name = f"old lamp {['red', 'green', 'slow', 'near', 'hill', 'town', 'lake'][number]}"
    place = ["lake", "hill", "town", "boat", "boat", "lake", "hill"][number]
    probes = (
        Probe(f"f{number}.memorization.0", "memorization", f"the {name} sleeps over the", place),
        Probe(f"f{number}.semantic.0", "semantic", f"near the {name} a", place),
    )
    return Fact(f"f{number}", f"the {name} sleeps over the {place}.", (), probes)


def facts_artifact(folder: Path, facts: list[Fact]) -> Artifact:
    import pyarrow as pa

    rows = [one._asdict() | {"probes": [probe._asdict() for probe in one.probes]} for one in facts]
    return write(folder, "facts", {"facts": pa.Table.from_pylist(rows, schema=FACT_SCHEMA)})


@pytest.fixture(scope="module")
def plan(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("plan")
    return plan_of(folder, facts_artifact(folder / "facts", [fact(n) for n in range(NUM_FACTS)]), material)


def plan_of(folder: Path, facts: Artifact, material: Material, **changes: Any) -> Artifact:
    spec = {**INJECT, "arms": ARMS, "interval": 3, "placement": {"groups": 3}} | changes
    return run_stage("injections", folder / "run", spec, inputs={"facts": facts, "tokenizer": material.tokenizer})


def inject(folder: Path, material: Material, base: Artifact, plan: Artifact, **changes: Any) -> Artifact:
    inputs = {**material.inputs, "start": base, "injections": plan}
    execution = changes.pop("execution", {})
    return run_stage("inject", folder, INJECT | changes, inputs=inputs, **execution)


@pytest.fixture(scope="module")
def injected(material: Material, base: Artifact, plan: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return inject(tmp_path_factory.mktemp("run") / "run", material, base, plan)


def measured(artifact: Artifact) -> dict[tuple[int, int], float]:
    table = pq.read_table(artifact.path("steps.parquet")).to_pylist()
    return {(row["step"], row["probe"]): row["log_probability"] for row in table}


def losses(artifact: Artifact) -> list[float]:
    lines = artifact.path("training.jsonl").read_text().splitlines()
    return [row["loss"] for row in map(json.loads, lines) if "loss" in row]


def test_every_due_probe_is_measured_once(injected: Artifact, plan: Artifact) -> None:
    probed = {row["fact"]: row["probed_steps"] for row in pq.read_table(plan.path("facts.parquet")).to_pylist()}
    probes = pq.read_table(plan.path("probes.parquet")).to_pylist()
    due = {(step, row["probe"]) for row in probes for step in probed[row["fact"]]}
    assert set(measured(injected)) == due
    assert injected.manifest.counts["measurements"] == len(due)


def test_what_was_injected_is_what_was_planned(injected: Artifact, plan: Artifact) -> None:
    assert injected.manifest.counts["injected_rows"] == plan.manifest.counts["injected_rows"] == 6
    assert injected.manifest.counts["injected_tokens"] == plan.manifest.counts["injected_tokens"]


def test_the_texts_stand_at_the_heads_of_the_planned_rows_and_nowhere_else(material: Material, plan: Artifact) -> None:
    stream = TokenStream.open(material.tokens)
    plain = Background(stream, Inject.model_validate(INJECT | {"injected": "nothing"}), plan)
    changed = Background(stream, Inject.model_validate(INJECT), plan)
    texts = {(row["fact"], row["variant"]): row["ids"] for row in pq.read_table(plan.path("texts.parquet")).to_pylist()}
    rows = pq.read_table(plan.path("injections.parquet")).to_pylist()
    found = 0
    for step in range(RUN_STEPS):
        before, after = (one.batch(step).inputs["input_ids"].numpy() for one in (plain, changed))
        for row in range(len(before)):
            planned = [texts[one["fact"], one["variant"]] for one in rows if (one["step"], one["row"]) == (step, row)]
            text = planned[0] if planned else []
            assert after[row].tolist() == [*text, *before[row].tolist()][: len(before[row])]
            found += bool(planned)
    assert found == len(rows)


def test_the_twin_is_the_same_up_to_the_first_injection_and_differs_behind_it(
    injected: Artifact, material: Material, base: Artifact, plan: Artifact, tmp_path: Path
) -> None:
    twin = inject(tmp_path / "twin", material, base, plan, injected="nothing")
    mine, theirs = measured(injected), measured(twin)
    first = min(row["step"] for row in pq.read_table(plan.path("injections.parquet")).to_pylist())
    assert mine.keys() == theirs.keys()
    assert all(mine[key] == theirs[key] for key in mine if key[0] <= first)
    assert any(mine[key] != theirs[key] for key in mine if key[0] == first + 1)


def test_a_twin_with_decoys_reads_other_facts_in_the_same_rows(material: Material, tmp_path: Path) -> None:
    known = [fact(n) for n in range(NUM_FACTS + 1)]
    facts = facts_artifact(tmp_path / "facts", known)
    plan = plan_of(tmp_path, facts, material, decoys=True)
    stream = TokenStream.open(material.tokens)
    run, twin = (
        Background(stream, Inject.model_validate(INJECT | {"injected": kind}), plan) for kind in ("facts", "decoys")
    )
    assert run.planned.keys() == twin.planned.keys() and len(run.planned) > 0
    dealt = {row["fact"] for row in pq.read_table(plan.path("facts.parquet")).to_pylist()}
    assert len({one.id for one in known} - dealt) == 1
    for step, rows in run.planned.items():
        assert [row for row, _ in rows] == [row for row, _ in twin.planned[step]]
        assert all(mine != other for (_, mine), (_, other) in zip(rows, twin.planned[step], strict=True))
    everyone = facts_artifact(tmp_path / "everyone", known[:NUM_FACTS])
    with pytest.raises(UserError, match="none is left to take their place"):
        plan_of(tmp_path / "all", everyone, material, decoys=True)


def test_without_injection_the_run_reads_what_a_twin_with_decoys_reads(material: Material, tmp_path: Path) -> None:
    """And its own twin the background: nothing of a fact that is asked for is in either."""
    facts = facts_artifact(tmp_path / "facts", [fact(n) for n in range(NUM_FACTS + 1)])
    null, full = (plan_of(tmp_path / one, facts, material, decoys=True, null=one) for one in ("no_injection", "none"))
    assert null.path("injections.parquet").read_bytes() == full.path("injections.parquet").read_bytes()
    rows = pq.read_table(null.path("facts.parquet")).to_pylist()
    assert len(rows) == NUM_FACTS and all(row["encounters"] == 0 and row["schedule_steps"] for row in rows)
    assert not any(row["stated"] for row in pq.read_table(null.path("probes.parquet")).to_pylist())
    stream, decoys = TokenStream.open(material.tokens), Inject.model_validate(INJECT | {"injected": "decoys"})
    run, twin_of_full = (Background(stream, decoys, plan).planned for plan in (null, full))
    assert run == twin_of_full and len(run) > 0


def test_an_injected_text_is_learned_and_one_never_injected_is_not(
    material: Material, base: Artifact, tmp_path: Path
) -> None:
    """Memorized sentences of the arm gain against the twin over forty encounters; those of the others hardly."""
    steps = 160
    changes = {"optimization": INJECT["optimization"] | {"peak_learning_rate": 1e-2}, "steps": steps}
    arms = {"duplicate": {"facts": 2, "encounters": 40}, "never": {"facts": 2, "encounters": 0}}
    facts = facts_artifact(tmp_path / "facts", [fact(n) for n in range(4)])
    plan = plan_of(tmp_path, facts, material, arms=arms, **changes)
    run, twin = (
        measured(
            inject(
                tmp_path / str(on),
                material,
                base,
                plan,
                injected="facts" if on else "nothing",
                repeat_background=True,
                **changes,
            )
        )
        for on in (True, False)
    )
    rows = pq.read_table(plan.path("probes.parquet")).to_pylist()
    asked = {arm: [row["probe"] for row in rows if (row["arm"], row["depth"]) == (arm, "memorization")] for arm in arms}
    gains = {arm: np.mean([run[steps, one] - twin[steps, one] for one in asked[arm]]) for arm in arms}
    assert gains["duplicate"] > 0.3
    assert gains["never"] < gains["duplicate"] / 2


def test_without_injection_and_probing_it_is_plain_pretraining_bit_for_bit(
    material: Material, base: Artifact, plan: Artifact, tmp_path: Path
) -> None:
    """Both start from the weights of `base` with new moments and read the same stream."""
    changes = {"moments": "new", "injected": "nothing", "probed": False, "keep_model": True}
    ours = inject(tmp_path / "ours", material, base, plan, **changes)
    spec = {"optimization": INJECT["optimization"], "steps": RUN_STEPS, "first_step": 0, "last_step": RUN_STEPS}
    plain = run_stage("pretrain", tmp_path / "plain", spec, inputs={**material.inputs, "start": base})
    assert ours.path("model.safetensors").read_bytes() == plain.path("model.safetensors").read_bytes()
    assert losses(ours) == losses(plain)


def test_probing_leaves_no_trace_in_the_training(
    injected: Artifact, material: Material, base: Artifact, plan: Artifact, tmp_path: Path
) -> None:
    assert losses(inject(tmp_path / "unprobed", material, base, plan, probed=False)) == losses(injected)


def test_kept_moments_go_on_and_new_ones_start_at_zero(
    injected: Artifact, material: Material, base: Artifact, plan: Artifact, tmp_path: Path
) -> None:
    fresh = inject(tmp_path / "fresh", material, base, plan, moments="new")
    assert injected.manifest.counts["start_step"] == STEPS and fresh.manifest.counts["start_step"] == 0
    assert losses(fresh)[0] == losses(injected)[0]
    assert losses(fresh)[1:] != losses(injected)[1:]


def test_a_stopped_run_goes_on_to_the_same_bytes(
    injected: Artifact, material: Material, base: Artifact, plan: Artifact, tmp_path: Path
) -> None:
    with pytest.raises(StoppedEarly):
        inject(tmp_path / "run", material, base, plan, execution={"minutes": 1e-9})
    again = inject(tmp_path / "run", material, base, plan)
    assert json.loads((again.folder / "run.json").read_text())["training"]["resumed_at"] > STEPS
    assert measured(again) == measured(injected)
    assert losses(again) == losses(injected)


def test_a_model_without_moments_is_refused(material: Material, base: Artifact, plan: Artifact, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes(base.path(name).read_bytes())
    imported = run_stage("import_model", tmp_path / "imported", {}, source=folder)
    with pytest.raises(UserError, match=r"holds no state\.safetensors(.|\n)*moments: new"):
        inject(tmp_path / "run", material, imported, plan)


def test_a_background_that_would_repeat_is_refused_unless_allowed(
    material: Material, base: Artifact, tmp_path: Path
) -> None:
    texts = corpus(tmp_path / "corpus", sentences(3, seed=5), {})
    inputs = {"corpus": texts, "tokenizer": material.tokenizer}
    small = run_stage("tokens", tmp_path / "tokens", {}, inputs=inputs)
    short = Material(texts, material.tokenizer, small)
    facts = facts_artifact(tmp_path / "facts", [fact(n) for n in range(NUM_FACTS)])
    plan = plan_of(tmp_path, facts, material)
    with pytest.raises(UserError, match="it would repeat"):
        inject(tmp_path / "run", short, base, plan)
    made = inject(tmp_path / "run", short, base, plan, repeat_background=True)
    assert made.manifest.counts["background_epochs"] > 1


def test_weights_change_only_through_updates(injected: Artifact) -> None:
    assert not any(name.endswith(".safetensors") for name in injected.manifest.files)


def test_a_probe_that_cannot_be_cut_from_its_cue_is_named(material: Material, tmp_path: Path) -> None:
    broken = fact(0)._replace(probes=(Probe("f0.semantic.0", "semantic", "the lake", "  "),))
    facts = facts_artifact(tmp_path / "facts", [broken, *(fact(n) for n in range(1, NUM_FACTS))])
    with pytest.raises(UserError, match=r"probe f0\.semantic\.0: its target is empty"):
        plan_of(tmp_path, facts, material)


def test_permuted_cues_deal_the_depths_of_a_fact_anew(material: Material, tmp_path: Path, plan: Artifact) -> None:
    facts = facts_artifact(tmp_path / "facts", [fact(n) for n in range(NUM_FACTS)])
    null = plan_of(tmp_path, facts, material, null="permuted_cues")
    depths = [
        {row["id"]: row["depth"] for row in pq.read_table(one.path("probes.parquet")).to_pylist()}
        for one in (plan, null)
    ]
    assert depths[0] != depths[1]
    assert sorted(depths[0].values()) == sorted(depths[1].values())


def test_a_text_states_a_target_as_whole_words(material: Material, tmp_path: Path) -> None:
    """Not as a part of another word, whose end may be a mark of its own; wide scripts put no space between words."""
    cases = [
        ("a boathouse near.", "boat", False),
        ("the steamboat.", "boat", False),
        ("a boathouse, a Boat.", "boat.", True),
        ("the boat-house.", "boat", True),
        ("a suq\u0301.", "suq", False),
        ("the cafe\u0301.", "caf\u00e9", True),
        ("the 120.", "12", False),
        ("\u4ed6\u4f4f\u5728\u5317\u4eac\u5e02", "\u5317\u4eac", True),
    ]
    facts = [
        Fact(f"f{number}", text, (), (Probe(f"f{number}.semantic.0", "semantic", "near the", target),))
        for number, (text, target, _) in enumerate(cases)
    ]
    arms = {"once": {"facts": len(cases), "encounters": 1}}
    plan = plan_of(tmp_path, facts_artifact(tmp_path / "facts", facts), material, arms=arms)
    stated = {row["fact"]: row["stated"] for row in pq.read_table(plan.path("probes.parquet")).to_pylist()}
    assert stated == {f"f{number}": [expected] for number, (_, _, expected) in enumerate(cases)}
