"""Every preset makes a plan; the one at the paper's scale is dry-run on folders of the right names."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from lineage.claims.knowledge import k6
from lineage.config.experiment import Experiment, RunEntry
from lineage.config.injection import Injections
from lineage.config.load import load_experiment
from lineage.config.retrieval_study import RetrievalRoles, RetrievalStudy
from lineage.data.facts import Fact
from lineage.data.injection import InjectionPlan, PlannedFact, plan_injections
from lineage.plan import make_plan
from tests.workflow.conftest import REPOSITORY, copy_workflow, run_snakemake

FICTIONAL_FACTS, FICTIONAL_PARAPHRASED = 130, 40
WITHOUT_WORLD = REPOSITORY / "workflow" / "presets" / "without_world.yaml"
"""What is put under an overlay of one's own; no experiment by itself."""
PRESETS = sorted(path for path in WITHOUT_WORLD.parent.glob("*.yaml") if path != WITHOUT_WORLD)


@pytest.mark.parametrize("preset", PRESETS, ids=[path.stem for path in PRESETS])
def test_a_preset_makes_a_plan_of_its_own(preset: Path) -> None:
    experiment = load_experiment([REPOSITORY / "config.yaml", preset])
    assert experiment.experiment not in {"default"}
    assert make_plan(experiment)


def test_the_example_of_the_readme_builds_on_text_of_ones_own(tmp_path: Path) -> None:
    readme = (REPOSITORY / "README.md").read_text()
    example = readme.partition("```yaml\n# mine.yaml\n")[2].partition("```")[0]
    mine = tmp_path / "mine.yaml"
    mine.write_text(example)
    experiment = load_experiment([REPOSITORY / "config.yaml", WITHOUT_WORLD, mine])
    assert experiment.experiment == "mine"
    assert list(experiment.models) == ["base"]
    assert {"models/base@500", "models/base@2000"} <= set(make_plan(experiment))


@pytest.mark.parametrize("files", [[], *([preset] for preset in PRESETS)], ids=["default", *(p.stem for p in PRESETS)])
def test_every_run_can_be_planned(files: list[Path]) -> None:
    """Facts for all arms and decoys, and rows for all encounters, whatever the seed deals to whom."""
    experiment = load_experiment([REPOSITORY / "config.yaml", *files])
    for run in experiment.knowledge.runs.values() if experiment.knowledge else []:
        for rotation in (0, 1):
            assert planned(experiment, run, rotation).injections


def planned(experiment: Experiment, run: RunEntry, rotation: int = 0) -> InjectionPlan:
    """The plan of a run with texts of the usual length, from the config alone."""
    source = experiment.facts[run.facts]
    kept = experiment.world.injection_people if source.source == "world" and experiment.world else FICTIONAL_FACTS
    count = min(kept if source.limit is None else source.limit, kept - source.skip)
    worded = count if source.source == "world" else FICTIONAL_PARAPHRASED
    facts = [Fact(f"f{n:03d}", "", ("",) * (9 if n < worded else 0), ()) for n in range(count)]
    texts = {(one.id, k): [0] * (80 + (7 * n + 3 * k) % 30) for n, one in enumerate(facts) for k in range(10)}
    fields = {name: getattr(run, name) for name in Injections.model_fields if name in type(run).model_fields}
    config = Injections.model_validate(fields | {"decoys": run.twin == "decoys", "rotation": rotation})
    return plan_injections(facts, config, texts)


@pytest.mark.parametrize("preset", PRESETS, ids=[path.stem for path in PRESETS])
def test_a_comparison_of_batches_passes_its_gates(preset: Path) -> None:
    """K6 counts where three batches at one dose inject behind the burn-in and keep lags that are equal in tokens."""
    default = load_experiment([REPOSITORY / "config.yaml"]).knowledge
    experiment = load_experiment([REPOSITORY / "config.yaml", preset])
    study = experiment.knowledge
    assert default is not None
    own = study is not None and study.compare.batches != default.compare.batches
    runs = [study.runs[name] for name in study.compare.batches.fixed_dose] if study and own else []
    assert bool(runs) == (preset.stem == "knowledge"), "the preset that compares everything compares batches"
    if not runs or study is None:
        return
    assert [run.optimization.batch_tokens for run in runs] == [512, 1024, 2048]
    assert len(runs) >= k6.BATCH_SIZES
    assert {run.rows_per_encounter / run.optimization.batch_rows for run in runs} == {0.25}
    shortest, longest = 0.0, math.inf
    for run in runs:
        assert run.placement.mode == "fixed_dose"
        facts = planned(experiment, run).facts
        burn_in = k6.BURN_IN / (1 - run.optimization.betas[1])
        assert min(one.offset for one in facts) >= round(burn_in)
        reached = [lag for lag in study.acquisition.lags if all(lag <= last_lag(run, one) for one in facts)]
        shortest = max(shortest, reached[0] * run.optimization.batch_tokens)
        longest = min(longest, reached[-1] * run.optimization.batch_tokens)
    at_least = k6.SPAN.at_least
    assert at_least is not None and longest / shortest >= at_least


def last_lag(run: RunEntry, fact: PlannedFact) -> int:
    """The longest lag behind the last peak of a fact, wherever in the last window that lies."""
    begin = (fact.encounter_steps or fact.schedule_steps)[-1]
    return max(step for step in fact.probed_steps if step < run.steps) - begin - run.arm_window(run.arms[fact.arm])


def test_the_papers_preset_is_ready_to_run(tmp_path: Path) -> None:
    """All jobs of the study, with the paper's arms: 10 encounters of 40 facts, 40 once, 2,500 steps of 4 M tokens."""
    folder = copy_workflow(tmp_path / "work")
    data = tmp_path / "data"
    for name in ("olmo-7b-step40000-hf", "olmo-7b-step113000-hf", "olmo-7b-step339000-hf", "olmo-1b-step117850-hf"):
        (data / name).mkdir(parents=True)
        (data / name / "config.json").write_text("{}")
    (data / "dolma").mkdir()
    (data / "dolma" / "part.jsonl").write_text('{"id": "a", "text": "b"}\n')
    (data / "fictional_knowledge").mkdir()
    (data / "fictional_knowledge" / "fictional_knowledge_paraphrased.json").write_text("[]")
    (folder / "here.yaml").write_text(yaml.safe_dump({"data_root": str(data)}))
    preset = "workflow/presets/knowledge-paper.yaml"
    done = run_snakemake(folder, "-n", "knowledge", config=(preset, "here.yaml"))
    assert done.returncode == 0, done.stdout
    for row in ("inject                8", "acquisition           4", "knowledge             1"):
        rule, count = row.split()
        assert any(line.split() == [rule, count] for line in done.stdout.splitlines()), row
    experiment = load_experiment([REPOSITORY / "config.yaml", REPOSITORY / preset])
    assert experiment.knowledge is not None
    for run in experiment.knowledge.runs.values():
        assert (run.steps, run.interval, run.optimization.batch_rows) == (2500, 100, 2048)
        assert {name: (arm.facts, arm.encounters) for name, arm in run.arms.items()} == {
            "paraphrase": (20, 10),
            "duplicate": (20, 10),
            "once": (40, 1),
            "never": (40, 0),
        }


def seven_b_data(data: Path) -> None:
    """Folders and files of the names that the preset asks for, with as little in them as can be."""
    for name in (
        "llama-2-7b-chat-hf",
        "tulu-2-7b",
        "clip-vit-large-patch14-336",
        "wildguard",
        "filters/text",
        "filters/image",
    ):
        (data / name).mkdir(parents=True)
        (data / name / "config.json").write_text("{}")
    for name in (
        "llava/pretrain", "llava/instruct", "vlguard/train", "vlguard/test", "spa-vl", "pku-saferlhf", "mme",
        "figstep/images/SafeBench", "mm-safetybench/processed_questions", "mm-safetybench/imgs", "siuo/images",
        "seed-bench/images",
    ):  # fmt: skip
        (data / name).mkdir(parents=True)
        (data / name / "part").write_text("")
    for name in (
        "llava/blip_laion_cc_sbu_558k.json", "llava/llava_v1_5_mix665k.json", "vlguard/train.json", "vlguard/test.json",
        "sorry-bench/question.jsonl", "wildguardmix/test.parquet", "wildguard-prompt.txt", "figstep/safebench.csv",
        "siuo/siuo_gen.json", "xstest/xstest_prompts.csv",
        "xstest/xstest_v2_completions_mistralinstruct_streval.csv", "mmbench/mmbench_dev_en.tsv",
        "seed-bench/SEED-Bench.json",
    ):  # fmt: skip
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("")


def test_the_safety_study_at_the_papers_scale_is_ready_to_run(tmp_path: Path) -> None:
    """Two chat models and a tower from outside, ten prompt sets, three judges; what is missing is named."""
    folder = copy_workflow(tmp_path / "work")
    data = tmp_path / "data"
    seven_b_data(data)
    (folder / "here.yaml").write_text(yaml.safe_dump({"data_root": str(data)}))
    config = ("workflow/presets/safety-7b.yaml", "here.yaml")
    done = run_snakemake(folder, "-n", "models", "scores", "judges", config=config)
    assert done.returncode == 0, done.stdout
    for row in (
        "import_model 3", "align 2", "dpo 4", "outside_prompts 10", "judge 3", "score_safety 28",
        "filter_conversations 1",
    ):  # fmt: skip
        assert any(line.split() == row.split() for line in done.stdout.splitlines()), f"{row}: {done.stdout}"
    (data / "wildguard-prompt.txt").unlink()
    (data / "sorry-bench" / "question.jsonl").unlink()
    done = run_snakemake(folder, "-n", "models", config=config)
    assert done.returncode != 0
    for text in ("judges.wildguard: reads", "Set `prompt_path`", "prompts.sorry_bench: reads", "Set `data_root`"):
        assert text in done.stdout, done.stdout


def test_the_retrieval_study_at_the_papers_scale_is_ready_to_run(tmp_path: Path) -> None:
    """T5-large, NQ-320k and two tasks of KILT; every arm of a set has the same steps, those of contrast included."""
    folder = copy_workflow(tmp_path / "work")
    data = tmp_path / "data"
    (data / "t5-large").mkdir(parents=True)
    (data / "t5-large" / "config.json").write_text("{}")
    for name in ("nq", "kilt"):
        (data / name).mkdir()
        (data / name / "part").write_text("")
    (folder / "here.yaml").write_text(yaml.safe_dump({"data_root": str(data)}))
    preset = "workflow/presets/retrieval-paper.yaml"
    done = run_snakemake(folder, "-n", "retrieval", config=(preset, "here.yaml"))
    assert done.returncode == 0, done.stdout
    for row in ("import_model 1", "retrieval_set 3", "token_contrast 1", "bi_encoder 3", "retrieval_study 1"):
        assert any(line.split() == row.split() for line in done.stdout.splitlines()), f"{row}: {done.stdout}"
    experiment = load_experiment([REPOSITORY / "config.yaml", REPOSITORY / preset])
    study = RetrievalStudy.model_validate_json(make_plan(experiment)["analysis/retrieval"].spec)
    assert set(study.roles) == {"nq320k", "kilt_nq", "kilt_triviaqa"} and study.data == "real data"
    for name, roles in study.roles.items():
        trained = {arm: trials for arm, trials in roles.arms.items() if arm not in ("bm25", "nearest")}
        spent = {arm: max(study.training[one].steps for one in trials) for arm, trials in trained.items()}
        assert len(set(spent.values())) == 1, f"{name}: {spent}"


def test_every_arm_of_the_retrieval_preset_has_equal_steps_pairs_and_trials() -> None:
    """1,200 steps of 64 pairs stand behind each arm on the world, the T5, the contrast and all segments counted."""
    files = [REPOSITORY / "config.yaml", REPOSITORY / "workflow" / "presets" / "retrieval.yaml"]
    study = RetrievalStudy.model_validate_json(make_plan(load_experiment(files))["analysis/retrieval"].spec)
    arms = {
        arm: trials for arm, trials in study.roles["world"].arms.items() if arm not in ("bm25", "nearest", "hybrid")
    }
    assert set(arms) | {"bm25", "nearest", "hybrid"} == set(RetrievalRoles.model_fields)
    for arm, trials in arms.items():
        longest = max((study.training[one] for one in trials), key=lambda one: one.steps)
        assert (len(trials), longest.steps, longest.pairs) == (2, 1200, 76800), arm
    text = {arm: {study.training[one].text for one in trials} for arm, trials in arms.items()}
    assert text["contextual"] == text["ordinary"] == {"documents"}
    assert text["without_context"] == text["ordinary_queries"] == {"titles"}
